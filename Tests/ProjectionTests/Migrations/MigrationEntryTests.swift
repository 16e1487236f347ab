import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `Migration entries` {
  private func body(
    _ members: [(BodyKey, String)], undone: Bool = false
  ) -> [UInt8] {
    var body = BodyBuilder()
    for (key, text) in members where key.rawValue < 61 { body.add(key, text: text) }
    if undone { body.add(.undone) { $0.bool(true) } }
    for (key, text) in members where key.rawValue > 61 { body.add(key, text: text) }
    return body.finish()
  }

  @Test func `that name no migration are damage, and are not appended`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    for members in [
      [], [(.migration, "1")], [(.reached, "1")], [(.migration, "one"), (.reached, "1")],
      [(.migration, "1"), (.reached, "")],
      [(.migration, String(repeating: "1", count: 33)), (.reached, "1")],
    ] as [[(BodyKey, String)]] {
      let draft = try Draft(.migration, body: body(members))
      let error = await #expect(throws: JournalError.self) {
        try await store.journal.transact { _ = try $0.append(draft) }
      }
      #expect(error?.code == "damaged")
    }
    #expect(try store.journal.lastSequence == 1)
    // What was never applied may be said to be undone: it is not applied then either.
    let undone = try Draft(
      .migration, body: body([(.migration, "1"), (.reached, "0")], undone: true))
    try await store.journal.transact { _ = try $0.append(undone) }
    #expect(try store.read { try $0.appliedMigrations } == [])
    #expect(try store.read { try $0.migrationVersion } == .beginning)
    #expect(try store.problems() == [])
  }

  @Test func `leave rows that read back, and nothing else does`() throws {
    var row = MigrationRow()
    row.isApplied = true
    row.runs = 0x0102
    #expect(row.encoded == [1, 0, 0, 0, 0, 0, 0, 1, 2])
    #expect(try MigrationRow(row.encoded) == row)
    for bytes in [
      [], [1], [2, 0, 0, 0, 0, 0, 0, 0, 1], [1] + [UInt8](repeating: 0xFF, count: 8),
      [0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
    ] as [[UInt8]] {
      let error = #expect(throws: JournalError.self) { try MigrationRow(bytes) }
      #expect(error?.code == "damaged")
    }
  }

  @Test func `compare as numbers do`() {
    let ascending: [MigrationID] = ["0", "00", "1", "01", "2", "9", "10", "20120610", "20130118"]
    #expect(ascending.shuffled().sorted() == ascending)
    #expect(MigrationID("1") != "01")
  }

  /// Against a model: the set after a run to a target is what the program knows up to it, and what it
  /// does not know and was told to leave.
  @Test func `say what random programs and targets have led to`() async throws {
    let seed = testSeed(or: 2_013)
    var random = SeededRandom(seed: seed)
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    var applied: Set<UInt64> = []
    for round in 0..<60 {
      let known = Set(
        (1...8 as ClosedRange<UInt64>).filter { _ in Int.random(in: 0..<4, using: &random) > 0 })
      let goal = Bool.random(using: &random) ? UInt64.random(in: 0...9, using: &random) : nil
      let target = goal.map { MigrationID(String($0)) }
      let migrations = try Migrations(
        known.map { number in
          Migration(MigrationID(String(number))) { tx in
            try tx.insert("steps", key: "\(number)", ["round": .integer(Int64(round))])
          } down: { tx in
            try tx.delete("steps", "\(number)")
          }
        })
      let unknown = applied.subtracting(known)
      if unknown.contains(where: { $0 > goal ?? 0 }) {
        let error = await #expect(throws: JournalError.self) {
          try await store.migrate(migrations, to: target)
        }
        #expect(error?.code == "schema-from-the-future", "seed \(seed), round \(round)")
      } else {
        let report = try await store.migrate(migrations, to: target)
        let last = goal ?? known.max() ?? 0
        let expected = unknown.union(known.filter { $0 <= last })
        #expect(report.isEmpty == (expected == applied), "seed \(seed), round \(round)")
        #expect(
          report.late == (report.applied.filter { $0.text < "\(applied.max() ?? 0)" }),
          "seed \(seed), round \(round)")
        applied = expected
      }
      switch round % 10 {
      case 4: try await store.rebuild()
      case 9: _ = try await store.compact()
      default: break
      }
      let ids = applied.sorted().map { MigrationID(String($0)) }
      #expect(try store.read { try $0.appliedMigrations } == ids, "seed \(seed), round \(round)")
      let keys = try store.read { try $0.query(Query("steps")).map(\.key) }
      #expect(keys == ids.map(\.text), "seed \(seed), round \(round)")
    }
    #expect(try store.problems() == [])
  }
}
