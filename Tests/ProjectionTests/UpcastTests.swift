import Journal
import Projection
import TestKit
import Testing

/// One collection, as four releases of an app saw it.
@Suite struct `Records of an older form` {
  struct First: Record, Equatable {
    static let schema = Schema<First>("people")
    var id = RecordID<First>()
    var name: String
    var visits = 0
  }

  struct Third: Record, Equatable {
    static let schema = Schema<Third>(
      "people", version: 3,
      // Given in the other order: they run by their versions.
      .upcast(from: 2, adding: "initial") { fields in
        guard case .string(let first) = fields["firstName"] else { return }
        fields["initial"] = .string(String(first.prefix(1)))
      },
      .upcast(from: 1, replacing: "name") { fields in
        guard case .string(let name) = fields["name"] else { return }
        let parts = name.split(separator: " ", maxSplits: 1)
        fields["firstName"] = .string(String(parts.first ?? ""))
        fields["lastName"] = .string(parts.count > 1 ? String(parts[1]) : "")
      })
    var id = RecordID<Third>()
    var firstName: String
    var lastName: String
    var initial: String
    var visits = 0
  }

  private let scratch: Scratch
  private let store: Store

  init() throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("j"), label: "laptop")
  }

  private static let ada = Third(
    id: "ada", firstName: "Ada", lastName: "Lovelace", initial: "A", visits: 1)

  @Test func `are read in the newest form, and stay as they are`() async throws {
    try await store.write { try $0.create(First(id: "ada", name: "Ada Lovelace", visits: 1)) }
    let last = try store.journal.lastSequence
    #expect(try store.read { try $0.fetch(Third.self, "ada") } == Self.ada)
    #expect(try store.read { try $0.all(Third.self) } == [Self.ada])
    #expect(
      try store.read { try $0.get("people", "ada") } == ["name": "Ada Lovelace", "visits": 1])
    #expect(try store.read(at: .sequence(last)) { try $0.fetch(Third.self, "ada") } == Self.ada)
    let entry = try #require(try store.read { try $0.entries(about: "people", "ada") }.last)
    #expect(entry.header.schema == 1)
    #expect(try store.journal.lastSequence == last)
    #expect(try store.problems() == [])
  }

  @Test func `are found, sorted, counted and summed by the newest form`() async throws {
    try await store.write { tx in
      try tx.create(First(id: "ada", name: "Ada Lovelace", visits: 1))
      try tx.create(First(id: "alan", name: "Alan Turing", visits: 2))
      try tx.create(
        Third(id: "barbara", firstName: "Barbara", lastName: "Liskov", initial: "B", visits: 4))
    }
    try store.read { snapshot in
      let sorted = try snapshot.fetch(Third.sorted(by: .descending(\.lastName)))
      #expect(sorted.map(\.id) == ["alan", "ada", "barbara"])
      #expect(try snapshot.count(Third.where(\.initial == "A")) == 2)
      #expect(try snapshot.exists(Third.where(\.firstName == "Alan")))
      #expect(try snapshot.first(Third.where(\.lastName == "Liskov"))?.id == "barbara")
      #expect(try snapshot.aggregate(.sum(\.visits), of: Third.where(\.initial == "A")) == 3)
      let groups = try snapshot.aggregate(.count, of: Request<Third>(), by: \.initial)
      #expect(groups.map(\.value) == ["A", "B"])
    }
    var paged: [RecordID<Third>] = []
    for try await page in store.pages(of: Third.sorted(by: .ascending(\.firstName)), size: 2) {
      paged += page.map(\.id)
    }
    #expect(paged == ["ada", "alan", "barbara"])
    #expect(try store.problems() == [])
  }

  @Test func `are written in the newest form by an update through the type`() async throws {
    try await store.write { tx in
      try tx.create("people", "ada", ["name": "Ada Lovelace", "visits": 1, "unknown": true])
    }
    let receipt = try await store.write { tx in
      try tx.update(Third.self, "ada") { _ in }
    }
    #expect(receipt.sequences == [])
    try await store.write { tx in try tx.update(Third.self, "ada") { $0.visits += 1 } }
    #expect(
      try store.read { try $0.get("people", "ada") } == [
        "firstName": "Ada", "lastName": "Lovelace", "initial": "A", "visits": 2, "unknown": true,
      ])
    let entry = try #require(try store.read { try $0.entries(about: "people", "ada") }.last)
    #expect(entry.members["unset"] == ["name"])
    #expect(entry.header.schema == 3)
    #expect(try store.problems() == [])
  }

  @Test func `are brought forward again when an older release has written to them`() async throws {
    try await store.write { try $0.create(Self.ada) }
    // A release that knows only `name` sees the record, for it keeps what it does not know.
    try await store.write { try $0.update("people", "ada", set: ["name": "Ada King"]) }
    let now = try store.read { try $0.fetch(Third.self, "ada") }
    #expect(now?.lastName == "King" && now?.visits == 1)
    try await store.write { tx in try tx.update(Third.self, "ada") { $0.visits = 5 } }
    #expect(try store.read { try $0.get("people", "ada") }?["name"] == nil)
    #expect(try store.read { try $0.get("people", "ada") }?["lastName"] == "King")
    #expect(try store.problems() == [])
  }

  struct Doubling: Record {
    static let schema = Schema<Doubling>(
      "prices", version: 2,
      .upcast(from: 1) { fields in
        if case .integer(let price) = fields["price"] { fields["price"] = .integer(price * 100) }
      })
    var id = RecordID<Doubling>()
    var price: Int
  }

  struct Forgetful: Record {
    static let schema = Schema<Forgetful>(
      "prices", version: 2, .upcast(from: 1, adding: "a") { _ in })
    var id = RecordID<Forgetful>()
    var a: Int?
  }

  @Test func `are not brought forward twice, nor half`() async throws {
    try await store.write { try $0.create("prices", "a", ["price": 5]) }
    for read in [
      { try store.read { _ = try $0.fetch(Doubling.self, "a") } },
      { try store.read { _ = try $0.fetch(Forgetful.self, "a") } },
    ] {
      let error = #expect(throws: JournalError.self) { try read() }
      #expect(error?.code == "invalid-input")
      #expect(error?.description.contains("prices from version 1") == true)
    }
  }

  struct Newer: Record {
    static let schema = Schema<Newer>("people", version: 2, .upcast(from: 2) { _ in })
    var id = RecordID<Newer>()
  }

  struct Twice: Record {
    static let schema = Schema<Twice>(
      "people", version: 2, .upcast(from: 1) { _ in }, .upcast(from: 1) { _ in })
    var id = RecordID<Twice>()
  }

  @Test func `have one upcast from each version below the present one`() throws {
    for type in [Newer.self, Twice.self] as [any Record.Type] {
      let error = #expect(throws: JournalError.self) {
        try Store.create(at: scratch("other"), label: "laptop", records: [type])
      }
      #expect(error?.code == "invalid-input")
    }
    let other = try Store.create(at: scratch("other"), label: "laptop", records: [Third.self])
    other.close()
  }

  @Test func `of a newer release are read as far as they are known`() async throws {
    try await store.write { tx in
      try tx.create(Self.ada)
      try tx.update("people", "ada", set: ["name": "Ada Lovelace"])
    }
    let first = try store.read { try $0.fetch(First.self, "ada") }
    #expect(first == First(id: "ada", name: "Ada Lovelace", visits: 1))
    try await store.write { tx in try tx.update(First.self, "ada") { $0.visits = 2 } }
    #expect(try store.read { try $0.get("people", "ada") }?["initial"] == "A")
    #expect(try store.problems() == [])
  }
}
