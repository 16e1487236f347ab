#if canImport(NIOPosix)
  import NIOCore
  import NIOPosix
  import Synchronization
  import Transport

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// What a ``FaultProxy`` does to one connection.
  public enum ConnectionFault: Sendable, Hashable {
    /// It goes through.
    case none
    /// It is closed as soon as it is made.
    case refused
    /// The server gets so many bytes of what is sent, then the connection ends.
    case requestCut(after: Int)
    /// The client gets so many bytes of what is answered, then the connection ends: a truncated answer.
    case answerCut(after: Int)
    /// The client gets so many bytes of what is answered, then the connection is reset.
    case answerReset(after: Int)
    /// The client gets what is answered in pieces of so many bytes with a pause between them: a slow
    /// loris that serves.
    case slow(bytes: Int, pause: Duration)
    /// The server gets what is sent, the client never gets a byte.
    case silent
  }

  /// A TCP proxy on this machine that breaks the connections through it: for clients and servers that are
  /// tested from outside.
  ///
  /// ```swift
  /// try await FaultProxy.with(port: server.port, script: [.answerReset(after: 100), .none]) { proxy in
  ///   let remote = try JournalServer(url: "http://127.0.0.1:\(proxy.port)", exchange: client)
  ///   // …
  /// }
  /// ```
  ///
  /// It passes bytes on and knows nothing of HTTP or TLS. The script's faults come first, one for each
  /// connection in the order in which they are made; then those drawn with the seed. A client that keeps
  /// connections alive meets one fault for many requests: count connections, not requests. There is none
  /// where SwiftNIO is not built in. Safe to use from any thread.
  public final class FaultProxy: Sendable {
    private struct State {
      var script: ArraySlice<ConnectionFault>
      var random: SeededWords?
      var rate: Double
      var applied: [ConnectionFault] = []
    }

    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Where it listens, on 127.0.0.1.
    public let port: Int
    private let target: (host: String, port: Int)
    private let state: Mutex<State>
    private let clock: any Clock<Duration>

    private init(
      port: Int, to target: (host: String, port: Int), _ state: State, _ clock: any Clock<Duration>
    ) {
      (self.port, self.target, self.clock) = (port, target, clock)
      self.state = Mutex(state)
    }

    /// What happened to each connection so far.
    public var applied: [ConnectionFault] { state.withLock { $0.applied } }

    /// Runs a proxy while a closure runs.
    ///
    /// - Parameters:
    ///   - host: Where the server listens.
    ///   - port: Where the server listens.
    ///   - script: What happens to the first connections.
    ///   - seed: What faults are drawn with after the script; without one there are none.
    ///   - rate: How many of the connections have a fault then, 0 to 1.
    ///   - clock: What pauses pass on.
    ///   - body: Given the proxy; connections end with it.
    /// - Throws: What the closure throws; `TransportError.unreachable` where no port can be had.
    public static func with<R: Sendable>(
      host: String = "127.0.0.1", port: Int, script: [ConnectionFault] = [], seed: UInt64? = nil,
      rate: Double = 0.25, clock: any Clock<Duration> = ContinuousClock(),
      _ body: sending @escaping (FaultProxy) async throws -> R
    ) async throws -> R {
      let listening: NIOAsyncChannel<Connection, Never>
      do {
        listening = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
          .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
          .bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture {
              try Connection(wrappingChannelSynchronously: channel)
            }
          }
      } catch {
        throw TransportError.unreachable("the proxy cannot listen: \(type(of: error))")
      }
      let proxy = FaultProxy(
        port: listening.channel.localAddress?.port ?? 0, to: (host, port),
        State(script: script[...], random: seed.map { SeededWords(state: $0) }, rate: rate), clock)
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await proxy.serve(listening) }
        defer { group.cancelAll() }
        return try await body(proxy)
      }
    }

    private func serve(_ listening: NIOAsyncChannel<Connection, Never>) async throws {
      try await listening.executeThenClose { connections in
        try await withThrowingDiscardingTaskGroup { group in
          for try await client in connections {
            let fault = next()
            // What becomes of one connection is no matter of the others.
            group.addTask { try? await self.pass(client, fault) }
          }
        }
      }
    }

    private func next() -> ConnectionFault {
      state.withLock { state in
        let fault = state.script.popFirst() ?? Self.drawn(&state)
        state.applied.append(fault)
        return fault
      }
    }

    private static func drawn(_ state: inout State) -> ConnectionFault {
      guard var random = state.random else { return .none }
      defer { state.random = random }
      guard Double.random(in: 0..<1, using: &random) < state.rate else { return .none }
      let count = Int.random(in: 0..<2_000, using: &random)
      switch Int.random(in: 0..<5, using: &random) {
      case 0: return .refused
      case 1: return .requestCut(after: count)
      case 2: return .answerCut(after: count)
      case 3: return .answerReset(after: count)
      default: return .slow(bytes: 1 + count % 64, pause: .milliseconds(1))
      }
    }

    // MARK: One connection

    private func pass(_ client: Connection, _ fault: ConnectionFault) async throws {
      let target = target
      try await client.executeThenClose { fromClient, toClient in
        guard fault != .refused else { return }
        let server = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
          .connect(host: target.host, port: target.port) { channel in
            channel.eventLoop.makeCompletedFuture {
              try Connection(wrappingChannelSynchronously: channel)
            }
          }
        try await server.executeThenClose { fromServer, toServer in
          await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Self.send(fromClient, toServer, fault) }
            group.addTask { try? await self.answer(fromServer, toClient, fault, client) }
            // When one direction ends the connection does.
            await group.next()
            group.cancelAll()
          }
        }
      }
    }

    private static func send(
      _ source: NIOAsyncChannelInboundStream<ByteBuffer>,
      _ sink: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ fault: ConnectionFault
    ) async throws {
      var left = Int.max
      if case .requestCut(let count) = fault { left = count }
      for try await var bytes in source {
        let part = bytes.readSlice(length: min(left, bytes.readableBytes)) ?? bytes
        left -= part.readableBytes
        try await sink.write(part)
        if left <= 0 { return }
      }
    }

    private func answer(
      _ source: NIOAsyncChannelInboundStream<ByteBuffer>,
      _ sink: NIOAsyncChannelOutboundWriter<ByteBuffer>, _ fault: ConnectionFault,
      _ client: Connection
    ) async throws {
      var left = Int.max
      switch fault {
      case .answerCut(let count), .answerReset(let count): left = max(0, count)
      default: break
      }
      for try await var bytes in source where fault != .silent {
        if case .slow(let size, let pause) = fault {
          while let piece = bytes.readSlice(length: min(max(1, size), bytes.readableBytes)),
            piece.readableBytes > 0
          {
            try await sink.write(piece)
            try await clock.sleep(for: pause)
          }
          continue
        }
        let part = bytes.readSlice(length: min(left, bytes.readableBytes)) ?? bytes
        left -= part.readableBytes
        try await sink.write(part)
        if left <= 0 { break }
      }
      guard case .answerReset = fault, left <= 0,
        let socket = client.channel as? any SocketOptionProvider
      else { return }
      // Closed without lingering, the system resets the connection.
      try await socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
      try await client.channel.close().get()
    }
  }
#endif
