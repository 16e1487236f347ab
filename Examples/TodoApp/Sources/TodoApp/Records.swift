import Projection

/// Somebody who does things.
struct Person: Record {
  static let schema = Schema<Person>("people")
  var id = RecordID<Person>()
  var name: String
}

/// A list of things to do.
struct TaskList: Record {
  static let schema = Schema<TaskList>("lists")
  var id = RecordID<TaskList>()
  var title: String
}

/// One thing to do. It is deleted with its list, and outlives the people who do it.
struct Todo: Record {
  static let byList = Index("by-list", on: \Todo.list, then: .by(\.rank))
  static let byTag = Index("by-tag", onEach: \Todo.tags)
  static let schema = Schema<Todo>(
    "todos", .index(byList), .index(byTag),
    .link(\.list, onDelete: .cascade), .link(\.people, onDelete: .clear))

  var id = RecordID<Todo>()
  var list: RecordID<TaskList>
  var title: String
  var rank = 0
  var tags: [String] = []
  var people: [RecordID<Person>] = []
  var isDone = false

  /// What is still to do, by title. A request is a value: make it once, use it anywhere.
  static let open = Todo.where(\.isDone == false).sorted(by: .ascending(\.title))
}

/// Every type the app keeps in its journal.
let recordTypes: [any Record.Type] = [Person.self, TaskList.self, Todo.self]

/// Everybody begins with an inbox. Its id is fixed, so that it is the same one on every device.
func migrations() throws -> Migrations {
  try Migrations(
    Migration("20260101") { tx in
      try tx.insert(TaskList(id: "inbox", title: "Inbox"))
    } down: { tx in
      try tx.delete("lists", "inbox")
    })
}
