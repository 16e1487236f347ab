import Journal
import Synchronization
import Testing
import Transport

#if HTTPClient && os(Linux)
  @Suite struct `An HTTP client whose server` {
    private static let token = "Bearer canary-1b9d"

    /// - Parameter isPatient: Whether nothing that is tested ends by time: a busy machine is slow.
    private func exchange(isPatient: Bool = true) -> AsyncHTTPExchange {
      var timeouts = HTTPTimeouts()
      (timeouts.connect, timeouts.idle, timeouts.total) =
        isPatient
        ? (.seconds(600), .seconds(600), .seconds(600)) : (.seconds(2), .seconds(1), .seconds(2))
      return AsyncHTTPExchange(timeouts: timeouts, responseBytes: 256 << 10)
    }

    private func get(
      _ exchange: any HTTPExchange, _ port: UInt16, scheme: String = "http"
    ) async throws -> HTTPExchangeResponse {
      try await exchange.send(
        HTTPExchangeRequest(
          method: "GET", url: "\(scheme)://127.0.0.1:\(port)/v1/info",
          headers: [(name: "Authorization", value: Self.token)]))
    }

    private static let good = WireAttack.ok + "Connection: close\r\nContent-Length: 4\r\n\r\ngood"

    /// The answer to a request that is not attacked. A connection the server closes while the client takes
    /// it for its next request is nobody's fault: it is asked again.
    private func unattacked(_ exchange: any HTTPExchange, _ port: UInt16) async
      -> HTTPExchangeResponse?
    {
      for _ in 0..<5 {
        if let answer = try? await get(exchange, port) { return answer }
      }
      return nil
    }

    /// Makes one request that is attacked and one that is not, with the same client.
    private func attack(
      _ code: String, scheme: String = "http", isEndless: Bool = false,
      _ answer: @escaping @Sendable (RawConnection) -> Void
    ) async throws {
      let server = try RawServer { connection, number in
        if scheme == "http" { connection.request() }
        if number == 1 { answer(connection) } else { connection.send(Self.good) }
      }
      defer { server.stop() }
      let exchange = exchange(isPatient: !isEndless)
      let error = await #expect(throws: TransportError.self) {
        try await get(exchange, server.port, scheme: scheme)
      }
      #expect(error?.code == code, "\(error.map { "\($0)" } ?? "")")
      #expect(error?.description.contains("canary") == false)
      if scheme == "http" {
        let other = isEndless ? self.exchange() : exchange
        let answer = await unattacked(other, server.port)
        if isEndless { try await other.shutdown() }
        #expect(answer?.body == Array("good".utf8))
      }
      try await exchange.shutdown()
    }

    @Test(arguments: WireAttack.all)
    func `answers with`(_ attack: WireAttack) async throws {
      try await self.attack(attack.code, isEndless: attack.isEndless, attack.answer)
    }

    @Test func `speaks no TLS`() async throws {
      try await attack("unreachable", scheme: "https") { $0.send("HTTP/1.1 400 no\r\n\r\n") }
    }

    @Test func `breaks a TLS handshake off`() async throws {
      try await attack("unreachable", scheme: "https") { connection in
        connection.send([0x16, 0x03, 0x03, 0x40, 0x00, 0x02, 0x00])
      }
    }

    @Test func `ends a TLS handshake with an alert`() async throws {
      try await attack("unreachable", scheme: "https") { connection in
        connection.send([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28])
      }
    }

    @Test func `is silent in a TLS handshake`() async throws {
      try await attack("unreachable", scheme: "https", isEndless: true) { $0.waitForEnd() }
    }

    @Test func `resets fifty connections`() async throws {
      let server = try RawServer { connection, number in
        connection.request()
        if number <= 50 { connection.reset() } else { connection.send(Self.good) }
      }
      defer { server.stop() }
      let exchange = exchange()
      for _ in 0..<50 {
        let error = await #expect(throws: TransportError.self) {
          try await get(exchange, server.port)
        }
        #expect(error?.code == "unreachable")
      }
      #expect(await unattacked(exchange, server.port)?.status == 200)
      try await exchange.shutdown()
    }

    @Test func `sends a second answer nobody asked for, which is not taken for the next one`()
      async throws
    {
      let server = try RawServer { connection, number in
        connection.request()
        connection.send(
          number == 1
            ? WireAttack.ok + "Content-Length: 2\r\n\r\n[]" + WireAttack.ok
              + "Content-Length: 4\r\n\r\nevil" : Self.good)
      }
      defer { server.stop() }
      let exchange = exchange()
      _ = try? await get(exchange, server.port)
      #expect(await unattacked(exchange, server.port)?.body == Array("good".utf8))
      try await exchange.shutdown()
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `redirects to another one, which gets neither the request nor the token`(
      _ status: Int
    ) async throws {
      let other = try RawServer { connection, _ in
        connection.request()
        connection.send(Self.good)
      }
      defer { other.stop() }
      let port = other.port
      let server = try RawServer { connection, _ in
        connection.request()
        connection.send(
          "HTTP/1.1 \(status) Moved\r\nLocation: http://127.0.0.1:\(port)/v1/info\r\n"
            + "Connection: close\r\nContent-Length: 0\r\n\r\n")
      }
      defer { server.stop() }
      let exchange = exchange()
      #expect(await unattacked(exchange, server.port)?.status == status)
      let url = "http://127.0.0.1:\(server.port)"
      let rest = try RESTServer(
        url: url, collections: ["c"], settings: RESTSettings(versionField: "v"), exchange: exchange)
      let journal = try JournalServer(url: url, exchange: exchange)
      for remote in [rest, journal] as [any Remote] {
        let error = await #expect(throws: TransportError.self) {
          try await remote.changes(after: nil, limit: 1, device: DeviceID(high: 1, low: 2))
        }
        #expect(error?.code == "protocol-violation")
      }
      #expect(other.connections == 0)
      try await exchange.shutdown()
    }

    @Test(arguments: [
      ("X-A", "b\r\nEvil: 1"), ("X-A", "b\nc"), ("X-A", "b\u{0}c"), ("X\r\nEvil", "b"), ("", "b"),
      ("X Y", "b"),
    ])
    func `is not sent headers that are more than one`(_ header: (String, String)) async throws {
      let exchange = exchange()
      let error = await #expect(throws: TransportError.self) {
        try await exchange.send(
          HTTPExchangeRequest(
            method: "GET", url: "http://127.0.0.1:1/", headers: [(name: header.0, value: header.1)])
        )
      }
      #expect(error?.code == "invalid-configuration")
      #expect(error?.description.contains("Evil") == false)
      try await exchange.shutdown()
    }

    @Test(arguments: [
      "http://127.0.0.1:1/a b", "http://127.0.0.1:1/a\r\nEvil: 1", "http://127.0.0.1:1/\u{0}",
      "http://127.0.0.1:1/é",
    ])
    func `is not asked by a URL with line breaks or blanks`(_ url: String) async throws {
      let exchange = exchange()
      let error = await #expect(throws: TransportError.self) {
        try await exchange.send(HTTPExchangeRequest(method: "GET", url: url))
      }
      #expect(error?.code == "invalid-configuration")
      try await exchange.shutdown()
    }

    @Test func `stands behind a proxy, which sees no credentials but its own`() async throws {
      let seen = Mutex("")
      let proxy = try RawServer { connection, _ in
        let head = connection.request()
        seen.withLock { $0 = head }
        connection.send("HTTP/1.1 403 no\r\nContent-Length: 0\r\n\r\n")
      }
      defer { proxy.stop() }
      var timeouts = HTTPTimeouts()
      timeouts.total = .seconds(3)
      let exchange = AsyncHTTPExchange(
        timeouts: timeouts, proxy: try HTTPProxy("http://me:pass@127.0.0.1:\(proxy.port)"))
      let error = await #expect(throws: TransportError.self) {
        try await exchange.send(
          HTTPExchangeRequest(
            method: "GET", url: "https://far.test/x",
            headers: [(name: "Authorization", value: Self.token)]))
      }
      #expect(error?.code == "unreachable")
      #expect(seen.withLock { $0 }.hasPrefix("CONNECT far.test:443 "))
      #expect(seen.withLock { $0 }.lowercased().contains("proxy-authorization: basic"))
      #expect(!seen.withLock { $0 }.contains("canary"))
      try await exchange.shutdown()
    }

    @Test func `is named by an environment, with those that need no proxy`() throws {
      #expect(try HTTPProxy(environment: [:]) == nil)
      let proxy = try #require(
        try HTTPProxy(environment: ["https_proxy": "http://p.test:3128/", "NO_PROXY": ".a.test, b"])
      )
      #expect(proxy.host == "p.test" && proxy.port == 3_128)
      #expect(proxy.exceptions == [".a.test", "b"])
      for text in ["", "http://", "p:0", "p:x", "a@b@c", "p:99999", "p q:1"] {
        #expect(throws: TransportError.self) { _ = try HTTPProxy(text) }
      }
    }
  }
#endif
