import Journal
import Synchronization
import TestKit
import Testing

@testable import Projection

@Suite struct `An ephemeral collection` {
  struct Selection: Record, Equatable {
    static let schema = Schema<Selection>("selections", .ephemeral)
    var id = RecordID<Selection>()
    var row: Int
    var isActive = false
  }

  struct Note: Record, Equatable {
    static let schema = Schema<Note>("notes")
    var id = RecordID<Note>()
    var title: String
  }

  struct Book: Record {
    static let schema = Schema<Book>("book", version: 2)
    var id = RecordID<Book>()
    var title: String
  }

  @Test func `S-AL-16 stores nothing, warns of nothing, and is gone when the store is closed`()
    async throws
  {
    let scratch = try Scratch()
    var store = try Store.create(at: scratch("j"), label: "a", records: [Selection.self])
    let receipt = try await store.write { tx in
      try tx.create(Selection(id: "1", row: 4))
      try tx.put("selections", "2", ["row": 2, "isActive": true])
    }
    #expect(receipt.sequences.isEmpty)
    #expect(try store.read { try $0.fetch(Selection.self, "1") } == Selection(id: "1", row: 4))
    #expect(try store.read { try $0.get("selections", "2") } == ["row": 2, "isActive": true])
    #expect(
      try store.read { try $0.fetch(Selection.sorted(by: .ascending(\.row))) }.map(\.id)
        == ["2", "1"])
    #expect(try store.read { try $0.count(Selection.where(\.isActive == true)) } == 1)
    #expect(try store.read { try $0.aggregate(.sum(\.row), of: Request<Selection>()) } == 6)
    #expect(try store.journal.lastSequence == 1)
    #expect(try store.read { try $0.entries(about: "selections", "1") }.isEmpty)
    let stored = try store.journal.read { try $0.storage.count(.records) }
    #expect(stored == 0)
    #expect(try store.read(at: .sequence(1)) { try $0.all(Selection.self) }.isEmpty)
    #expect(try store.problems() == [])
    store.close()
    store = try Store.open(at: scratch("j"), records: [Selection.self])
    defer { store.close() }
    #expect(try store.read { try $0.all(Selection.self) }.isEmpty)
    #expect(try store.read { try $0.query(Query("selections")) }.isEmpty)
  }

  @Test func `S-AL-16 hooks see each schema by name, change it, and are told once`() throws {
    let scratch = try Scratch()
    let seen = Mutex<[String]>([])
    let hooks = SchemaHooks(
      willRegister: { schema, name in
        seen.withLock { $0.append("will \(name) \(schema.version)") }
        guard name == "book" else { return nil }
        var schema = schema
        schema.storage = .localOnly
        return schema
      },
      didRegister: { schema in
        seen.withLock { $0.append("did \(schema.collection) \(schema.storage)") }
      })
    let store = try Store.create(
      at: scratch("j"), label: "a", records: [Book.self, Note.self], hooks: hooks)
    defer { store.close() }
    #expect(
      seen.withLock { $0 } == [
        "will book 2", "will notes 1", "did book localOnly", "did notes shared",
      ])
    let local = try store.journal.read { try $0.localCollections() }
    #expect(local.contains(collection: "book"))
    #expect(!local.contains(collection: "notes"))
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-16 refuses a hook that makes another collection of it`() throws {
    let scratch = try Scratch()
    let hooks = SchemaHooks(willRegister: { _, _ in
      SchemaDescription(collection: "other", version: 1, storage: .shared)
    })
    #expect(throws: JournalError.self) {
      try Store.create(at: scratch("j"), label: "a", records: [Note.self], hooks: hooks)
    }
  }

  @Test func `is changed together with the journal or not at all`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "a", records: [Selection.self, Note.self])
    defer { store.close() }
    try await store.write { tx in
      try tx.create(Note(id: "n", title: "Milk"))
      try tx.create(Selection(id: "s", row: 1))
    }
    // The journal's part fails.
    await #expect(throws: JournalError.self) {
      try await store.write { tx in
        try tx.update(Selection.self, "s") { $0.row = 2 }
        try tx.create(Note(id: "n", title: "again"))
      }
    }
    // The part in memory fails.
    await #expect(throws: JournalError.self) {
      try await store.write { tx in
        try tx.update(Note.self, "n") { $0.title = "Bread" }
        try tx.create(Selection(id: "s", row: 9))
      }
    }
    #expect(try store.read { try $0.fetch(Selection.self, "s") }?.row == 1)
    #expect(try store.read { try $0.fetch(Note.self, "n") }?.title == "Milk")
    #expect(try store.journal.lastSequence == 2)
    #expect(try store.problems() == [])
  }

  @Test func `counts every one of many updates at once`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "a", records: [Selection.self, Note.self])
    defer { store.close() }
    try await store.write { try $0.create(Selection(id: "s", row: 0)) }
    try await withThrowingTaskGroup { group in
      for index in 0..<8 {
        group.addTask {
          for round in 0..<5 {
            try await store.write { tx in
              try tx.update(Selection.self, "s") { $0.row += 1 }
              if index % 2 == 0 {
                try tx.create(Note(id: RecordID("\(index)-\(round)"), title: "x"))
              }
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try store.read { try $0.fetch(Selection.self, "s") }?.row == 40)
    #expect(try store.read { try $0.all(Note.self) }.count == 20)
    #expect(try store.problems() == [])
  }

  @Test func `takes no change that expects a record which is gone or another`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Selection.self])
    defer { store.close() }
    let fields: Fields = ["row": 1, "isActive": false]
    try await store.write { try $0.put("selections", "1", fields, expecting: 0) }
    let last = try store.read { try $0.lastSequence(about: "selections", "1") }
    try await store.write { try $0.put("selections", "1", fields, expecting: last) }
    func refusal(_ expected: SequenceNumber) async -> String? {
      await asyncCode {
        try await store.write { try $0.put("selections", "1", fields, expecting: expected) }
      }
    }
    #expect(await refusal(last) == "unexpected-version")
    #expect(await refusal(0) == "unexpected-version")
    let current = try store.read { try $0.lastSequence(about: "selections", "1") }
    try await store.write { try $0.delete("selections", "1", expecting: current) }
    #expect(await refusal(current) == "unexpected-version")
    #expect(await refusal(0) == nil)
    #expect(
      await asyncCode { try await store.write { try $0.delete("selections", "2") } }
        == "invalid-input")
    #expect(try store.journal.lastSequence == 1)
    #expect(try store.problems() == [])
  }

  @Test func `is seen between the stored ones in a scan of everything`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Selection.self])
    defer { store.close() }
    try await store.write { tx in
      try tx.put("a", "1", ["n": 1])
      try tx.put("selections", "1", ["row": 1, "isActive": false])
      try tx.put("selections-b", "1", ["n": 2])
      try tx.put("z", "1", ["n": 3])
    }
    #expect(
      try store.picture() == "a/1 {\"n\":1}\nselections/1 {\"isActive\":false,\"row\":1}\n"
        + "selections-b/1 {\"n\":2}\nz/1 {\"n\":3}\n")
    try await store.write { try $0.delete(Selection.self, "1") }
    #expect(
      try store.picture() == "a/1 {\"n\":1}\nselections-b/1 {\"n\":2}\nz/1 {\"n\":3}\n")
    #expect(try store.problems() == [])
  }

  @Test func `pages go on behind the last record`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Selection.self])
    defer { store.close() }
    try await store.write { tx in
      for row in 10..<33 { try tx.create(Selection(id: RecordID("\(row)"), row: row)) }
    }
    var rows: [[Int]] = []
    for try await page in store.pages(of: Request<Selection>(), size: 10) {
      rows.append(page.map(\.row))
    }
    #expect(rows == [Array(10..<20), Array(20..<30), Array(30..<33)])
  }
}
