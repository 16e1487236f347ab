import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Our server behind something that fails for what it has carried out.
private final class DoubtfulRemote: Remote {
  /// What becomes of a push.
  enum Loss {
    /// It is carried out, and the answer is a failure that says nothing.
    case failure
    /// It is carried out, and there is no answer.
    case silence
    /// It does not arrive, and the exchange ends early.
    case interruption
  }

  private let inner: Loopback
  /// What becomes of the next ones.
  private let losses = Mutex<[Loss]>([])

  init(_ inner: Loopback) { self.inner = inner }

  func lose(_ losses: Loss...) { self.losses.withLock { $0 = losses } }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer {
    let loss = losses.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    if loss == .interruption {
      let changes = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }
      return .interrupted(
        verdicts: changes.map { _ in .retry(afterMilliseconds: 0) }, by: .unavailable("later"))
    }
    let answer = try await inner.push(push)
    switch loss {
    case .failure:
      return .failed(PushFailure(code: "http-500", message: "it failed", blame: .unknown))
    case .silence: throw TransportError.unreachable("no answer")
    case .interruption, nil: return answer
    }
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
}

@Suite struct `An edit that may have arrived though no answer says so` {
  /// How a device lets go of what it has sent.
  enum LettingGo: CaseIterable {
    /// The request is halved.
    case halved
    /// The journal was copied, and goes on as another device.
    case copied
  }

  private struct InDoubt {
    let world: World
    let remote: DoubtfulRemote
    let a: Device
    let b: Device
  }

  /// A device whose update of record 1 was let go of without an answer, carried out at the server, and followed
  /// there by another device's; the full state shows that one alone.
  private func inDoubt(
    _ policy: TestedPolicy, _ lettingGo: LettingGo = .halved
  ) async throws -> InDoubt {
    let world = try World()
    let remote = DoubtfulRemote(world.remote)
    let store = try Store.create(at: world.scratch("a"), label: "a", records: policy.records)
    let (a, b) = (try await Device(store, remote), try await world.device("b", policy))
    if let policy = policy.policy { try await store.declarePolicy(policy, of: "c") }
    try await b.put("1", ["n": 0])
    try await settle([a, b], rounds: 2)
    try await a.put("first", ["n": 1])
    try await a.update("1", ["n": 1, "tag1": true])
    switch lettingGo {
    case .halved:
      // The third failure halves the request; of the first half no answer comes.
      remote.lose(.failure, .failure, .failure, .silence)
      for _ in 0..<3 {
        await #expect(throws: TransportError.self) { try await a.sync(.pushOnly) }
      }
      let counts = try a.counts()
      #expect(counts.inFlight == 1 && counts.pending == 1)
    case .copied:
      remote.lose(.silence)
      await #expect(throws: TransportError.self) { try await a.sync(.pushOnly) }
      try await a.store.journal.changeDevice(because: "forked")
      let counts = try a.counts()
      #expect(counts.inFlight == 0 && counts.pending == 2)
    }
    try await b.sync()
    #expect(try b.get("1") == ["n": 1, "tag1": true], "it has arrived")
    try await b.update("1", ["n": 2])
    try await b.sync()
    try await a.sync(.pullOnly, [.fullState])
    return InDoubt(world: world, remote: remote, a: a, b: b)
  }

  private func doubts(_ device: Device) throws -> Int {
    var count = 0
    try device.store.journal.read { reader in
      try reader.scanEdits { _, state in
        if state.isInDoubt { count += 1 }
        return true
      }
    }
    return count
  }

  @Test(arguments: TestedPolicy.allCases, LettingGo.allCases)
  func `is decided about by an edit more, and never set aside as used twice`(
    _ policy: TestedPolicy, _ lettingGo: LettingGo
  ) async throws {
    let past = try await inDoubt(policy, lettingGo)
    let (world, a, b) = (past.world, past.a, past.b)
    let conflict = try a.store.read { try $0.history("c", "1") }.last {
      $0.header.kind == .conflict
    }
    try await a.store.decide(try #require(conflict).header.sequence, .fields(["n": 77]))
    #expect(try a.get("1")?["n"] == 77)
    try await settle([a, b], "\(policy)")
    #expect(try b.get("1")?["n"] == 77)
    let edits = try world.serverEdits()
    #expect(Set(edits).count == edits.count)
    for device in [a, b] { try await device.expectSound() }
  }

  @Test func `may become another one once the server has said that it does not have it`()
    async throws
  {
    let a = try await inDoubt(.undeclared).a
    #expect(try doubts(a) == 2, "one of them is on its way again")
    try await a.sync()
    #expect(try doubts(a) == 0)
    try await a.expectSound()
  }

  @Test func `stays in doubt where an exchange ends before anything is said of it`() async throws {
    let past = try await inDoubt(.undeclared)
    past.remote.lose(.interruption)
    await #expect(throws: TransportError.self) { try await past.a.sync() }
    #expect(try past.a.counts().inFlight == 0)
    #expect(try doubts(past.a) == 2)
    try await past.a.sync()
    #expect(try doubts(past.a) == 0)
    try await past.a.expectSound()
  }
}
