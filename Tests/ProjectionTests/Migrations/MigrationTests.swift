import Dispatch
import Projection
import Synchronization
import TestKit
import Testing

@testable import Journal

/// A journal and the migrations of an imaginary app that writes into it what they did.
@Suite struct `An app's migrations` {
  private let scratch: Scratch
  private let store: Store

  init() throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("j"), label: "laptop")
  }

  /// A migration that notes in a record that it is applied.
  static func step(_ id: MigrationID) -> Migration {
    Migration(id) { tx in
      try tx.insert("steps", key: id.text, ["n": 1])
    } down: { tx in
      try tx.delete("steps", id.text)
    }
  }

  private var steps: [String] {
    get throws { try store.read { try $0.query(Query("steps")).map(\.key) } }
  }

  private var applied: [MigrationID] { get throws { try store.read { try $0.appliedMigrations } } }
  private var version: MigrationID? { get throws { try store.read { try $0.migrationVersion } } }

  @Test func `run at the first launch, which makes the journal, and at later ones`() async throws {
    let scratch = try Scratch()
    let path = scratch("launched")
    for launch in 1...2 {
      let migrations = try Migrations(
        Migration("20120610") { try $0.put("items", "a", ["launch": .integer(Int64(launch))]) })
      let store = try await Store.openOrCreate(at: path, label: "phone", migrations: migrations)
      #expect(try store.read { try $0.get("items", "a") } == ["launch": 1])
      store.close()
    }
    let plain = try await Store.openOrCreate(at: path, label: "phone")
    #expect(try plain.read { try $0.appliedMigrations.map(\.description) } == ["20120610"])
    plain.close()
  }

  @Test func `S-AL-01 run oldest first, and only those not applied yet`() async throws {
    let both = try Migrations(Self.step("20130118"), Self.step("20120610"))
    let first = try await store.migrate(both)
    #expect(first.applied == ["20120610", "20130118"])
    #expect(first.version == "20130118")
    #expect(try steps == ["20120610", "20130118"])
    let last = try store.journal.lastSequence
    let again = try await store.migrate(both)
    #expect(again.isEmpty && again.version == "20130118")
    #expect(try store.journal.lastSequence == last)

    let other = try Store.create(at: scratch("other"), label: "laptop")
    defer { other.close() }
    try await other.migrate(Migrations(Self.step("20120610")))
    #expect(try await other.migrate(both).applied == ["20130118"])
    #expect(try other.problems() == [])
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-02 go to a target, back as well, which need not be one of them`() async throws {
    let both = try Migrations(Self.step("20120610"), Self.step("20130118"))
    try await store.migrate(both)
    let back = try await store.migrate(both, to: "20120610")
    #expect(back.undone == ["20130118"] && back.applied == [])
    #expect(back.version == "20120610")
    #expect(try steps == ["20120610"])
    try await store.migrate(both)
    let away = try await store.migrate(both, to: .beginning)
    #expect(away.undone == ["20130118", "20120610"])
    #expect(away.version == "0")
    #expect(try applied == [])
    #expect(try steps == [])
    // Applied once more, its rows come back: they are not taken for the first ones.
    let between = try await store.migrate(both, to: "20121231")
    #expect(between.applied == ["20120610"])
    #expect(between.version == "20121231")
    #expect(try steps == ["20120610"])
    #expect(try await store.migrate(both, to: "20121231").isEmpty)
    #expect(try version == "20121231")
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-04 report one that comes late, and apply it`() async throws {
    try await store.migrate(Migrations(Self.step("20120610"), Self.step("20130118")))
    let three = try Migrations(
      Self.step("20120610"), Self.step("20120901"), Self.step("20130118"))
    let report = try await store.migrate(three)
    #expect(report.applied == ["20120901"])
    #expect(report.late == ["20120901"])
    #expect(report.version == "20130118")
    #expect(try applied == ["20120610", "20120901", "20130118"])
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-05 refuse a journal from the future, and change nothing`() async throws {
    let both = try Migrations(Self.step("20120610"), Self.step("20130118"))
    try await store.migrate(both)
    let last = try store.journal.lastSequence
    let old = try Migrations(Self.step("20120610"))
    for target in [nil, "20120610", "0"] as [MigrationID?] {
      let error = await #expect(throws: JournalError.self) {
        try await store.migrate(old, to: target)
      }
      #expect(error?.code == "schema-from-the-future")
    }
    #expect(try store.journal.lastSequence == last)
    #expect(try version == "20130118")
    store.close()
    let error = await #expect(throws: JournalError.self) {
      try await Store.open(at: scratch("j"), migrations: old)
    }
    #expect(error?.code == "schema-from-the-future")
    // Who names a target that leaves it alone knows of it.
    let again = try await Store.open(at: scratch("j"), migrations: old, to: "20130118")
    defer { again.close() }
    #expect(try await again.migrate(old, to: "20130118").unknown == ["20130118"])
    #expect(try again.journal.lastSequence == last)
    #expect(try again.problems() == [])
  }

  @Test func `S-AL-07 may be none, and the first one runs when it comes`() async throws {
    let report = try await store.migrate(Migrations())
    #expect(report.isEmpty && report.version == nil)
    try await store.write { try $0.create("fighters", "ali", ["color": "red"]) }
    #expect(try store.read { try $0.get("fighters", "ali") } == ["color": "red"])
    #expect(try store.journal.lastSequence == 2)
    #expect(try version == nil && applied == [])
    let first = try Migrations(
      Migration("20120610") { try $0.renameField("color", to: "colour", in: "fighters") })
    #expect(try await store.migrate(first).applied == ["20120610"])
    #expect(try store.read { try $0.get("fighters", "ali") } == ["colour": "red"])
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-08 bring rows, and take only those away again`() async throws {
    let rows = [("Tony", "blue"), ("Chris", "red"), ("Christian", "blue"), ("Ingo", "orange")]
    let fighters = try Migrations(
      Migration("20120610") { tx in
        for (name, color) in rows {
          try tx.insert("fighters", ["name": .string(name), "color": .string(color)])
        }
      } down: { tx in
        try tx.delete(
          "fighters",
          where: .any(rows.map { .compare(.init("name", .equal, .string($0.0))) }))
      })
    try await store.migrate(fighters)
    func names(_ color: String) throws -> Set<Value?> {
      try store.read { snapshot in
        let found = try snapshot.query(
          Query("fighters", where: [.init("color", .equal, .string(color))]))
        return Set(found.map { $0.fields["name"] })
      }
    }
    #expect(try names("blue") == ["Tony", "Christian"])
    #expect(try names("x\" OR \"1\"=\"1") == [])
    try await store.write { try $0.create("fighters", "mine", ["name": "Ali", "color": "blue"]) }
    #expect(try await store.migrate(fighters, to: .beginning).undone == ["20120610"])
    #expect(try store.picture() == "fighters/mine {\"color\":\"blue\",\"name\":\"Ali\"}\n")
    #expect(try store.problems() == [])
  }

  @Test func `S-BR-13 know what is newer, what is newest, and what is applied`() async throws {
    let three = try Migrations(Self.step(1), Self.step(2), Self.step(3))
    #expect(three.since(1) == [2, 3])
    #expect(three.since(3) == [] && three.since(.beginning) == [1, 2, 3])
    #expect(try Migrations(Self.step(2), Self.step(1)).newest == 2)
    #expect(try Migrations().newest == .beginning)
    #expect(try version == nil)
    try await store.migrate(three, to: 1)
    #expect(try await store.migrate(three).applied == [2, 3])
    #expect(try version == 3)
    #expect(try await store.migrate(three).isEmpty)
    #expect(try await store.migrate(three, to: 1).undone == [3, 2])
    #expect(try version == 1)
    #expect(try applied == [1])
    #expect(try store.problems() == [])
  }

  @Test func `are refused at registration when their ids are not in order`() throws {
    for ids in [["a"], [""], ["0"], ["00"], ["1", "1"], ["20120610", "20120610093000"], ["-1"]] {
      let error = #expect(throws: JournalError.self) {
        try Migrations(ids.map { Self.step(MigrationID($0)) })
      }
      #expect(error?.code == "invalid-input")
    }
    #expect(try Migrations(Self.step("02"), Self.step("10")).newest == "10")
  }

  @Test func `refuse a target that is none`() async throws {
    let error = await #expect(throws: JournalError.self) {
      try await store.migrate(Migrations(Self.step(1)), to: "yesterday")
    }
    #expect(error?.code == "invalid-input")
    #expect(try store.journal.lastSequence == 1)
  }

  @Test func `are not undone past one that cannot be`() async throws {
    let three = try Migrations(Self.step(1), Migration(2) { _ in }, Self.step(3))
    try await store.migrate(three)
    let last = try store.journal.lastSequence
    let error = await #expect(throws: JournalError.self) { try await store.migrate(three, to: 1) }
    #expect(error?.code == "irreversible-migration")
    #expect(try store.journal.lastSequence == last)
    #expect(try await store.migrate(three, to: 2).undone == [3])
    #expect(try store.problems() == [])
  }

  private struct Broken: Error {}

  @Test func `change nothing when a step throws, and go on there the next time`() async throws {
    func migrations(isBroken: Bool) throws -> Migrations {
      try Migrations(
        Self.step(1),
        Migration(2) { tx in
          try tx.insert("steps", key: "2", ["n": 1])
          if isBroken { throw Broken() }
        },
        Self.step(3))
    }
    await #expect(throws: Broken.self) { try await store.migrate(migrations(isBroken: true)) }
    #expect(try applied == [1])
    #expect(try steps == ["1"])
    store.close()
    let again = try await Store.open(
      at: scratch("j"), migrations: migrations(isBroken: false))
    defer { again.close() }
    #expect(try again.read { try $0.appliedMigrations } == [1, 2, 3])
    #expect(try again.read { try $0.query(Query("steps")).count } == 3)
    #expect(try again.problems() == [])
  }

  @Test func `change nothing when an edit of a step is refused`() async throws {
    let last = try store.journal.lastSequence
    let large = String(repeating: "x", count: 900 << 10)
    let error = await #expect(throws: JournalError.self) {
      try await store.migrate(
        Migrations(
          Migration(1) { tx in
            try tx.insert("steps", key: "1", ["a": .string(large)])
            try tx.update("steps") { $0["b"] = .string(large) }
          }))
    }
    #expect(error?.code == "invalid-input")
    #expect(try store.journal.lastSequence == last)
    #expect(try applied == [] && steps == [])
    #expect(try store.problems() == [])
  }

  @Test func `run a step again when another write comes between`() async throws {
    try await store.write { try $0.create("fighters", "ali", ["n": 1]) }
    let runs = Mutex(0)
    let between = try EditDraft().draft(
      .put(fields: [0xA1, 0x61, 0x6E, 0x02]), collection: "fighters", key: "tony")
    let report = try await store.migrate(
      Migrations(
        Migration(1) { [store] tx in
          let run = runs.withLock { runs in
            runs += 1
            return runs
          }
          if run == 1 {
            let isDone = DispatchSemaphore(value: 0)
            store.journal.submit({ try $0.append(between) }) { _ in isDone.signal() }
            isDone.wait()
          }
          try tx.update("fighters") { $0["seen"] = true }
        }))
    #expect(report.applied == [1])
    #expect(runs.withLock { $0 } == 2)
    #expect(
      try store.picture()
        == "fighters/ali {\"n\":1,\"seen\":true}\nfighters/tony {\"n\":2,\"seen\":true}\n")
    #expect(try store.problems() == [])
  }

  @Test func `are kept by a rebuild and a trim, and seen as they were at a moment`() async throws {
    let three = try Migrations(Self.step(1), Self.step(2), Self.step(3))
    try await store.migrate(three, to: 2)
    let earlier = try store.journal.lastSequence
    try await store.migrate(three)
    try await store.migrate(three, to: 1)
    func check(_ store: Store) throws {
      #expect(try store.read { try $0.appliedMigrations } == [1])
      #expect(try store.read { try $0.migrationVersion } == 1)
      #expect(try store.problems() == [])
    }
    try check(store)
    let moment = Moment.sequence(earlier)
    #expect(try store.read(at: moment) { try $0.appliedMigrations } == [1, 2])
    #expect(try store.read(at: moment) { try $0.migrationVersion } == 2)
    #expect(try store.read(at: .sequence(1)) { try $0.migrationVersion } == nil)
    try await store.rebuild()
    try check(store)
    #expect(try await store.compact().trimmed > 0)
    try check(store)
    try await store.rebuild()
    try check(store)
    #expect(try await store.migrate(three).applied == [2, 3])
    #expect(try steps == ["1", "2", "3"])
    #expect(try store.problems() == [])
  }

  @Test func `are told by the journal, with what they changed`() async throws {
    try await store.migrate(
      Migrations(
        Migration(7) { tx in
          try tx.insert("c", key: "a", ["n": 1])
          try tx.insert("c", key: "b", ["n": 1])
          try tx.update("c") { $0["n"] = 2 }
        }))
    let entries = try store.journal.read { reader in
      try (2...6).map { try Entry(#require(try reader.entry($0))) }
    }
    #expect(entries.map(\.kind) == [.create, .create, .update, .update, .migration])
    #expect(entries[4].members == ["entries": [[2, 5]], "migration": "7", "reached": "7"])
    #expect(entries[0].members["reason"] == "migration 7")
    // Inserts stand alone, what the device made of its records is all or none everywhere.
    #expect(entries.map(\.header.group) == [0, 0, 4, 4, 0])
    #expect(entries.prefix(2).allSatisfy { $0.header.id.version == 8 })
    #expect(try store.problems() == [])
  }

  @Test func `may change more than a group holds`() async throws {
    for start in stride(from: 0, to: 2_500, by: 500) {
      try await store.write { tx in
        for number in start..<start + 500 {
          try tx.create("many", "\(number)", ["old": .integer(Int64(number))])
        }
      }
    }
    try await store.migrate(
      Migrations(Migration(1) { try $0.renameField("old", to: "new", in: "many") }))
    let changed = try store.read { snapshot in
      try snapshot.query(Query("many", where: .absent(field: "old"))).count
    }
    #expect(changed == 2_500)
    let before = try store.journal.lastSequence
    let error = await #expect(throws: JournalError.self) {
      try await store.migrate(
        Migrations(
          Migration(1) { _ in },
          Migration(2) { tx in
            let large = String(repeating: "x", count: 900 << 10)
            for number in 0..<20 { try tx.insert("large", key: "\(number)", ["x": .string(large)]) }
          }))
    }
    #expect(error?.code == "invalid-input")
    #expect(try store.journal.lastSequence == before)
    #expect(try store.problems() == [])
  }

  @Test func `work on an encrypted journal`() async throws {
    let keys = Keys()
    let path = scratch("sealed")
    let sealed = try Store.create(at: path, label: "laptop", configuration: keys.configuration(1))
    try await sealed.migrate(Migrations(Self.step(1), Self.step(2)))
    #expect(try sealed.journal.read { try $0.entry(3)?.body }?.isEmpty == false)
    sealed.close()
    let again = try await Store.open(
      at: path, migrations: Migrations(Self.step(1), Self.step(2), Self.step(3)),
      configuration: keys.configuration(1))
    defer { again.close() }
    #expect(try again.read { try $0.appliedMigrations } == [1, 2, 3])
    #expect(try again.verify().problems == [])
  }
}
