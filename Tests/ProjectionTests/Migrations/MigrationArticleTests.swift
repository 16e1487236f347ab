import Journal
import Projection
import TestKit
import Testing

/// What the article about migrations shows, as it stands there.
@Suite struct `The article about migrations` {
  struct Fighter: Record {
    static let schema = Schema<Fighter>(
      "fighters", version: 2,
      .upcast(from: 1, replacing: "color") { fields in
        fields["colour"] = fields["color"]
      })
    var id = RecordID<Fighter>()
    var name: String
    var colour: String?
  }

  @Test func `does what it says`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    let migrations = try Migrations(
      Migration("20120610") { tx in
        try tx.insert("fighters", key: "tony", ["name": "Tony", "color": "blue"])
        try tx.insert("fighters", key: "chris", ["name": "Chris", "color": "red"])
      } down: { tx in
        try tx.delete("fighters", where: .compare(.init("name", .in, ["Tony", "Chris"])))
      },
      Migration("20130118") { tx in
        try tx.renameField("color", to: "colour", in: "fighters")
      } down: { tx in
        try tx.renameField("colour", to: "color", in: "fighters")
      })
    let store = try await Store.openOrCreate(at: path, label: "phone", migrations: migrations)
    let tony = try store.read { try $0.get("fighters", "tony") }
    #expect(tony == ["name": "Tony", "colour": "blue"])
    try await store.migrate(migrations, to: "20120610")
    #expect(try store.read { try $0.get("fighters", "tony") } == ["name": "Tony", "color": "blue"])
    #expect(try store.read { try $0.fetch(Fighter.self, "tony") }?.colour == "blue")
    let bundled = scratch("seed.pack")
    try store.journal.read { reader in _ = try reader.pack(to: bundled, checkpoint: nil) }
    try await store.migrate(migrations, to: .beginning)
    #expect(try store.picture() == "")
    #expect(try store.problems() == [])
    store.close()
    do {
      let path = scratch("phone")
      let store = try Store.install(
        seed: bundled, at: path, label: "phone", records: [Fighter.self])
      defer { store.close() }
      #expect(try store.read { try $0.count(Fighter.where(\.colour == "red")) } == 1)
      #expect(try store.read { try $0.appliedMigrations } == ["20120610"])
      #expect(try store.problems() == [])
    }
  }
}
