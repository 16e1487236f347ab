import Journal
import Projection
import TestKit
import Testing

@Suite struct `The past` {
  /// Random edits over a few records, with the picture after every entry.
  private func history(_ store: Store, seed: UInt64, edits: Int) async throws -> [String] {
    var random = SeededRandom(seed: seed)
    var pictures = ["", ""]
    for _ in 0..<edits {
      let key = "r\(Int.random(in: 0..<6, using: &random))"
      let exists = try store.read { try $0.get("c", key) } != nil
      let number = Value.integer(Int64.random(in: 0..<100, using: &random))
      let choice = Int.random(in: 0..<4, using: &random)
      try await store.write { tx in
        switch choice {
        case 0 where exists: try tx.delete("c", key)
        case 1 where exists: try tx.update("c", key, set: ["b": number], unset: ["a"])
        case 2 where !exists: try tx.create("c", key, ["a": number])
        default: try tx.put("c", key, ["a": number, "c": "x"])
        }
      }
      pictures.append(try store.picture())
    }
    return pictures
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `is the fold of exactly the entries up to a sequence`(seed: UInt64) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let pictures = try await history(store, seed: seed, edits: 60)
    for (sequence, picture) in pictures.enumerated() {
      #expect(
        try store.picture(at: .sequence(UInt64(sequence))) == picture,
        "seed \(seed), sequence \(sequence)")
    }
    #expect(throws: JournalError.self) { try store.picture(at: .sequence(10_000)) }
  }

  @Test func `of one record ends where the view ends`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    for number in 0..<5 {
      try await store.write { try $0.put("c", "r\(number % 2)", ["n": .integer(Int64(number))]) }
    }
    func sequences(_ moment: SequenceNumber) throws -> [SequenceNumber] {
      try store.read(at: .sequence(moment)) { try $0.entries(about: "c", "r0") }.map(\.sequence)
    }
    #expect(try sequences(6) == [2, 4, 6])
    #expect(try sequences(5) == [2, 4])
    #expect(try sequences(1) == [])
  }

  @Test func `is found by time as well`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock(1_000_000)
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: clock.configuration)
    defer { store.close() }
    for number in 1...3 {
      clock.advance(by: 1_000)
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
    }
    func n(_ time: UInt64) throws -> Fields? {
      try store.read(at: .time(Timestamp(milliseconds: time))) { try $0.get("c", "r") }
    }
    #expect(try n(999_999) == nil)
    #expect(try n(1_001_999) == ["n": 1])
    #expect(try n(1_002_000) == ["n": 2])
    #expect(try n(9_000_000) == ["n": 3])
  }

  @Test(arguments: [11, 12] as [UInt64])
  func `folds to the same bytes again`(seed: UInt64) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: seed == 12)
    defer { store.close() }
    let pictures = try await history(store, seed: seed, edits: 80)
    #expect(try store.problems() == [])
    try await store.rebuild()
    #expect(try store.problems() == [])
    #expect(try store.picture() == pictures.last)
  }

  @Test func `of a local journal is trimmed without a change to the present`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    let pictures = try await history(store, seed: 5, edits: 40)
    let roots = try store.journal.read { reader in
      try (0...reader.head.lastSequence).map { try JournalTree(reader).root(size: $0) }
    }
    let report = try await store.compact(keeping: .newest(10))
    #expect(report.trimmed == 31)
    #expect(report.horizon == 32)
    #expect(report.root == roots.last)
    #expect(try store.picture() == pictures.last)
    #expect(try store.problems() == [])
    for sequence in 31...41 {
      #expect(try store.picture(at: .sequence(UInt64(sequence))) == pictures[sequence])
    }
    #expect {
      try store.picture(at: .sequence(30))
    } throws: { ($0 as? JournalError)?.code == "below-horizon" }
    // Every size that does not end inside the gap still has its root.
    try store.journal.read { reader in
      for size in [0] + Array(31...41) {
        let root = try JournalTree(reader, usesStoredNodes: false).root(size: UInt64(size))
        #expect(root == roots[size])
      }
    }
    try await store.rebuild()
    #expect(try store.problems() == [])
    let again = try await store.compact()
    #expect(again.trimmed == 11)
    #expect(try await store.compact().trimmed == 0)
    #expect(try store.picture() == pictures.last)
    #expect(try store.problems() == [])
  }

  @Test func `of edits no server has seen is not trimmed`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let pictures = try await history(store, seed: 6, edits: 20)
    let report = try await store.compact()
    // Only `opened` may go; the edits stay as islands.
    #expect(report.trimmed == 1)
    #expect(try store.picture() == pictures.last)
    #expect(try store.problems() == [])
    try await store.rebuild()
    #expect(try store.picture() == pictures.last)
    let entries = try store.read { snapshot in
      try (0..<6).reduce(0) { try $0 + snapshot.history("c", "r\($1)").count }
    }
    #expect(entries == 20)
  }

  @Test func `remembers the ids of trimmed edits, for as long as it says`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    defer { store.close() }
    var ids = EntryIDGenerator(random: { 7 })
    let id = ids.next(milliseconds: 1_700_000_000_000)
    @Sendable func append(_ number: UInt8) async throws -> AppendContext.Appended {
      let draft = try EditDraft(id: id).draft(
        .put(fields: [0xA1, 0x61, 0x61, number]), collection: "c", key: "r")
      return try await store.journal.transact { try $0.append(draft) }
    }
    #expect(try await append(1) == .new(2))
    #expect(try await append(1) == .known(2))
    await #expect(throws: JournalError.self) { try await append(2) }
    _ = try await store.compact()
    #expect(try await append(1) == .known(2))
    clock.advance(by: 401 * 24 * 3_600 * 1_000)
    try await store.write { try $0.put("c", "other", [:]) }
    _ = try await store.compact()
    await #expect {
      try await append(1)
    } throws: { ($0 as? JournalError)?.code == "too-old" }
    #expect(try store.problems() == [])
  }
}
