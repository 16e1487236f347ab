import Journal
import Projection
import TestKit
import Testing

/// Rows whose checksums are right but which say something else than the entries do.
@Suite struct `Verification finds` {
  private let scratch: Scratch
  private let store: Store

  init() async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("j"), label: "laptop")
    for number in 0..<3 {
      try await store.write { try $0.put("c", "r\(number)", ["n": .integer(Int64(number))]) }
    }
    try await store.write { try $0.update("c", "r0", set: ["m": 1]) }
    #expect(try store.problems() == [])
  }

  /// Writes rows past everything that keeps them right, and returns what verification says.
  private func problems(
    after lie: @escaping @Sendable (AppendContext) throws -> Void
  ) async throws -> [String] {
    try await store.journal.transact { try lie($0) }
    defer { store.close() }
    return try store.problems()
  }

  private func expect(
    _ text: String, after lie: @escaping @Sendable (AppendContext) throws -> Void
  ) async throws {
    let found = try await problems(after: lie)
    #expect(found.contains { $0.contains(text) }, "\(found)")
  }

  /// Changes bytes of a stored entry.
  private static func change(
    _ sequence: SequenceNumber, _ context: AppendContext, _ body: (inout [UInt8]) -> Void
  ) throws {
    let key = [UInt8](sequence: sequence)
    var payload = try context.transaction.withValue(.entries, key) { [UInt8]($0) } ?? []
    body(&payload)
    try context.put(.entries, key, payload)
  }

  @Test func `a body that is not the one committed to`() async throws {
    try await expect("the body of entry 3 does not match its commitment") { context in
      try Self.change(3, context) { $0[$0.count - 1] ^= 1 }
    }
  }

  @Test func `a time that goes back, and a header that is not the leaf`() async throws {
    let found = try await problems { context in
      try Self.change(3, context) { $0.replaceSubrange(32..<40, with: [0, 0, 0, 0, 0, 0, 0, 1]) }
    }
    #expect(found.contains { $0.contains("entry 3 is older than the one before") })
    #expect(found.contains { $0.contains("the tree's root is") })
  }

  @Test func `a journal that does not begin with its opening`() async throws {
    try await expect("entry 1 is not `opened`") { context in
      try Self.change(1, context) { $0[1] = EntryKind.declared.rawValue }
    }
  }

  @Test func `a link to another entry than the record's last`() async throws {
    try await expect("entry 5 links to 4, its record's entry before it is 2") { context in
      try Self.change(5, context) { $0[96] = 4 }
    }
  }

  @Test func `an entry that is missing, in the middle and at the end`() async throws {
    try await expect("sequence 3 is missing before 4") { context in
      try context.delete(.entries, [UInt8](sequence: 3))
    }
  }

  @Test func `a last entry that is missing`() async throws {
    try await expect("sequence 5 is missing; the last is 5") { context in
      try context.delete(.entries, [UInt8](sequence: 5))
    }
  }

  @Test func `an id that is remembered elsewhere`() async throws {
    try await expect("the id of entry 3 is not remembered at its sequence") { context in
      guard let id = try context.state.entry(3)?.header.id else { return }
      try context.put(.ids, id.bytes, RememberedID(held: 4).encoded)
    }
  }

  @Test func `an id that is kept as trimmed though its entry is held`() async throws {
    try await expect("the id of entry 3 is kept as trimmed though it is held") { context in
      guard let id = try context.state.entry(3)?.header.id else { return }
      // As earlier builds marked a trimmed one: behind the sequence recording time and flags.
      try context.put(.ids, id.bytes, RememberedID(held: 3).encoded + [0, 0, 0, 0, 0, 1, 0])
    }
  }

  @Test func `an id whose flag says trimmed though its entry is held`() async throws {
    try await expect("the id of entry 3 is kept as trimmed though it is held") { context in
      guard let header = try context.state.entry(3)?.header else { return }
      try context.put(.ids, header.id.bytes, RememberedID(header, isTrimmed: true).encoded)
    }
  }

  @Test func `an id whose flag says held though its entry is trimmed`() async throws {
    let scratch = try Scratch()
    let local = try Store.create(at: scratch("l"), label: "laptop", isLocal: true)
    try await local.write { try $0.put("c", "r", [:]) }
    let header = try local.journal.read { try $0.entry(2)?.header }
    #expect(try await local.compact().trimmed == 2)
    try await local.journal.transact { context in
      guard let header else { return }
      try context.put(.ids, header.id.bytes, RememberedID(header).encoded)
    }
    defer { local.close() }
    #expect(try local.problems() == ["1 ids are remembered for 0 held edits"])
  }

  @Test(arguments: [Lie.time, .verdict])
  func `an id that is remembered with another time or verdict`(lie: Lie) async throws {
    try await expect("entry 3 is remembered with another recording time or verdict") { context in
      guard var header = try context.state.entry(3)?.header else { return }
      switch lie {
      case .time: header.time.milliseconds += 1
      case .verdict: header.flags.insert(.absorbed)
      }
      try context.put(.ids, header.id.bytes, RememberedID(header).encoded)
    }
  }

  enum Lie: Sendable {
    case time, verdict
  }

  @Test func `a trimmed id that says no recording time, and one above the horizon`() async throws {
    let found = try await problems { context in
      let id = EntryID(high: 0x4000, low: 1 << 63)
      try context.put(.ids, id.bytes, [0x80, 0, 0, 0, 0, 9])
    }
    #expect(found.contains { $0.contains("the id of entry 9 is kept as trimmed, at or above") })
    #expect(found.contains { $0.contains("of trimmed entry 9 has no recording time") })
  }

  @Test func `an id of no entry`() async throws {
    try await expect("5 ids are remembered for 4 held edits") { context in
      let id = EntryID(high: 0x4000, low: 1 << 63)
      try context.put(.ids, id.bytes, RememberedID(held: 9).encoded)
    }
  }

  @Test func `a record that is not the folded one, and one too many`() async throws {
    let found = try await problems { context in
      let key = try RecordAddress(collection: "c", key: "r1").rowKey
      guard let row = try context.state.record(key) else { return }
      try context.put(.records, try RecordAddress(collection: "d", key: "r1").rowKey, row)
      try context.put(.records, key, row.dropLast() + [0x07])
    }
    #expect(found.filter { $0.contains("a row of `records` is not the folded one") }.count == 2)
    #expect(found.contains("`records` has 4 rows, the fold 3"))
  }

  @Test func `an edit whose delivery is forgotten`() async throws {
    try await expect("`edits` has 3 rows, the fold 4") { context in
      try context.delete(.edits, [UInt8](sequence: 4))
    }
  }

  @Test func `counts that are not those of the entries`() async throws {
    try await expect("the stored counts are not the folded ones") { context in
      context.state.counts.parked += 1
      try context.putMeta("any", [1])
    }
  }

  @Test func `a remote nobody declared`() async throws {
    try await expect("the stored remotes and cursors are not the folded ones") { context in
      try context.putMeta(MetaKey.remote("x"), [0xA0])
    }
  }

  @Test func `a baseline where nothing was trimmed`() async throws {
    try await expect("a baseline without a trim") { context in
      let key = [Table.records.rawValue] + (try RecordAddress(collection: "c", key: "x").rowKey)
      try context.put(.baseline, key, [])
    }
  }

  @Test func `a baseline that is not the one the trim names`() async throws {
    _ = try await store.compact()
    try await expect("the baseline's digest is") { context in
      // The first trim's baseline stands in the second half of the table.
      let key = [Table.meta.rawValue | 0x80] + [UInt8](MetaKey.remote("x").utf8)
      try context.put(.baseline, key, [0xA0])
    }
  }

  @Test func `a trim that took its own entry`() async throws {
    let report = try await store.compact()
    #expect(report.trimmed == 1)
    try await expect("the entry 6, which names the baseline, is missing") { context in
      try context.delete(.entries, [UInt8](sequence: 6))
    }
  }

  @Test func `an inner node of the tree that is not the computed one`() async throws {
    try await store.write { tx in
      for number in 0..<300 { try tx.put("many", "\(number)", [:]) }
    }
    try await expect("the stored tree node 8/0 is not the computed one") { context in
      var key: [UInt8] = [8]
      key.appendBigEndian(UInt64(0))
      try context.put(.tree, key, [UInt8](repeating: 7, count: 32))
    }
  }
}
