import Journal
import Projection
import TestKit
import Testing

@Suite struct `Relations` {
  struct List: Record, Equatable {
    static let schema = Schema<List>("lists")
    var id = RecordID<List>()
    var title = ""
  }

  struct Tag: Record, Equatable {
    static let schema = Schema<Tag>("tags")
    var id = RecordID<Tag>()
  }

  struct Todo: Record, Equatable {
    static let byList = Index("by-list", on: \Todo.list)
    static let byTag = Index("by-tag", onEach: \Todo.tags)
    static let schema = Schema<Todo>(
      "todos", .index(byList), .index(byTag), .link(\.list, onDelete: .cascade),
      .link(\.tags, onDelete: .clear), .link(\.after, onDelete: .clear))
    var id = RecordID<Todo>()
    var list: RecordID<List>
    var tags: [RecordID<Tag>] = []
    var after: RecordID<Todo>?
  }

  struct Note: Record {
    static let schema = Schema<Note>("notes", .link(\.todo, onDelete: .deny))
    var id = RecordID<Note>()
    var todo: RecordID<Todo>
  }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "laptop",
      records: [List.self, Tag.self, Todo.self, Note.self])
    defer { store.close() }
    try await body(store)
    #expect(try store.problems() == [])
  }

  @Test func `do not mind the order in which records arrive`() async throws {
    try await withStore { store in
      let todo = Todo(id: "t", list: "home", tags: ["red", "blue"])
      try await store.write { try $0.create(todo) }
      try store.read { snapshot throws in
        #expect(try snapshot.targets(of: [todo], by: \.list).isEmpty)
        #expect(try snapshot.sources(to: ["home"], by: \Todo.list) == ["home": [todo]])
      }
      try await store.write { tx in
        try tx.create(List(id: "home", title: "Home"))
        try tx.create(Tag(id: "blue"))
      }
      try store.read { snapshot throws in
        let lists = try snapshot.targets(of: [todo], by: \.list)
        #expect(lists["home"]?.title == "Home")
        #expect(try snapshot.targets(of: [todo], byEach: \.tags) == ["blue": Tag(id: "blue")])
        #expect(try snapshot.fetch(Tag.self, ids: todo.tags) == [Tag(id: "blue")])
      }
    }
  }

  @Test func `S-BR-15 single and list relations resolve, in order, and pass over what is unknown`()
    async throws
  {
    struct Holder: Record {
      static let schema = Schema<Holder>("holders")
      var id = RecordID<Holder>()
      var assoc: RecordID<Tag>?
      var assocs: [RecordID<Tag>]?
    }
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Tag(id: "12345"))
        try tx.create(Tag(id: "777"))
      }
      try store.read { snapshot throws in
        let holder = Holder(assoc: "12345", assocs: ["777", "6789", "12345"])
        #expect(try snapshot.targets(of: [holder], by: \.assoc) == ["12345": Tag(id: "12345")])
        #expect(
          try snapshot.fetch(Tag.self, ids: holder.assocs ?? []).map(\.id) == ["777", "12345"])
        #expect(try snapshot.fetch(Tag.self, "6789") == nil)
        let absent = Holder()
        #expect(try snapshot.targets(of: [absent], by: \.assoc).isEmpty)
        #expect(try snapshot.fetch(Tag.self, ids: absent.assocs ?? []).isEmpty)
      }
    }
  }

  @Test func `go from many to many, both ways, with an index or without`() async throws {
    try await withStore { store in
      let todos = (0..<30).map { number in
        Todo(
          id: .init("t\(number + 10)"), list: .init("l\(number % 3)"),
          tags: (0..<number % 4).map { .init("g\($0)") })
      }
      try await store.write { tx in
        for todo in todos { try tx.create(todo) }
      }
      let now = try store.read { try $0.sources(to: ["g0", "g2", "g9"], byEach: \Todo.tags) }
      #expect(now["g0"] == todos.filter { $0.tags.contains("g0") })
      #expect(now["g2"] == todos.filter { $0.tags.contains("g2") })
      #expect(now["g9"] == nil)
      let last = try store.journal.lastSequence
      try await store.write { try $0.delete(Todo.self, "t10") }
      let past = try store.read(at: .sequence(last)) { snapshot throws in
        #expect(try snapshot.explain(Todo.where(.contains(\.tags, "g0"))).index == nil)
        return try snapshot.sources(to: ["g0", "g2", "g9"], byEach: \Todo.tags)
      }
      #expect(past == now)
      let byList = try store.read(at: .sequence(last)) {
        try $0.sources(to: ["l1"], by: \Todo.list)
      }
      #expect(byList == ["l1": todos.filter { $0.list == "l1" }])
      let matched = try store.read {
        try $0.matches(of: [todos[4]], on: \.list, equal: \Todo.list)
      }
      #expect(matched == byList)
    }
  }

  @Test func `take along or let go what refers to a deleted record`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(List(id: "home"))
        try tx.create(List(id: "work"))
        try tx.create(Tag(id: "red"))
        try tx.create(Todo(id: "a", list: "home", tags: ["red", "blue"]))
        try tx.create(Todo(id: "b", list: "work", tags: ["red"], after: "a"))
      }
      let receipt = try await store.write { tx in
        // One that this very write makes goes as well.
        try tx.create(Todo(id: "c", list: "home", after: "a"))
        try tx.delete(List.self, "home")
      }
      // `b` and `c` no longer come after `a`; then `a`, `c` and the list go.
      #expect(receipt.sequences.count == 6)
      try store.read { snapshot throws in
        #expect(
          try snapshot.all(Todo.self) == [Todo(id: "b", list: "work", tags: ["red"], after: nil)])
        #expect(try snapshot.all(List.self).map(\.id) == ["work"])
      }
      try await store.write { try $0.delete("tags", "red") }
      #expect(try store.read { try $0.fetch(Todo.self, "b") }?.tags == [])
    }
  }

  @Test func `are followed by deletes of what a request means`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(List(id: "home"))
        try tx.create(Todo(id: "a", list: "home"))
        try tx.create(Todo(id: "b", list: "home", after: "a"))
        try tx.create(Todo(id: "c", list: "work", after: "b"))
      }
      let count = try await store.write { tx in
        let lists = try tx.delete(List.where(\.title == ""))
        #expect(lists == 1)
      }
      #expect(count.sequences.count == 5)
      #expect(
        try store.read { try $0.all(Todo.self) } == [Todo(id: "c", list: "work", after: nil)])
    }
  }

  @Test func `keep a record that others must not lose`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(List(id: "home"))
        try tx.create(Todo(id: "a", list: "home"))
        try tx.create(Note(id: "n", todo: "a"))
      }
      let error = await #expect(throws: JournalError.self) {
        try await store.write { try $0.delete(List.self, "home") }
      }
      #expect(error?.code == "still-referred")
      #expect(try store.read { try $0.all(Todo.self).count } == 1)
      try await store.write { tx in
        try tx.delete(Note.self, "n")
        try tx.delete(List.self, "home")
      }
      #expect(try store.read { try $0.all(Todo.self).isEmpty })
    }
  }

  @Test func `refuse a rule that a field cannot follow`() throws {
    struct Stiff: Record {
      static let schema = Schema<Stiff>("stiff", .link(\.list, onDelete: .clear))
      var id = RecordID<Stiff>()
      var list: RecordID<List>
    }
    let scratch = try Scratch()
    #expect(throws: JournalError.self) {
      try Store.create(at: scratch("j"), label: "laptop", records: [Stiff.self])
    }
  }
}
