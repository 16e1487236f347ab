#if HTTPClient && canImport(AsyncHTTPClient)
  import AsyncHTTPClient
  import NIOCore
  import NIOHTTP1
  import NIOPosix

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// Exchanges over AsyncHTTPClient. Connections are kept and used again; close it with
  /// ``shutdown()``.
  public final class AsyncHTTPExchange: HTTPExchange {
    private let client: HTTPClient
    private let proxied: HTTPClient?
    private let proxy: HTTPProxy?
    private let timeouts: HTTPTimeouts
    private let responseBytes: Int

    /// - Parameters:
    ///   - timeouts: How long to wait.
    ///   - proxy: What `https` requests are tunnelled through.
    ///   - responseBytes: The longest answer.
    public init(
      timeouts: HTTPTimeouts = HTTPTimeouts(), proxy: HTTPProxy? = nil,
      responseBytes: Int = HTTPLimits.responseBytes
    ) {
      var configuration = HTTPClient.Configuration()
      configuration.redirectConfiguration = .disallow
      configuration.decompression = .disabled
      configuration.timeout = .init(
        connect: TimeAmount(timeouts.connect), read: TimeAmount(timeouts.idle),
        write: TimeAmount(timeouts.idle))
      // When to try again is for the caller to decide: a refused connection is an answer.
      configuration.connectionPool.retryConnectionEstablishment = false
      client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
      proxied = proxy.map { proxy in
        configuration.proxy = .server(
          host: proxy.host, port: proxy.port,
          authorization: proxy.credentials.map {
            .basic(username: $0.user, password: $0.password)
          })
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
      }
      self.proxy = proxy
      self.timeouts = timeouts
      self.responseBytes = responseBytes
    }

    public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      try request.check()
      do {
        return try await withinTime { try await self.exchange(request) }
      } catch is NIOTooManyBytesError {
        throw TransportError.protocolViolation(
          "the server's answer is over \(responseBytes >> 10) KiB")
      } catch let error as TransportError {
        throw error
      } catch let error as CancellationError where Task.isCancelled {
        throw error
      } catch {
        let reason = Self.reason(error)
        throw TransportError.unreachable(
          "no answer from \(request.url): \(reason)\(reason.hasSuffix("?") ? "" : ".") "
            + "What was recorded is safe here; sync again later")
      }
    }

    private func exchange(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      var outgoing = HTTPClientRequest(url: request.url)
      outgoing.method = HTTPMethod(rawValue: request.method)
      for header in request.headers {
        outgoing.headers.add(name: header.name, value: header.value)
      }
      if let body = request.body { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
      let client = proxy?.takes(request.url) == true ? proxied ?? client : client
      let response = try await client.execute(outgoing, timeout: TimeAmount(timeouts.total))
      var answer = HTTPExchangeResponse(
        status: Int(response.status.code),
        headers: response.headers.map { (name: $0.name, value: $0.value) }, body: [])
      try answer.checkHead()
      let body = try await response.body.collect(upTo: responseBytes)
      answer.body = [UInt8](body.readableBytesView)
      return answer
    }

    private struct TimedOut: Error {}

    /// The client's own deadline ends with the answer's head: a body that comes in drops would never.
    private func withinTime(
      _ body: @escaping @Sendable () async throws -> HTTPExchangeResponse
    ) async throws -> HTTPExchangeResponse {
      let total = timeouts.total
      return try await withThrowingTaskGroup(of: HTTPExchangeResponse.self) { group in
        group.addTask { try await body() }
        group.addTask {
          try await Task.sleep(for: total)
          throw TimedOut()
        }
        defer { group.cancelAll() }
        guard let answer = try await group.next() else { throw TimedOut() }
        return answer
      }
    }

    private static let failedHandshake = "TLS handshake failed: is it an https address?"

    /// Why there is no answer. The client's errors may quote the request: of those that are not
    /// known only the type is passed on.
    private static func reason(_ error: any Error) -> String {
      switch error {
      case let error as HTTPClientError: return reason(error)
      case let error as NIOConnectionError: return reason(error)
      case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
      case let error as ChannelError:
        if case .connectTimeout = error { return "timed out" }
        return "the connection broke"
      case is TimedOut: return "timed out"
      case is SocketAddressError.UnknownHost: return "the host's name is not known"
      default:
        // The TLS library's types are not among this module's dependencies.
        let name = String(describing: type(of: error))
        return name.contains("SSL") ? failedHandshake : name
      }
    }

    private static func reason(_ error: HTTPClientError) -> String {
      let timeouts: [HTTPClientError] = [
        .connectTimeout, .readTimeout, .writeTimeout, .deadlineExceeded,
        .getConnectionFromPoolTimeout,
      ]
      if timeouts.contains(error) { return "timed out" }
      if error == .tlsHandshakeTimeout { return failedHandshake }
      if error == .remoteConnectionClosed { return "the server closed the connection" }
      return error.shortDescription
    }

    private static func reason(_ error: NIOConnectionError) -> String {
      let place = "cannot connect to \(error.host):\(error.port)"
      if let first = error.connectionErrors.first { return "\(place): \(reason(first.error))" }
      return error.dnsAError != nil || error.dnsAAAAError != nil
        ? "\(place): the host's name is not known" : place
    }

    /// Closes idle connections and ends the client.
    public func shutdown() async throws {
      try await client.shutdown()
      try await proxied?.shutdown()
    }
  }
#endif
