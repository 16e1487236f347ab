import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport
import TransportTesting

/// What queues of requests do elsewhere, and what becomes of it where every edit is an entry.
@Suite struct `A queue of edits` {
  private static let root = "https://plain.test/api"
  /// A server that says by 501 and 404 that it cannot do it yet.
  private static let rules = AnswerRules { status in
    [404, 501, 502, 503, 504].contains(status)
      ? .later : AnswerRules.standard.meaning(of: status)
  }

  private let scratch: Scratch
  private let store: Store

  init() async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("device"), label: "device")
    try await store.journal.declare(
      RemoteDeclaration(
        name: "plain", kind: "rest", url: Self.root, collections: ["c"],
        options: RESTSettings(versionField: "changed").options))
  }

  private func engine(_ exchange: any HTTPExchange) throws -> SyncEngine {
    try SyncEngine(
      journal: store.journal, remote: "plain",
      over: RESTServer(
        url: Self.root, collections: ["c"], settings: RESTSettings(versionField: "changed"),
        exchange: exchange, rules: Self.rules))
  }

  private var queued: UInt64 {
    get throws { try store.journal.read { try $0.counts() }.pending }
  }

  private static func created(_ id: Int) -> String { #"{"id":"\#(id)","n":1,"changed":\#(id)}"# }

  @Test func `S-BR-01 keeps what a server cannot do yet, and sends it until it can`() async throws {
    defer { store.close() }
    let stub = StubExchange([
      StubRule("HEAD", "\(Self.root)/c"),
      .get("\(Self.root)/c", body: "[]"),
      .post("\(Self.root)/c", body: Self.created(7)).failing(2, withStatus: 501),
    ])
    try await store.write { try $0.create("c", "mine", ["n": 1]) }
    let engine = try engine(stub)
    func posts() -> Int { stub.requests.count { $0.method == "POST" } }
    for attempt in 1...2 {
      await #expect(throws: TransportError.self) { try await engine.sync() }
      #expect(try queued == 1)
      #expect(posts() == attempt)
    }
    #expect(try await engine.sync().pending == 0)
    #expect(posts() == 3)
    // A read that finds nothing queues nothing.
    stub.add(.get("\(Self.root)/c", status: 404))
    await #expect(throws: TransportError.self) { try await engine.sync() }
    #expect(try queued == 0)
    #expect(try store.problems() == [])
  }

  @Test func `S-BR-01 keeps two edits that say the same as two`() async throws {
    defer { store.close() }
    try await store.write { try $0.create("c", "one", ["n": 1]) }
    try await store.write { try $0.create("c", "two", ["n": 1]) }
    #expect(try queued == 2)
    let stub = StubExchange([
      StubRule("HEAD", "\(Self.root)/c"), .get("\(Self.root)/c", body: "[]"),
      .post("\(Self.root)/c", body: Self.created(7)),
    ])
    let engine = try engine(stub)
    // The table of answers gives both the same id: what is one record there is one here.
    _ = try? await engine.sync(.pushOnly)
    #expect(stub.requests.count { $0.method == "POST" } == 2)
  }

  @Test func `S-BR-04 sends one request at a time, in order`() async throws {
    defer { store.close() }
    let server = OneAtATime(Self.root)
    try await store.write { try $0.create("c", "first", ["n": 1]) }
    try await store.write { try $0.put("c", "second", ["n": 2]) }
    let engine = try engine(server)
    async let report = engine.sync(.pushOnly)
    await server.posted.wait()
    #expect(server.log == ["HEAD /c", "POST /c"], "the PUT waits for the POST")
    // A second call is the same sync.
    async let second = engine.sync(.pushOnly)
    server.answer.open()
    #expect(try await report.pending == 0)
    #expect(try await second.pending == 0)
    #expect(server.log.filter { !$0.hasPrefix("HEAD") } == ["POST /c", "PUT /c/second"])
    #expect(server.most == 1)
  }
}

/// A door that is opened once.
private final class Door: Sendable {
  private let stream: AsyncStream<Void>
  private let continuation: AsyncStream<Void>.Continuation

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func open() { continuation.finish() }
  func wait() async { for await _ in stream {} }
}

/// Answers a POST when it is let; counts how many requests are under way.
private final class OneAtATime: HTTPExchange {
  private struct State {
    var log: [String] = []
    var running = 0
    var most = 0
  }

  let posted = Door()
  let answer = Door()
  private let state = Mutex(State())
  private let root: String

  init(_ root: String) { self.root = root }

  var log: [String] { state.withLock { $0.log } }
  var most: Int { state.withLock { $0.most } }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    state.withLock { state in
      state.log.append("\(request.method) \(request.url.dropFirst(root.count))")
      state.running += 1
      state.most = max(state.most, state.running)
    }
    defer { state.withLock { $0.running -= 1 } }
    guard request.method != "HEAD" else { return HTTPExchangeResponse(status: 200, body: []) }
    if request.method == "POST" {
      posted.open()
      await answer.wait()
    }
    let id = request.method == "POST" ? "9" : "second"
    let body = #"{"id":"\#(id)","n":1,"changed":\#(request.method == "POST" ? 5 : 6)}"#
    return HTTPExchangeResponse(status: 200, body: Array(body.utf8))
  }
}
