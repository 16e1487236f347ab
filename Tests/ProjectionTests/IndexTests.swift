import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `Indexes` {
  struct Place: Record, Equatable {
    static let byKind = Index("by-kind", on: \Place.kind, then: .by(\.rank))
    static let byTag = Index("by-tag", onEach: \Place.tags)
    static let byCode = Index("by-code", on: \Place.code, isUnique: true)
    static let schema = Schema<Place>("places", .index(byKind), .index(byTag), .index(byCode))
    var id = RecordID<Place>()
    var kind = "cafe"
    var rank = 0
    var tags: [String] = []
    var code: String?
  }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Place.self])
    defer { store.close() }
    try await body(store)
    #expect(try store.problems() == [])
  }

  @Test func `are declared when a store is opened, once`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Place.self])
    #expect(try store.indexes().map(\.name) == ["by-kind", "by-tag", "by-code"])
    let states = Set(try store.indexes().map(\.state))
    #expect(states == [.ready])
    let size = try store.journal.lastSequence
    store.close()
    let again = try Store.open(at: scratch("j"), records: [Place.self])
    defer { again.close() }
    let sizeAgain = try again.journal.lastSequence
    #expect(sizeAgain == size)
  }

  @Test func `find records, in their order where that is wanted`() async throws {
    try await withStore { store in
      try await store.write { tx in
        for rank in 0..<20 {
          try tx.create(
            Place(
              id: .init("p\(rank)"), kind: rank % 2 == 0 ? "cafe" : "bar", rank: rank % 5,
              tags: rank % 3 == 0 ? ["wifi", "garden"] : ["wifi"]))
        }
      }
      try store.read { snapshot throws in
        let cafes = Place.where(\.kind == "cafe").sorted(by: .ascending(\.rank))
        #expect(
          try snapshot.explain(cafes).description
            == "places: index by-kind finds kind, in its order")
        #expect(
          try snapshot.fetch(cafes).map(\.id.key)
            == ["p0", "p10", "p16", "p6", "p12", "p2", "p18", "p8", "p14", "p4"])
        let last = Place.where(\.kind == "cafe" && \.rank < 4).sorted(by: .descending(\.rank))
          .limit(3)
        #expect(
          try snapshot.explain(last).description
            == "places: index by-kind finds kind, rank, in its order")
        #expect(try snapshot.fetch(last).map(\.id.key) == ["p18", "p8", "p12"])
        let gardens = Place.where(.contains(\.tags, "garden"))
        #expect(try snapshot.explain(gardens).index == "by-tag")
        #expect(try snapshot.count(gardens) == 7)
        let ranks = Place.where(\.rank == 1)
        #expect(
          try snapshot.explain(ranks).description
            == "places: the whole collection; other conditions asked of each, in its order")
      }
    }
  }

  @Test func `refuse edits that would give two records one value`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Place(id: "a", code: "X")) }
      let error = await #expect(throws: JournalError.self) {
        try await store.write { tx in
          try tx.create(Place(id: "c"))
          try tx.create(Place(id: "b", code: "X"))
        }
      }
      #expect(error?.code == "duplicate-value")
      #expect(
        error?.description
          == "places/b would have the same `code` as places/a, which index \"by-code\" forbids; "
          + "change that one first, or choose another value")
      #expect(try store.read { try $0.all(Place.self).map(\.id.key) } == ["a"])
      try await store.write { tx in
        try tx.update(Place.self, "a") { $0.code = "Y" }
        try tx.create(Place(id: "b", code: "X"))
        try tx.create(Place(id: "c"))
        try tx.create(Place(id: "d"))
      }
      await #expect(throws: JournalError.self) {
        try await store.write { try $0.update(Place.self, "d") { $0.code = "X" } }
      }
      try await store.write { tx in
        try tx.delete(Place.self, "b")
        try tx.update(Place.self, "d") { $0.code = "X" }
      }
    }
  }

  @Test
  func `are made in the background of a collection that is there, and others write meanwhile`()
    async throws
  {
    struct Plain: Record {
      static let schema = Schema<Plain>("places")
      var id = RecordID<Plain>()
      var kind: String
      var rank: Int
      var tags: [String] = []
      var code: String?
    }
    let scratch = try Scratch()
    do {
      let store = try Store.create(at: scratch("j"), label: "laptop", records: [Plain.self])
      defer { store.close() }
      for batch in 0..<4 {
        try await store.write { tx in
          for rank in 0..<900 {
            try tx.create(Plain(id: .init("\(batch)-\(rank)"), kind: "k\(rank % 7)", rank: rank))
          }
        }
      }
    }
    let store = try Store.open(at: scratch("j"), records: [Place.self])
    defer { store.close() }
    try await store.write { tx in
      for rank in 0..<900 where rank % 9 == 0 {
        try tx.delete(Place.self, .init("1-\(rank)"))
        try tx.put(Place(id: .init("0-\(rank)"), kind: "k1", rank: rank, tags: ["new"]))
        try tx.put(Place(id: .init("9-\(rank)"), kind: "k1", rank: rank, tags: ["new"]))
      }
    }
    var seen: [IndexStatus] = []
    try await store.buildIndexes { seen.append($0) }
    let states = Set(try store.indexes().map(\.state))
    #expect(states == [.ready])
    try store.read { snapshot throws in
      let request = Place.where(.contains(\.tags, "new"))
      #expect(try snapshot.explain(request).index == "by-tag")
      #expect(try snapshot.count(request) == 200)
    }
    #expect(try store.problems() == [])
    try await store.rebuild()
    let statesAgain = Set(try store.indexes().map(\.state))
    #expect(statesAgain == [.ready])
    #expect(try store.problems() == [])
  }

  @Test func `go when a schema no longer names them, or change`() async throws {
    struct Later: Record {
      static let schema = Schema<Later>(
        "places", version: 2, .index(Index("by-kind", on: \Later.kind)))
      var id = RecordID<Later>()
      var kind: String
    }
    let scratch = try Scratch()
    do {
      let store = try Store.create(at: scratch("j"), label: "laptop", records: [Place.self])
      defer { store.close() }
      try await store.write { tx in
        for rank in 0..<50 { try tx.create(Place(kind: "k\(rank % 3)", rank: rank, tags: ["t"])) }
      }
    }
    let store = try Store.open(at: scratch("j"), records: [Later.self])
    defer { store.close() }
    try await store.buildIndexes()
    #expect(try store.indexes().map(\.fields) == [["kind"]])
    #expect(try store.read { try $0.count(Later.where(\.kind == "k1")) } == 17)
    #expect(try store.problems() == [])
    let rows = try store.journal.read { try $0.storage.count(.indexes) }
    #expect(rows == 50)
  }

  @Test func `follow whichever of their fields an edit changes`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Place(id: .init("p"), kind: "bar", rank: 1, tags: ["wifi"], code: "A"))
      }
      // Each edit leaves the other fields as they are; the last one leaves all that are indexed.
      try await store.write { try $0.update(Place.self, .init("p")) { $0.rank = 2 } }
      #expect(try store.problems() == [])
      try await store.write {
        try $0.update(Place.self, .init("p")) { $0.tags = ["wifi", "garden"] }
      }
      #expect(try store.problems() == [])
      try await store.write { try $0.update(Place.self, .init("p")) { $0.code = nil } }
      #expect(try store.problems() == [])
      try await store.write { try $0.update(Place.self, .init("p")) { $0.kind = "cafe" } }
      let found = try store.read { snapshot in
        try snapshot.fetch(Place.where(\.kind == "cafe" && \.rank == 2)).map(\.id.key)
      }
      #expect(found == ["p"])
    }
  }

  @Test func `are compared with the records by verify`() async throws {
    try await withStore { store in
      try await store.write { tx in
        for rank in 0..<5 { try tx.create(Place(rank: rank)) }
      }
      try await store.journal.transact { context in
        let key = try context.transaction.firstKey(.indexes) ?? []
        try context.delete(.indexes, key)
      }
      #expect(try store.problems().count == 2)
      try await store.journal.transact {
        try $0.put(.indexes, [0, 0, 0, 0, 0, 2, 1, 65], [1, 0, 1])
      }
      #expect(try store.problems().count == 1)
      try await store.rebuild()
    }
  }

  @Test func `find elements of arrays of any length, also in a text`() async throws {
    try await withStore { store in
      let long = (0..<1_001).map { "tag \($0)" }
      try await store.write { tx in
        try tx.create(Place(id: "long", tags: long))
        try tx.create(Place(id: "short", tags: ["tag 7", "tag 7"]))
        try tx.put("places", "text", ["kind": "bar", "rank": 1, "tags": "a tag 7 in a text"])
      }
      let rows = try store.journal.read { try $0.storage.count(.indexes) }
      // One of each kind and code, and one of each record's tags.
      #expect(rows == 9)
      let query = Query("places", where: [.init("tags", .contains, "tag 7")])
      let (plan, keys) = try store.read { snapshot in
        (try snapshot.explain(query), try snapshot.query(query).map(\.key))
      }
      #expect(plan.index == "by-tag")
      #expect(keys == ["long", "short", "text"])
    }
  }

  @Test func `hold nothing of an erased record`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Place(id: "a", kind: "secret", tags: ["hidden"])) }
      try await store.erase("places", "a", because: "asked for", isOnlyHere: true)
      let rows = try store.journal.read { try $0.storage.count(.indexes) }
      #expect(rows == 0)
    }
  }

  @Test func `that are being made do not go on naming an erased record`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    for batch in 0..<2 {
      try await store.write { tx in
        for number in 0..<400 { try tx.create("places", "\(batch) place \(number)", ["a": 1]) }
      }
    }
    let definition = IndexDefinition(collection: "places", name: "a", fields: ["a"])
    try await store.journal.transact { context in
      _ = try context.append(Draft(.declared, body: definition.body()))
      try Store.build("places", "a", context)
    }
    func stands(_ text: String) throws -> Bool {
      try store.journal.read { reader in
        try reader.storage.metaRows(prefix: MetaKey.indexBuilds).contains { row in
          String(decoding: row.payload, as: UTF8.self).contains(text)
        }
      }
    }
    let keys = try store.read { try $0.query(Query("places")).map(\.key) }
    let last = keys[499]
    #expect(try stands(last))
    try await store.erase("places", last, because: "asked for", isOnlyHere: true)
    #expect(try !stands(last))
    #expect(try store.problems() == [])
    try await store.buildIndexes()
    #expect(try store.problems() == [])
  }

  @Test func `are read in the present only`() async throws {
    try await withStore { store in
      let receipt = try await store.write { try $0.create(Place(id: "a", kind: "bar")) }
      try await store.write { try $0.delete(Place.self, "a") }
      let request = Place.where(\.kind == "bar")
      try store.read(at: .sequence(receipt.sequences[0])) { snapshot throws in
        #expect(try snapshot.explain(request).index == nil)
        #expect(try snapshot.count(request) == 1)
      }
      #expect(try store.read { try $0.count(request) } == 0)
    }
  }
}
