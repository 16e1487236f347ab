import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Our server behind something that fails for what it has carried out.
private final class DoubtfulRemote: Remote {
  private let inner: Loopback
  /// What becomes of the next answers to pushes; true is a failure that says nothing, false no answer at all.
  private let answers = Mutex<[Bool]>([])

  init(_ inner: Loopback) { self.inner = inner }

  func lose(_ answers: [Bool]) { self.answers.withLock { $0 = answers } }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer {
    let answer = try await inner.push(push)
    switch answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
    case true?:
      return .failed(PushFailure(code: "http-500", message: "it failed", blame: .unknown))
    case false?: throw TransportError.unreachable("no answer")
    case nil: return answer
    }
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
}

@Suite struct `An edit that may have arrived though no answer says so` {
  /// A device whose update of record 1 was let go of without an answer, carried out at the server, and followed
  /// there by another device's; the full state shows that one alone.
  private func inDoubt(_ policy: TestedPolicy) async throws -> (World, Device, Device) {
    let world = try World()
    let remote = DoubtfulRemote(world.remote)
    let store = try Store.create(at: world.scratch("a"), label: "a", records: policy.records)
    let (a, b) = (try await Device(store, remote), try await world.device("b", policy))
    if let policy = policy.policy { try await store.declarePolicy(policy, of: "c") }
    try await b.put("1", ["n": 0])
    try await settle([a, b], rounds: 2)
    try await a.put("first", ["n": 1])
    try await a.update("1", ["n": 1, "tag1": true])
    // The third failure halves the request; of the first half no answer comes.
    remote.lose([true, true, true, false])
    for _ in 0..<3 {
      await #expect(throws: TransportError.self) { try await a.sync(.pushOnly) }
    }
    let counts = try a.counts()
    #expect(counts.inFlight == 1 && counts.pending == 1)
    try await b.sync()
    #expect(try b.get("1") == ["n": 1, "tag1": true], "it has arrived")
    try await b.update("1", ["n": 2])
    try await b.sync()
    try await a.sync(.pullOnly, [.fullState])
    return (world, a, b)
  }

  @Test(arguments: TestedPolicy.allCases)
  func `is decided about by an edit more, and never set aside as used twice`(
    _ policy: TestedPolicy
  ) async throws {
    let (world, a, b) = try await inDoubt(policy)
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
    let (_, a, _) = try await inDoubt(.undeclared)
    func doubts() throws -> Int {
      var count = 0
      try a.store.journal.read { reader in
        try reader.scanEdits { _, state in
          if state.isInDoubt { count += 1 }
          return true
        }
      }
      return count
    }
    #expect(try doubts() == 2, "one of them is on its way again")
    try await a.sync()
    #expect(try doubts() == 0)
    try await a.expectSound()
  }
}
