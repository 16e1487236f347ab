import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `An answer that is awaited` {
  // Lives as long as the test: its directory goes with it.
  private let world: World

  init() throws { world = try World() }

  private func setUp() async throws -> (remote: RefusingRemote, store: Store, engine: SyncEngine) {
    let remote = RefusingRemote(world.remote)
    let store = try Store.create(at: world.scratch("a"), label: "a")
    _ = try await Device(store, remote)
    return (remote, store, SyncEngine(journal: store.journal, remote: "server", over: remote))
  }

  @Test func `comes with whichever sync brings it`() async throws {
    let (remote, store, engine) = try await setUp()
    remote.refuse { _, key in key == "bad" ? ("no", "not this one") : nil }
    let good = try await store.write { try $0.put("c", "good", ["n": 1]) }.sequences[0]
    let bad = try await store.write { try $0.put("c", "bad", ["n": 1]) }.sequences[0]
    async let first = engine.acceptance(of: good)
    async let second = engine.acceptance(of: bad)
    async let all: Void = engine.whenNothingPending()
    // Another engine: what is awaited is in the journal.
    let other = SyncEngine(journal: store.journal, remote: "server", over: remote)
    _ = try await other.sync()
    switch try await first {
    case .accepted, .settled: break
    case let status: Issue.record("\(status)")
    }
    #expect(try await second == .parked(code: "no", message: "not this one"))
    try await all
    #expect(try await engine.acceptance(of: good) == .settled)
    store.close()
  }

  @Test func `is awaited again after a restart, by the entry's id`() async throws {
    let (remote, store, _) = try await setUp()
    let sequence = try await store.write { try $0.put("c", "1", ["n": 1]) }.sequences[0]
    let id = try #require(try store.journal.read { try $0.entry(sequence)?.header.id })
    store.close()
    let again = try Store.open(at: world.scratch("a"))
    let engine = SyncEngine(journal: again.journal, remote: "server", over: remote)
    async let status = engine.acceptance(of: id)
    _ = try await engine.sync()
    #expect(try await status.isAnswered)
    _ = try await again.compact()
    #expect(try await engine.acceptance(of: id) == .settled)
    again.close()
  }

  @Test func `ends with a discard, and with the task that awaits it`() async throws {
    let (_, store, engine) = try await setUp()
    let sequences = try await [
      store.write { try $0.put("c", "1", ["n": 1]) }.sequences[0],
      store.write { try $0.put("c", "2", ["n": 1]) }.sequences[0],
    ]
    async let status = engine.acceptance(of: sequences[0])
    try await store.discard([sequences[0]])
    #expect(try await status == .discarded)
    let task = Task { try await engine.acceptance(of: sequences[1]) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    await #expect(throws: JournalError.self) { try await engine.acceptance(of: 1) }
    store.close()
  }

  /// Takes one credential and notes what it was sent.
  private final class Guarded: HTTPExchange {
    let sent = Mutex<[(credential: String?, body: [UInt8]?)]>([])
    func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      let credential = request.headers.first { $0.name == "Authorization" }?.value
      sent.withLock { $0.append((credential, request.body)) }
      guard credential == "Bearer new" else { return HTTPExchangeResponse(status: 401, body: []) }
      return HTTPExchangeResponse(
        status: 503,
        headers: [
          ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
          ("Retry-After", "Sun, 06 Nov 1994 08:51:07 GMT"),
        ], body: [])
    }
  }

  @Test func `401 is answered by the same bytes with fresh credentials, once`() async throws {
    let exchange = Guarded()
    let tokens = Mutex(["Bearer old", "Bearer new"])
    let server = try JournalServer(url: "http://localhost:1", exchange: exchange) {
      tokens.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
    let witness = Witness(
      device: DeviceID(high: 1, low: 2), label: "a", verifierKey: "k", checkpoint: "c", fromSize: 0,
      proof: [])
    let push = Push(witness: witness, segment: SegmentCodec.encode([]))
    do {
      _ = try await server.push(push)
      Issue.record("503 was taken for an answer")
    } catch let error as TransportError {
      #expect(error.code == "unavailable" && error.retryAfterMilliseconds == 90_000)
    }
    let sent = exchange.sent.withLock { $0 }
    #expect(sent.map(\.credential) == ["Bearer old", "Bearer new"])
    #expect(sent[0].body == sent[1].body && sent[0].body != nil)
    let stubborn = try JournalServer(url: "http://localhost:1", exchange: exchange) { "Bearer old" }
    await #expect(throws: TransportError.self) { try await stubborn.push(push) }
    #expect(exchange.sent.withLock { $0 }.count == 3, "the same credentials are not tried twice")
  }

  /// Hangs in a push until the task is cancelled.
  private final class Hanging: Remote {
    let inner: Loopback
    let began = AsyncStream.makeStream(of: Void.self)
    init(_ inner: Loopback) { self.inner = inner }
    func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }
    func push(_ push: Push) async throws -> PushAnswer {
      _ = try await inner.push(push)
      began.continuation.yield()
      let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
      await withTaskCancellationHandler {
        for await _ in stream {}
      } onCancel: {
        continuation.finish()
      }
      throw CancellationError()
    }
    func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
      try await inner.changes(after: cursor, limit: limit, device: device)
    }
    func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
  }

  @Test func `a sync that is cancelled half way loses nothing and doubles nothing`() async throws {
    let (remote, store, engine) = try await setUp()
    for key in ["1", "2", "3"] { try await store.write { try $0.put("c", key, ["n": 1]) } }
    let hanging = Hanging(world.remote)
    let cut = SyncEngine(journal: store.journal, remote: "server", over: hanging)
    let task = Task { try await cut.sync() }
    for await _ in hanging.began.stream { break }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(try store.journal.read { try $0.counts() }.inFlight == 3)
    let report = try await engine.sync()
    #expect(report.accepted == 3 && report.pending == 0 && remote.pushes.count == 1)
    #expect(Set(world.remote.segments).count == 1, "the same bytes")
    #expect(try store.problems() == [])
    let edits = try world.serverEdits()
    #expect(edits.count == 3 && Set(edits).count == 3)
  }
}
