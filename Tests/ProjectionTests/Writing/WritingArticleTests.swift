import Journal
import Projection
import TestKit
import Testing

@Suite struct `The article about writing` {
  struct Todo: Record {
    static let schema = Schema<Todo>("todos")
    var id = RecordID<Todo>()
    var title: String
    var isDone = false
  }

  struct Invoice: Record {
    static let schema = Schema<Invoice>("invoices", .localOnly, .sequentialIDs)
    var id = RecordID<Invoice>.unassigned
    var total: Int
  }

  @Test func `shows code that compiles and does what it says`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", records: [Todo.self, Invoice.self])
    defer { store.close() }

    try await store.write(by: "mia", because: "cleaning up") { tx in
      try tx.create(Todo(id: "milk", title: "Milk"))
      try tx.update(Todo.self, "milk") { $0.isDone = true }
    }
    #expect(try store.read { try $0.fetch(Todo.self, "milk") }?.isDone == true)

    try await store.write { tx in
      let invoice = try tx.insert(Invoice(total: 12))
      try tx.set(invoice.id.key, for: "last", in: "settings")
    }
    #expect(try store.values("settings").get("last") == "1")

    try await store.write { tx in
      try tx.create(Todo(id: "open", title: "Milk"))
      try tx.update(Todo.where(\.title == "Milk")) { $0.title = "Oat milk" }
      try tx.delete(Todo.where(\.isDone == true))
    }
    #expect(try store.read { try $0.all(Todo.self) }.map(\.title) == ["Oat milk"])
    try await store.write { try $0.deleteAll(Todo.self) }
    #expect(try store.read { try $0.all(Todo.self) }.isEmpty)

    let settings = store.values("settings")
    try await settings.set(true, for: "isDark")
    let isDark = try settings.get("isDark", as: Bool.self) ?? false
    #expect(isDark)
    #expect(try store.problems() == [])
  }
}
