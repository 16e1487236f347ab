import Journal
import Projection
import TestKit
import Testing

@Suite struct `A migration step` {
  struct Fighter: Record, Equatable {
    static let schema = Schema<Fighter>("fighters", version: 2)
    var id = RecordID<Fighter>()
    var name: String
    var wins = 0
  }

  private let scratch: Scratch
  private let store: Store

  init() throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("j"), label: "laptop")
  }

  private func run(_ id: MigrationID = 1, _ step: @escaping Migration.Step) async throws {
    try await store.migrate(Migrations(Migration(id, up: step)))
    #expect(try store.problems() == [])
  }

  @Test func `sees the records with its own changes on top`() async throws {
    try await store.write { tx in
      for key in ["b", "d", "f"] { try tx.create("c", key, ["key": .string(key)]) }
      try tx.create("d", "other", [:])
    }
    try await run { tx in
      try tx.insert("c", key: "a", ["key": "a"])
      try tx.put("c", "d", ["key": "new d"])
      try tx.insert("c", key: "e", ["key": "e"])
      try tx.insert("c", key: "g", ["key": "g"])
      try tx.delete("c", "f")
      try tx.delete("c", "f")
      for (query, keys) in [
        (Query("c"), ["a", "b", "d", "e", "g"]), (Query("c", limit: 2), ["a", "b"]),
        (Query("c", limit: 1), ["a"]),
        (
          Query("c", where: .all([]), sort: [.init("key", descending: true)]),
          ["d", "g", "e", "b", "a"]
        ),
      ] {
        let found = try tx.query(query).map(\.key)
        #expect(found == keys)
      }
      let (changed, gone) = (try tx.get("c", "d"), try tx.get("c", "f"))
      #expect(changed == ["key": "new d"] && gone == nil)
      let dropped = try tx.dropCollection("c")
      let left = try tx.query(Query("c"))
      #expect(dropped == 5 && left == [])
      try tx.insert("c", key: "f", ["key": "again"])
    }
    #expect(try store.picture() == "c/f {\"key\":\"again\"}\nd/other {}\n")
  }

  @Test func `refuses a filter that looks at nothing`() async throws {
    try await store.write { try $0.create("c", "a", [:]) }
    let last = try store.journal.lastSequence
    for filter in [
      .all([]), .any([]), .not(.any([])), .all([.all([]), .not(.all([]))]),
    ] as [Filter] {
      let error = await #expect(throws: JournalError.self) {
        try await store.migrate(
          Migrations(Migration(1) { try $0.delete("c", where: filter) }))
      }
      #expect(error?.code == "invalid-input")
    }
    #expect(try store.journal.lastSequence == last)
    #expect(try store.read { try $0.get("c", "a") } == [:])
    #expect(try store.problems() == [])
  }

  @Test func `renames and drops fields, and writes nothing where there is none`() async throws {
    try await store.write { tx in
      try tx.create("c", "a", ["old": 1, "gone": true])
      try tx.create("c", "b", ["old": 2, "new": 3])
      try tx.create("c", "c", ["other": nil])
    }
    try await run { tx in
      let renamed = try tx.renameField("old", to: "new", in: "c")
      let dropped = try tx.dropField("gone", in: "c")
      #expect(renamed == 2 && dropped == 1)
    }
    #expect(
      try store.picture() == "c/a {\"new\":1}\nc/b {\"new\":3}\nc/c {\"other\":null}\n")
    #expect(try store.read { try $0.entries(about: "c", "c").count } == 1)
  }

  @Test func `leaves a record alone that is there already`() async throws {
    try await store.write { try $0.create("settings", "theme", ["name": "dark"]) }
    try await run { try $0.insert("settings", key: "theme", ["name": "light"]) }
    #expect(try store.read { try $0.get("settings", "theme") } == ["name": "dark"])
    #expect(try store.read { try $0.entries(about: "settings", "theme").count } == 1)
  }

  @Test func `works with records of a type`() async throws {
    try await store.write { tx in
      try tx.create("fighters", "ali", ["name": "Ali", "wins": 56, "unknown": true])
    }
    try await run { tx in
      try tx.insert(Fighter(id: "tony", name: "Tony"))
      let tony = try tx.fetch(Fighter.self, "tony")
      #expect(tony == Fighter(id: "tony", name: "Tony"))
      let winners = try tx.fetch(Fighter.where(\.wins > 9)).map(\.id)
      #expect(winners == ["ali"])
      let changed = try tx.update(Fighter.self) { if $0.wins == 0 { $0.wins = 1 } }
      #expect(changed == 1)
    }
    #expect(
      try store.picture()
        == "fighters/ali {\"name\":\"Ali\",\"unknown\":true,\"wins\":56}\n"
        + "fighters/tony {\"name\":\"Tony\",\"wins\":1}\n")
    let schemas = try store.read { try $0.entries(about: "fighters", "tony").map(\.header.schema) }
    #expect(schemas == [2, 2])
  }

  /// The entries of a journal in which a step ran, that its inserts made.
  private func inserts(
    _ name: String, _ step: @escaping Migration.Step
  ) async throws -> [(id: EntryID, key: Value?)] {
    let store = try Store.create(at: scratch(name), label: name)
    defer { store.close() }
    try await store.migrate(Migrations(Migration(1, up: step)))
    return try store.journal.read { reader in
      var entries: [Entry] = []
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == .create { entries.append(try Entry(entry)) }
        return true
      }
      return entries.map { ($0.header.id, $0.members["key"]) }
    }
  }

  @Test func `inserts the same on every device until it has read`() async throws {
    let step: Migration.Step = { tx in
      try tx.insert("c", key: "a", ["n": 1])
      try tx.insert("c", ["n": 2])
      try tx.insert("c", ["n": 3])
    }
    let (one, other) = (try await inserts("one", step), try await inserts("other", step))
    #expect(one.map(\.id) == other.map(\.id) && one.map(\.key) == other.map(\.key))
    #expect(Set(one.map(\.id)).count == 3 && Set(one.map(\.key)).count == 3)

    let reading: Migration.Step = { tx in
      _ = try tx.get("c", "a")
      try tx.insert("c", key: "a", ["n": 1])
      try tx.insert("c", ["n": 2])
    }
    let (own, foreign) = (
      try await inserts("own", reading), try await inserts("foreign", reading)
    )
    #expect(own[0].id != foreign[0].id && own[0].key == foreign[0].key)
    #expect(own[1].id != foreign[1].id && own[1].key != foreign[1].key)

    // An id that was made at run time says that the record is another one.
    let typed: Migration.Step = { try $0.insert(Fighter(name: "Tony")) }
    let (mine, theirs) = (try await inserts("mine", typed), try await inserts("theirs", typed))
    #expect(mine[0].id != theirs[0].id)
  }
}
