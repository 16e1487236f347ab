import TestKit
import Testing

@testable import Journal
@testable import Projection

/// What indexes, links, upcasts, migrations and collections in memory make of each other.
@Suite struct `Where parts meet` {
  struct Owner: Record, Equatable {
    static let schema = Schema<Owner>("owners")
    var id = RecordID<Owner>()
    var name = ""
  }

  /// Written as `owner` and `home` by the first release.
  struct Pet: Record, Equatable {
    static let byFriend = Index("by-friend", onEach: \Pet.friends)
    static let schema = Schema<Pet>(
      "pets", version: 2, .index(byFriend), .link(\.keeper, onDelete: .clear),
      .link(\.house, onDelete: .cascade), .link(\.friends, onDelete: .clear),
      .upcast(from: 1, replacing: "owner", "home") { fields in
        if let owner = fields["owner"] { fields["keeper"] = owner }
        if let home = fields["home"] { fields["house"] = home }
      })
    var id = RecordID<Pet>()
    var keeper: RecordID<Owner>?
    var house: RecordID<Owner>?
    var friends: [RecordID<Owner>] = []
  }

  struct Sight: Record, Equatable {
    static let schema = Schema<Sight>("sights", .ephemeral)
    var id = RecordID<Sight>()
    var row = 0
  }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", records: [Owner.self, Pet.self, Sight.self])
    defer { store.close() }
    try await body(store)
    #expect(try store.problems() == [])
  }

  private static func owner(_ key: String) -> Value {
    .reference(collection: "owners", key: key)
  }

  @Test func `the rules of links hold for records of an older form`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Owner(id: "a"))
        try tx.create(Owner(id: "b"))
        try tx.create("pets", "old", ["owner": Self.owner("a"), "friends": [], "x": 1])
        try tx.create("pets", "gone", ["home": Self.owner("b"), "friends": []])
      }
      try await store.write { try $0.delete(Owner.self, "a") }
      #expect(try store.read { try $0.fetch(Pet.self, "old") } == Pet(id: "old"))
      #expect(try store.get("pets", "old") == ["friends": [], "x": 1])
      try await store.write { try $0.delete(Owner.self, "b") }
      #expect(try store.read { try $0.fetch(Pet.self, "gone") } == nil)
    }
  }

  @Test func `a record that came back within a write is deleted again, with what follows`()
    async throws
  {
    try await withStore { store in
      try await store.write { try $0.create(Owner(id: "a")) }
      try await store.write { tx in
        try tx.delete(Owner.self, "a")
        try tx.create(Owner(id: "a", name: "again"))
        try tx.create(Pet(id: "p", house: "a"))
        try tx.delete(Owner.self, "a")
      }
      #expect(try store.read { try $0.all(Pet.self) } == [])
      try await store.write { try $0.create(Owner(id: "b")) }
      try await store.write { tx in
        try tx.delete(Owner.self, "b")
        try tx.put(Owner(id: "b", name: "again"))
        try tx.delete(Owner.where(\.name == "again"))
      }
      #expect(try store.read { try $0.all(Owner.self) } == [])
    }
  }

  @Test func `a request to records that are brought forward is explained as it is answered`()
    async throws
  {
    try await withStore { store in
      try store.read { snapshot throws in
        #expect(try snapshot.explain(Pet.where(.contains(\.friends, "a"))).index == nil)
      }
    }
  }

  @Test func `a migration writes nothing of a collection in memory into the journal`() async throws
  {
    try await withStore { store in
      let last = try store.journal.lastSequence
      await #expect(throws: JournalError.self) {
        try await store.migrate(
          Migrations(Migration("1") { try $0.insert(Sight(id: "s", row: 1)) }))
      }
      #expect(try store.journal.lastSequence == last)
    }
  }

  @Test func `an element that is given leaves the order of the arrays open`() async throws {
    try await withStore { store in
      let definition = IndexDefinition(
        collection: "items", name: "n", fields: ["n"], each: 0)
      try await store.journal.transact { context in
        try context.append(Draft(.declared, body: definition.body()))
        try Store.build("items", "n", context)
      }
      try await store.write { tx in
        try tx.create("items", "a", ["n": [5, 9]])
        try tx.create("items", "b", ["n": [1, 5]])
      }
      let query = Query("items", where: [.init("n", .contains, 5)], sort: Query.Sort("n"))
      try store.read { snapshot throws in
        #expect(try snapshot.explain(query).index == "n")
        #expect(try snapshot.query(query).map(\.key) == ["b", "a"])
      }
    }
  }

  @Test func `texts where a unique index expects arrays have no element in common`() async throws {
    try await withStore { store in
      let definition = IndexDefinition(
        collection: "items", name: "n", fields: ["n"], each: 0, isUnique: true)
      try await store.journal.transact { context in
        try context.append(Draft(.declared, body: definition.body()))
        try Store.build("items", "n", context)
      }
      try await store.write { tx in
        try tx.create("items", "a", ["n": "one"])
        try tx.create("items", "b", ["n": "two"])
        try tx.create("items", "c", ["n": ["x"]])
      }
      let error = await #expect(throws: JournalError.self) {
        try await store.write { try $0.create("items", "d", ["n": ["y", "x"]]) }
      }
      #expect(error?.code == "duplicate-value")
    }
  }

  @Test
  func `a write that shares its transaction with the beginning of an encryption shows nothing`()
    async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let definition = IndexDefinition(collection: "items", name: "n", fields: ["n"])
    try await store.journal.transact { context in
      try context.append(Draft(.declared, body: definition.body()))
      try Store.build("items", "n", context)
    }
    let drafts = try ["a", "b"].map { key in
      var writer = CBORWriter(reserving: 32)
      try writer.fields(["n": "secret"])
      return try EditDraft().draft(
        .put(fields: writer.bytes), collection: "items", key: key)
    }
    let target = Keys().encryption(1)
    store.journal.keys.add(target)
    try await store.journal.transact { context in
      try context.append(drafts[0])
      try Rekey.begin(context, to: target)
      try context.append(drafts[1])
    }
    try await store.journal.rekey(to: target)
    let rows = try store.journal.read { try $0.storage.count(.indexes) }
    #expect(rows == 0)
  }
}
