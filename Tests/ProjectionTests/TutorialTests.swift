import Journal
import JournalTesting
import Projection
import TestKit
import Testing

/// The steps of the article Tutorial, as they stand there.
@Suite struct `The tutorial` {
  struct Person: Record {
    static let schema = Schema<Person>("people")
    var id = RecordID<Person>()
    var name: String
  }

  struct Tag: Record {
    static let schema = Schema<Tag>("tags")
    var id = RecordID<Tag>()
    var name: String
  }

  struct Todo: Record {
    static let byDone = Index("by-done", on: \Todo.isDone, then: .by(\.title))
    static let byTag = Index("by-tag", onEach: \Todo.tags)
    static let schema = Schema<Todo>(
      "todos", .index(byDone), .index(byTag),
      .link(\.tags, onDelete: .clear), .link(\.assignee, onDelete: .clear))
    var id = RecordID<Todo>()
    var title: String
    var isDone = false
    var tags: [RecordID<Tag>] = []
    var assignee: RecordID<Person>?
  }

  /// The type of the next release.
  enum Next {
    struct Todo: Record {
      static let byRank = Index("by-rank", on: \Todo.isDone, then: .by(\.rank))
      static let schema = Schema<Todo>("todos", .index(byRank))
      var id = RecordID<Todo>()
      var title: String
      var isDone = false
      var rank = 0
    }
  }

  @Test func `does what it says, from the types to the past`() async throws {
    let scratch = try Scratch()
    let path = scratch("Todos.journal")
    let store = try await Store.openOrCreate(
      at: path, label: "laptop", records: [Person.self, Tag.self, Todo.self])
    defer { store.close() }

    let shop = Tag(name: "shop")
    let ada = Person(name: "Ada")
    let milk = Todo(title: "Milk", tags: [shop.id], assignee: ada.id)
    try await store.write(by: "ada", because: "breakfast") { tx in
      try tx.create(shop)
      try tx.create(ada)
      try tx.create(milk)
      try tx.create(Todo(title: "Bread", tags: [shop.id]))
    }

    let open = Todo.where(\.isDone == false).sorted(by: .ascending(\.title))
    for todo in try store.fetch(open) { print(todo.title) }
    #expect(try store.fetch(open).map(\.title) == ["Bread", "Milk"])
    let plan = try store.read { try $0.explain(open) }
    #expect(plan.description == "todos: index by-done finds isDone, in its order")
    let toBuy = try store.count(Todo.where(.contains(\.tags, shop.id)))
    #expect(toBuy == 2)

    let lines = try store.read { snapshot in
      let todos = try snapshot.fetch(open)
      let people = try snapshot.targets(of: todos, by: \.assignee)
      return todos.map { todo in
        "\(todo.title): \(todo.assignee.flatMap { people[$0]?.name } ?? "nobody")"
      }
    }
    #expect(lines == ["Bread: nobody", "Milk: Ada"])

    for try await todos in store.observe(open) {
      print(todos.map(\.title))
      break
    }

    let bought = try await store.write(by: "ada") { tx in
      try tx.update(Todo.self, milk.id) { $0.isDone = true }
    }
    #expect(try store.fetch(open).map(\.title) == ["Bread"])
    let before = try store.fetch(Todo.self, milk.id, at: .sequence(bought.sequences[0] - 1))
    #expect(before?.isDone == false)
    let events = try store.history(of: Todo.self, milk.id)
    for event in events {
      print(event.event.actor ?? "-", event.event.reason ?? "-", event.after?.isDone ?? false)
    }
    #expect(events.map { $0.after?.isDone } == [false, true])
    #expect(events.map(\.event.reason) == ["breakfast", nil])
    let blame = try store.blame("todos", milk.id.key)
    print(blame?["isDone"]?.entry?.actor ?? "-")
    #expect(blame?["title"]?.entry?.reason == "breakfast")
    #expect(blame?["isDone"]?.entry?.sequence == bought.sequences[0])

    // The todos no longer have the tag; then the tag goes.
    let receipt = try await store.write { try $0.delete(Tag.self, shop.id) }
    #expect(receipt.sequences.count == 3)
    #expect(try store.fetch(Todo.self, milk.id)?.tags == [])
    #expect(try store.problems() == [])
  }

  @Test func `goes on with the next release, and ends with a replay`() async throws {
    let scratch = try Scratch()
    let path = scratch("Todos.journal")
    do {
      let store = try Store.create(
        at: path, label: "laptop", records: [Person.self, Tag.self, Todo.self])
      defer { store.close() }
      try await store.write { tx in
        try tx.create(Todo(id: "milk", title: "Milk"))
        try tx.create(Todo(id: "bread", title: "Bread"))
      }
    }
    typealias Todo = Next.Todo

    let migrations = try Migrations(
      Migration("1") { tx in
        try tx.update("todos") { fields in
          if fields["rank"] == nil { fields["rank"] = 0 }
        }
      })
    let store = try await Store.openOrCreate(
      at: path, label: "laptop", records: [Person.self, Tag.self, Todo.self],
      migrations: migrations)
    defer { store.close() }
    #expect(try store.read { try $0.appliedMigrations } == ["1"])
    try await store.write { tx in
      try tx.update(Todo.self, "milk") { $0.rank = 1 }
    }
    try await store.buildIndexes()
    let next = Todo.where(\.isDone == false).sorted(by: .ascending(\.rank))
    #expect(try store.fetch(next).map(\.title) == ["Bread", "Milk"])
    #expect(try store.read { try $0.explain(next).index } == "by-rank")
    #expect(try store.indexes().map(\.name) == ["by-rank"])
    #expect(try await store.migrate(migrations).isEmpty)
    #expect(try store.problems() == [])

    let pack = scratch("todos.pack")
    try store.journal.read { reader in _ = try reader.pack(to: pack, checkpoint: nil) }
    let golden = scratch("todos.ndjson")
    #expect(throws: ReplayFailure.recorded(path: golden)) {
      try JournalReplay.check(journalOrPackAt: pack, matches: golden, recording: .always)
    }
    try JournalReplay.check(journalOrPackAt: pack, matches: golden, recording: .never)
    try JournalReplay.check(journalOrPackAt: path, matches: golden, recording: .never)
  }
}
