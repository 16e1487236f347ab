import Journal
import Projection
import TestKit
import Testing

/// The snippets of the article `Observing.md`, each with an end.
@Suite struct `The article on live results` {
  @Test func `has snippets that work`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Todo.self])
    defer { store.close() }
    let shown = Collected<String>()
    func show(_ todos: [Todo]) { shown.append("\(todos.count)") }
    func show(_ text: String) { shown.append(text) }
    func apply(_ step: CollectionDifference<Todo>.Change) { shown.append("step") }

    let changes = store.changes(matching: "todos.*.title")
    try await store.write { try $0.create(Todo(id: "1", title: "Milk")) }

    let open = Todo.where(\.isDone == false).sorted(by: .ascending(\.rank))
    for try await todos in store.observe(open) {
      show(todos)
      break
    }

    for try await update in store.observe(open).differences() {
      for step in update.difference.inferringMoves() { apply(step) }
      break
    }

    let done = Todo.where(\.isDone == true)
    let progress = store.derive(
      from: store.observeCount(of: done), store.observeCount(of: Request<Todo>())
    ) { done, all in "\(done)/\(all)" }
    for try await text in progress {
      show(text)
      break
    }

    for try await change in changes {
      print(change.key, change["title"]?.before ?? .null, change["title"]?.after ?? .null)
      shown.append(change.key)
      break
    }
    #expect(shown.all == ["1", "step", "0/1", "1"])

    let todos = await LiveResults(store.observe(open))
    let running = Task { await todos.run() }
    while await !todos.isLoaded { await Task.yield() }
    let records = await todos.records
    #expect(records.map(\.title) == ["Milk"])
    // The end of the store is the end of the run, and no error.
    store.close()
    await running.value
    let error = await todos.error
    #expect(error == nil)
  }
}
