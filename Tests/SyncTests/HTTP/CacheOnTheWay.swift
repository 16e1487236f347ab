import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// A cache that keeps every answer for ever, and asks the server again where a request wants that.
private final class Cache: HTTPExchange {
  private let server: any HTTPExchange
  private let kept = Mutex<[String: HTTPExchangeResponse]>([:])

  init(_ server: any HTTPExchange) { self.server = server }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let isReading = request.method == "GET" || request.method == "HEAD"
    let wantsNews = request.headers.contains { header in
      header.name.lowercased() == "cache-control" && header.value.contains("no-cache")
    }
    let place = "\(request.method) \(request.url)"
    if isReading, !wantsNews, let answer = kept.withLock({ $0[place] }) { return answer }
    let answer = try await server.send(request)
    if isReading, answer.status == 200 { kept.withLock { $0[place] = answer } }
    return answer
  }
}

@Suite struct `A cache between here and the server` {
  @Test func `hides no change`() async throws {
    let world = try World()
    let a = try await world.device("a")
    let store = try Store.create(at: world.scratch("b"), label: "b")
    defer { store.close() }
    try await store.journal.declare(
      RemoteDeclaration(name: "server", kind: "journal", url: "https://server.test"))
    let engine = try SyncEngine(
      journal: store.journal, remote: "server",
      over: JournalServer(
        url: "https://server.test", exchange: Cache(CodedServer(world.server))))
    try await a.put("1", ["n": 1])
    try await a.sync()
    _ = try await engine.sync()
    // The same question again, at the same cursor.
    _ = try await engine.sync()
    try await a.update("1", ["n": 2])
    try await a.sync()
    _ = try await engine.sync()
    #expect(try store.read { try $0.get("c", "1") } == ["n": 2])
  }

  @Test(arguments: ["GET", "HEAD", "POST"])
  func `is told so by every request that reads`(_ method: String) async throws {
    let seen = Mutex<[String]>([])
    let exchange = AuthorizedExchange(
      exchange: Listening { request in
        seen.withLock { seen in
          seen = request.headers.filter { $0.name == "Cache-Control" }.map(\.value)
        }
      }, authorization: { nil })
    _ = try await exchange.send(HTTPExchangeRequest(method: method, url: "https://server.test/"))
    #expect(seen.withLock { $0 } == (method == "POST" ? [] : ["no-cache"]))
  }
}

private struct Listening: HTTPExchange {
  let hear: @Sendable (HTTPExchangeRequest) -> Void

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    hear(request)
    return HTTPExchangeResponse(status: 200, body: [])
  }
}
