import Journal
import Synchronization
import Testing

@testable import Transport

/// What holds for each kind of server that is spoken to over HTTP.
@Suite struct `A request with credentials` {
  private static let device = DeviceID(high: 1, low: 2)
  private static let canary = "canary-7f3a9c"

  @Test(arguments: ServerKind.allCases)
  func `that are not taken is made again with fresh ones and the same bytes, once`(
    _ kind: ServerKind
  ) async throws {
    let exchange = ScriptedExchange { request, _ in
      guard request.credentials == "Bearer new" else {
        return HTTPExchangeResponse(status: 401, body: [])
      }
      return HTTPExchangeResponse(status: 503, body: [])
    }
    let tokens = Mutex(["Bearer old", "Bearer new"])
    let remote = try kind.remote(exchange) {
      tokens.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
    #expect(try await failure(of: kind.push(), remote)?.code == "unavailable")
    let sent = exchange.requests
    #expect(sent.map(\.credentials) == ["Bearer old", "Bearer new"])
    #expect(sent[0].body == sent[1].body && sent[0].body?.isEmpty == false)
    #expect(sent[0].method == sent[1].method && sent[0].url == sent[1].url)
  }

  @Test(arguments: ServerKind.allCases)
  func `that are the only ones is not made again`(_ kind: ServerKind) async throws {
    let exchange = ScriptedExchange { _, _ in HTTPExchangeResponse(status: 401, body: []) }
    let remote = try kind.remote(exchange) { "Bearer old" }
    #expect(try await failure(of: kind.push(), remote)?.code == "unauthorized")
    #expect(exchange.requests.count == 1)
  }

  /// What a push failed with, wherever the remote says so.
  private func failure(of push: Push, _ remote: any Remote) async throws -> TransportError? {
    do {
      switch try await remote.push(push) {
      case .interrupted(_, let error): return error
      case .failed(let failure): return failure.error
      default: return nil
      }
    } catch let error as TransportError {
      return error
    }
  }

  @Test(
    arguments: ServerKind.allCases,
    ["Bearer \(canary)", "Basic \(Base64.encode(Array("ann:\(canary)".utf8)))"])
  func `whose answer repeats them has a reason without them`(
    _ kind: ServerKind, _ credentials: String
  ) async throws {
    let exchange = ScriptedExchange { _, _ in
      let token = credentials.split(separator: " ")[1]
      return kind.refusal("you said \(credentials) and \(token), \(Self.canary)")
    }
    let answer = try await kind.remote(exchange) { credentials }.push(try kind.push())
    guard case .judged(let verdicts, _) = answer, case .refused(let code, let message) = verdicts[0]
    else {
      Issue.record("\(answer)")
      return
    }
    #expect(message.contains("you said *"))
    for secret in credentials.split(separator: " ").dropFirst() + [Self.canary[...]] {
      #expect(!message.contains(secret) && !code.contains(secret))
    }
  }

  @Test(arguments: ServerKind.allCases)
  func `that fails says nothing of them in its error`(_ kind: ServerKind) async throws {
    for status in [400, 403, 404, 409, 418, 500, 503] {
      let exchange = ScriptedExchange { _, _ in
        HTTPExchangeResponse(
          status: status, headers: [("Location", Self.canary)],
          body: Array(#"{"message":"\#(Self.canary)"}"#.utf8))
      }
      let remote = try kind.remote(exchange) { "Bearer \(Self.canary)" }
      #expect(await !said { try await remote.push(kind.push()) }.contains(Self.canary))
      #expect(await !said { try await remote.info(device: Self.device) }.contains(Self.canary))
    }
  }

  /// All there is to read of an answer or an error.
  private func said<R>(_ body: () async throws -> R) async -> String {
    do { return try await "\(body())" } catch { return "\(error)" }
  }

  @Test func `has the headers of a failure without them, and those of a success as they are`()
    async throws
  {
    let statuses = [200, 404]
    for status in statuses {
      let exchange = AuthorizedExchange(
        exchange: ScriptedExchange { _, _ in
          HTTPExchangeResponse(
            status: status, headers: [("ETag", "\"\(Self.canary)\"")],
            body: Array(Self.canary.utf8))
        }, authorization: { "Bearer \(Self.canary)" })
      let answer = try await exchange.send(HTTPExchangeRequest(method: "GET", url: "https://a"))
      #expect((answer.header("etag") == "\"*\"") == (status == 404))
      #expect((answer.body == [UInt8(ascii: "*")]) == (status == 404))
    }
  }

  @Test(arguments: ServerKind.allCases)
  func `is answered in plain bytes and a bounded head, or not at all`(_ kind: ServerKind)
    async throws
  {
    let many = (0...HTTPLimits.responseHeaders).map { (name: "X-\($0)", value: "") }
    for headers in [[(name: "Content-Encoding", value: "gzip")], many] {
      let exchange = ScriptedExchange { _, _ in
        HTTPExchangeResponse(status: 200, headers: headers, body: Array("{}".utf8))
      }
      let remote = try kind.remote(exchange) { nil }
      let error = await #expect(throws: TransportError.self) {
        try await remote.info(device: Self.device)
      }
      #expect(error?.code == "protocol-violation")
      #expect(error?.description.contains(headers.count > 1 ? "headers" : "compressed") == true)
    }
  }

  @Test func `for a list of Kinto's is not followed to a page whose address repeats them`()
    async throws
  {
    let server = KintoDouble()
    for number in 0..<3 { server.write("c", "r\(number)", ["n": 1]) }
    server.state.withLock { $0.pageLimit = 1 }
    let exchange = ScriptedExchange(before: server) { _, answer in
      for index in answer.headers.indices where answer.headers[index].name == "Next-Page" {
        answer.headers[index].value += "&key=\(Self.canary)"
      }
    }
    let device = try await RecordDevice(server, through: exchange) { "Bearer \(Self.canary)" }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(try !device.writtenDown.contains(Self.canary))
  }

  @Test func `for a list of plain records is not followed to a page whose address repeats them`()
    async throws
  {
    var settings = RESTSettings(versionField: "changed")
    settings.paging = .link
    let server = PlainServer(settings)
    server.write("c", "1", ["n": 1])
    let exchange = ScriptedExchange(before: server) { request, answer in
      guard request.method == "GET" else { return }
      let link = "<https://plain.test/api/c?page=2&key=\(Self.canary)>; rel=\"next\""
      answer.headers.append((name: "Link", value: link))
    }
    let device = try await RecordDevice(server, through: exchange) { "Bearer \(Self.canary)" }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(try !device.writtenDown.contains(Self.canary))
  }

  @Test func `keeps data as it is that has the same text in it`() async throws {
    let server = KintoDouble()
    server.write("c", "r", ["said": .string(Self.canary)])
    let device = try await RecordDevice(server) { "Bearer \(Self.canary)" }
    try await device.sync()
    #expect(try device.get("r") == ["said": .string(Self.canary)])
  }
}
