import Journal
import Projection

struct Todo: Record {
  static let byRank = Index("by-rank", on: \Todo.isDone, then: .by(\.rank))
  static let schema = Schema<Todo>("todos", .index(byRank))
  var id = RecordID<Todo>()
  var title: String
  var isDone = false
  var rank = 0
}

func firstTodo(at path: String) async throws -> Todo? {
  // Brings records of an older release along, once in each journal.
  let migrations = try Migrations(
    Migration("1") { tx in
      try tx.update("todos") { $0["rank"] = $0["rank"] ?? 0 }
    })
  let store = try await Store.open(at: path, records: [Todo.self], migrations: migrations)
  defer { store.close() }
  try await store.write(by: "mia") { try $0.create(Todo(title: "Bread", rank: 1)) }

  // The result now, then after every commit that changes it. The index finds it.
  let open = Todo.where(\.isDone == false).sorted(by: .ascending(\.rank))
  for try await todos in store.observe(open) { return todos.first }
  return nil
}
