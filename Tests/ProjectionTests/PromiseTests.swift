import Journal
import Projection
import TestKit
import Testing

@Suite struct `A journal` {
  @Test func `salts every body anew, so that equal bodies have unequal commitments`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    for _ in 0..<300 { try await store.write { try $0.put("c", "same", ["n": 1]) } }
    let (salts, commitments) = try store.journal.read { reader in
      var salts: Set<Salt> = []
      var commitments: Set<TreeHash> = []
      try reader.scanEntries(from: 2) { entry in
        salts.insert(entry.salt)
        commitments.insert(entry.header.commitment)
        return true
      }
      return (salts, commitments)
    }
    #expect(salts.count == 300)
    #expect(commitments.count == 300)
  }

  @Test func `keeps null apart from absent`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { try $0.create("c", "r", ["a": .null, "gone": 1]) }
    try await store.write { try $0.update("c", "r", set: ["b": .null], unset: ["gone"]) }
    #expect(try store.read { try $0.get("c", "r") } == ["a": .null, "b": .null])
    try await store.rebuild()
    #expect(try store.read { try $0.get("c", "r") } == ["a": .null, "b": .null])
    #expect(try store.problems() == [])
  }

  @Test func `stops its fold at an entry of a kind it does not know`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let draft = try Draft(EntryKind(rawValue: 200), body: BodyBuilder().finish())
    await #expect {
      try await store.journal.transact { try $0.append(draft) }
    } throws: { ($0 as? JournalError)?.code == "unsupported" }
    #expect(try store.journal.lastSequence == 1)
  }

  @Test func `trims a group whole or not at all`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    for group in 0..<2 {
      try await store.write { tx in
        for number in 0..<4 { try tx.put("c", "\(group)-\(number)", ["n": 1]) }
      }
    }
    // The newest two would begin within the second group, which begins at 6.
    let report = try await store.compact(keeping: .newest(2))
    #expect(report.horizon == 6)
    #expect(report.trimmed == 5)
    #expect(try store.journal.read { try $0.entry(6)?.header.group } == 6)
    #expect(try store.problems() == [])
  }
}
