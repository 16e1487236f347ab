import Journal
import Synchronization
import TestKit
import Testing

@testable import Projection

@Suite struct `A new record's id` {
  struct Fighter: Record, Equatable {
    static let schema = Schema<Fighter>("fighters")
    var id: RecordID<Fighter>
    var wins = 0
  }

  struct Invoice: Record, Equatable {
    static let schema = Schema<Invoice>("invoices", .sequentialIDs)
    var id = RecordID<Invoice>.unassigned
    var total: Int
  }

  struct Ticket: Record, Equatable {
    static let schema = Schema<Ticket>("tickets", .ids { "t-\(asked())" })
    static let count = Mutex(0)
    var id = RecordID<Ticket>.unassigned
    var text: String

    /// Every number twice: 0, 0, 1, 1, …
    static func asked() -> Int {
      count.withLock { count in
        count += 1
        return (count - 1) / 2
      }
    }
  }

  struct Scratchpad: Record, Equatable {
    static let schema = Schema<Scratchpad>("scratchpads", .ephemeral, .sequentialIDs)
    var id = RecordID<Scratchpad>.unassigned
    var text: String
  }

  @Test func `S-AL-10 is known as soon as it is inserted, counting on`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    var store = try Store.create(at: path, label: "a", records: [Invoice.self])
    var ids: [RecordID<Invoice>] = []
    try await store.write { tx in
      ids = [
        try tx.insert(Invoice(total: 5)).id, try tx.insert(Invoice(total: 6)).id,
        try tx.insert(Invoice(id: "9", total: 7)).id, try tx.insert(Invoice(total: 8)).id,
      ]
    }
    #expect(ids == ["1", "2", "9", "10"])
    // A deleted record's number is not given again, nor does a text count.
    try await store.write { tx in
      try tx.delete(Invoice.self, "10")
      try tx.create(Invoice(id: "2026-11", total: 1))
      try tx.create(Invoice(id: "0099", total: 1))
    }
    store.close()
    store = try Store.open(at: path, records: [Invoice.self])
    defer { store.close() }
    let saved = Mutex<Invoice?>(nil)
    try await store.write { tx in
      let invoice = try tx.save(Invoice(total: 9))
      saved.withLock { $0 = invoice }
    }
    #expect(saved.withLock { $0 } == Invoice(id: "11", total: 9))
    #expect(try store.read { try $0.fetch(Invoice.self, "11") } == Invoice(id: "11", total: 9))
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-10 is another one for each of many writers at once`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "a", records: [Invoice.self, Scratchpad.self])
    defer { store.close() }
    try await withThrowingTaskGroup { group in
      for index in 0..<10 {
        group.addTask {
          for round in 0..<3 {
            try await store.write { tx in
              try tx.insert(Invoice(total: index * 10 + round))
              try tx.insert(Scratchpad(text: "\(index)"))
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let invoices = try store.read { try $0.all(Invoice.self) }
    #expect(Set(invoices.map(\.id.key)) == Set((1...30).map { "\($0)" }))
    #expect(Set(invoices.map(\.total)).count == 30)
    #expect(try store.read { try $0.all(Scratchpad.self) }.count == 30)
    try await store.write { try $0.delete(Scratchpad.self, "30") }
    try await store.write { try $0.insert(Scratchpad(text: "next")) }
    #expect(try store.read { try $0.fetch(Scratchpad.self, "31") }?.text == "next")
    #expect(try store.problems() == [])
  }

  @Test func `S-AL-11 is kept where it is given, on every launch, and made where it is missing`()
    async throws
  {
    let scratch = try Scratch()
    let path = scratch("j")
    try Store.create(at: path, label: "a").close()
    for _ in 0..<2 {
      let store = try Store.open(at: path, records: [Fighter.self])
      defer { store.close() }
      try await store.write { tx in
        for name in ["wandy", "manny", "ali"] { try tx.save(Fighter(id: RecordID(name))) }
      }
      #expect(try store.read { try $0.all(Fighter.self) }.map(\.id) == ["ali", "manny", "wandy"])
    }
    let store = try Store.open(at: path, records: [Fighter.self])
    defer { store.close() }
    let saved = Mutex<Fighter?>(nil)
    try await store.write { tx in
      let fighter = try tx.save(Fighter(id: .unassigned, wins: 3))
      saved.withLock { $0 = fighter }
    }
    let fighter = try #require(saved.withLock { $0 })
    #expect(!fighter.id.isUnassigned)
    #expect(try store.read { try $0.fetch(Fighter.self, fighter.id) } == fighter)
    #expect(try store.read { try $0.all(Fighter.self) }.count == 4)
    #expect(try store.problems() == [])
  }

  @Test func `comes from a closure, which is asked again for one that is taken`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Ticket.self])
    defer { store.close() }
    try await store.write { tx in
      try tx.insert(Ticket(text: "a"))
      try tx.insert(Ticket(text: "b"))
    }
    try await store.write { try $0.insert(Ticket(text: "c")) }
    #expect(try store.read { try $0.all(Ticket.self) }.map(\.id) == ["t-0", "t-1", "t-2"])
    #expect(try store.problems() == [])
  }

  @Test func `is another one for a copy, which keeps what the type does not know`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Invoice.self])
    defer { store.close() }
    try await store.write { tx in
      try tx.insert(Invoice(total: 5))
      try tx.update("invoices", "1", set: ["note": "kept"])
      try tx.duplicate(Invoice.self, "1")
    }
    #expect(try store.read { try $0.get("invoices", "2") } == ["total": 5, "note": "kept"])
    await #expect(throws: JournalError.self) {
      try await store.write { try $0.duplicate(Invoice.self, "77") }
    }
    #expect(try store.problems() == [])
  }

  @Test func `is a number only without leading zeros and up to eighteen digits`() {
    func number(_ text: String) -> UInt64? { SequentialID.number(Array(text.utf8)) }
    #expect(number("1") == 1)
    #expect(number("120") == 120)
    #expect(number("999999999999999999") == SequentialID.largest)
    for text in ["", "0", "01", "1a", "-1", "+1", " 1", "1000000000000000000", "٣"] {
      #expect(number(text) == nil, "\(text)")
    }
  }
}
