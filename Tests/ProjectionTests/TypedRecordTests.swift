import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `A record of one's own type` {
  struct Company: Record {
    static let schema = Schema<Company>("companies")
    var id = RecordID<Company>()
    var name: String
  }

  struct Person: Record, Equatable {
    static let schema = Schema<Person>("people", version: 3)
    var id = RecordID<Person>()
    var name: String
    var visits = 0
    var email: String?
    var employer: RecordID<Company>?
    var friends: [RecordID<Person>] = []
  }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await body(store)
    #expect(try store.problems() == [])
  }

  @Test func `is created, fetched and listed in the order of keys`() async throws {
    try await withStore { store in
      let company = Company(name: "Analytical Engines")
      let ada = Person(
        id: "ada", name: "Ada", email: "ada@example.com", employer: company.id,
        friends: ["charles"])
      let charles = Person(id: "charles", name: "Charles")
      try await store.write { tx in
        try tx.create(company)
        try tx.create(charles)
        try tx.create(ada)
      }
      #expect(try store.read { try $0.fetch(Person.self, "ada") } == ada)
      #expect(try store.read { try $0.all(Person.self) } == [ada, charles])
      let found = try store.read { try $0.fetch(Company.self, company.id) }
      #expect(found?.name == "Analytical Engines")
      #expect(try store.read { try $0.fetch(Person.self, "nobody") } == nil)
    }
  }

  @Test func `keeps its id in the key, and references as references`() async throws {
    try await withStore { store in
      try await store.write {
        try $0.create(Person(id: "ada", name: "Ada", employer: "engines", friends: ["charles"]))
      }
      #expect(
        try store.read { try $0.get("people", "ada") } == [
          "name": "Ada", "visits": 0,
          "employer": .reference(collection: "companies", key: "engines"),
          "friends": [.reference(collection: "people", key: "charles")],
        ])
      let schema = try store.journal.read { try $0.entry(2)?.header.schema }
      #expect(schema == 3)
    }
  }

  @Test func `is updated by what changed and nothing else`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Person(id: "ada", name: "Ada", email: "a@example.com"))
        try tx.update("people", "ada", set: ["unknown": ["kept": true], "visits": 1])
      }
      let receipt = try await store.write { tx in
        try tx.update(Person.self, "ada") {
          $0.name = "Ada Lovelace"
          $0.email = nil
        }
      }
      let entry = try #require(
        try store.read { try $0.entries(about: "people", "ada") }.last)
      #expect(receipt.sequences == [4])
      #expect(entry.members["set"] == ["name": "Ada Lovelace"])
      #expect(entry.members["unset"] == ["email"])
      #expect(
        try store.read { try $0.get("people", "ada") } == [
          "name": "Ada Lovelace", "visits": 1, "friends": [], "unknown": ["kept": true],
        ])
    }
  }

  @Test func `makes no entry of an update that changes nothing`() async throws {
    try await withStore { store in
      // Stored as others store it: the type would write neither the null nor the field's absence.
      try await store.write {
        try $0.create("people", "ada", ["name": "Ada", "visits": 0, "email": nil, "friends": []])
      }
      let receipt = try await store.write { tx in
        let isChanged = try tx.update(Person.self, "ada") { $0.name = "Ada" }
        #expect(!isChanged)
      }
      #expect(receipt.sequences == [])
      #expect(try store.journal.lastSequence == 2)
    }
  }

  @Test func `is seen by an update as earlier changes of the same write left it`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Person(id: "ada", name: "Ada"))
        try tx.update(Person.self, "ada") { $0.visits += 1 }
        try tx.update("people", "ada", set: ["visits": 10], unset: [])
        try tx.update(Person.self, "ada") { $0.visits += 1 }
      }
      #expect(try store.read { try $0.fetch(Person.self, "ada")?.visits } == 11)
      try await store.write { tx in
        try tx.delete(Person.self, "ada")
        #expect(throws: JournalError.self) {
          try tx.update(Person.self, "ada") { $0.visits += 1 }
        }
        try tx.create(Person(id: "ada", name: "Again"))
        try tx.update(Person.self, "ada") { $0.visits -= 1 }
      }
      #expect(try store.read { try $0.fetch(Person.self, "ada")?.visits } == -1)
    }
  }

  @Test func `counts every visit of many writers at once`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Person(id: "ada", name: "Ada")) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<10 {
              try await store.write { try $0.update(Person.self, "ada") { $0.visits += 1 } }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try store.read { try $0.fetch(Person.self, "ada")?.visits } == 80)
    }
  }

  @Test func `is untouched by a write that fails`() async throws {
    try await withStore { store in
      struct Own: Error {}
      let ada = Person(id: "ada", name: "Ada")
      try await store.write { try $0.create(ada) }
      await #expect(throws: Own.self) {
        try await store.write { tx in
          try tx.update(Person.self, "ada") { $0.visits = 5 }
          try tx.update(Person.self, "ada") { _ in throw Own() }
        }
      }
      for change: @Sendable (inout Changes) throws -> Void in [
        { try $0.create(Person(id: "ada", name: "")) },
        { try $0.update(Person.self, "nobody") { $0.visits = 1 } },
        { try $0.update(Person.self, "ada") { $0.id = "other" } },
        { try $0.delete(Person.self, "nobody") },
        { try $0.create(Person(id: "", name: "")) },
      ] {
        await #expect(throws: JournalError.self) { try await store.write(change) }
      }
      #expect(try store.journal.lastSequence == 2)
      #expect(try store.read { try $0.all(Person.self) } == [ada])
    }
  }

  @Test func `is put and deleted whole`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create("people", "ada", ["name": "Ada", "unknown": 1])
        try tx.put(Person(id: "ada", name: "Ada"))
      }
      #expect(
        try store.read { try $0.get("people", "ada") } == [
          "name": "Ada", "visits": 0, "friends": [],
        ])
      try await store.write { try $0.delete(Person.self, "ada") }
      #expect(try store.read { try $0.all(Person.self) } == [])
    }
  }

  @Test func `is found as it was at an earlier moment`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Person(id: "ada", name: "Ada")) }
      try await store.write { try $0.update(Person.self, "ada") { $0.visits = 1 } }
      let before = try store.read(at: .sequence(2)) { snapshot in
        (try snapshot.fetch(Person.self, "ada")?.visits, try snapshot.all(Person.self).count)
      }
      #expect(before == (0, 1))
      #expect(try store.read(at: .sequence(1)) { try $0.fetch(Person.self, "ada") } == nil)
    }
  }

  @Test func `names record and field where what is stored does not fit`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create("people", "x", ["name": 1])
        try tx.create(
          "people", "y",
          [
            "name": "Y", "visits": 0, "friends": [],
            "employer": .reference(collection: "people", key: "ada"),
          ])
      }
      func message(_ body: (Snapshot) throws -> Void) -> String {
        do {
          try store.read(body)
          return ""
        } catch {
          return "\(error)"
        }
      }
      #expect(
        message { _ = try $0.fetch(Person.self, "x") }
          .hasPrefix("people/x: field `name` does not fit Person: expected a text"))
      #expect(
        message { _ = try $0.fetch(Person.self, "y") }
          .contains("field `employer` does not fit Person: the reference is to \"people\""))
      #expect(message { _ = try $0.all(Person.self) }.hasPrefix("people/x: "))
    }
  }

  @Test func `is a plain value to other encoders`() throws {
    let ada = Person(id: "ada", name: "Ada", employer: "engines")
    let text = try JSONEncoder().encode(ada)
    #expect(try JSONDecoder().decode(Person.self, from: text) == ada)
  }

  @Test func `has an id of its own, which compares as bytes`() {
    let ids = (0..<100).map { _ in RecordID<Person>() }
    #expect(Set(ids).count == 100)
    #expect(ids.map(\.key) == ids.map(\.key).sorted())
    #expect(RecordID<Person>("\u{E9}") != RecordID<Person>("e\u{301}"))
    #expect(Set(["\u{E9}", "e\u{301}"].map { RecordID<Person>($0) }).count == 2)
  }

  @Test func `shares its collection with no other type a store is opened with`() throws {
    struct Robot: Record {
      static let schema = Schema<Robot>("people")
      var id = RecordID<Robot>()
    }
    let scratch = try Scratch()
    let error = #expect(throws: JournalError.self) {
      try Store.create(at: scratch("j"), label: "laptop", records: [Person.self, Robot.self])
    }
    #expect(error?.code == "invalid-input")
    #expect(throws: JournalError.self) { try Store.open(at: scratch("j")) }
    let store = try Store.create(
      at: scratch("j"), label: "laptop", records: [Person.self, Company.self])
    store.close()
  }
}
