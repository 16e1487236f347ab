import Journal
import Observation
import Synchronization
import TestKit
import Testing

@testable import Projection

@Suite struct `A derived value` {
  @Test func `S-RA-08 is computed once for each commit that changes an input`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    try await store.write { tx in
      try tx.put("numbers", "a", ["n": 2])
      try tx.put("numbers", "b", ["n": 4])
    }
    let calls = Atomic(0)
    @Sendable func number(_ fields: Fields?) -> Int64 {
      if case .integer(let number) = fields?["n"] { number } else { 0 }
    }
    let (a, b) = (store.observe("numbers", "a"), store.observe("numbers", "b"))
    let sum = store.derive(from: a, b) { a, b in
      calls.add(1, ordering: .relaxed)
      return number(a) + number(b)
    }
    func called() -> Int { calls.load(ordering: .relaxed) }
    var sums: Live<Int64>.Iterator? = sum.makeAsyncIterator()
    #expect(try await sums?.next() == 6)
    #expect(called() == 1)
    try await store.write { try $0.put("numbers", "a", ["n": 5]) }
    #expect(try await sums?.next() == 9)
    #expect(called() == 2)
    // A sibling is no input.
    try await store.write { try $0.put("numbers", "c", ["n": 7]) }
    #expect(try sums?.available() == nil)
    #expect(called() == 2)
    // An equal value is computed, and not told.
    try await store.write { tx in
      try tx.put("numbers", "a", ["n": 4])
      try tx.put("numbers", "b", ["n": 5])
    }
    #expect(try sums?.available() == nil)
    #expect(called() == 3)
    // Stopped: nothing is computed.
    sums = nil
    try await store.write { try $0.put("numbers", "a", ["n": 1]) }
    #expect(called() == 3)

    // Started again it begins anew; four changes in one write are one more computation: two in all.
    calls.store(0, ordering: .relaxed)
    var again = sum.makeAsyncIterator()
    #expect(try await again.next() == 6)
    try await store.write { tx in
      for number in 1...2 as ClosedRange<Int64> {
        try tx.put("numbers", "a", ["n": .integer(number)])
        try tx.put("numbers", "b", ["n": .integer(number)])
      }
    }
    #expect(try await again.next() == 4)
    #expect(called() == 2)
  }

  @Test func `joins queries, counts and records, and other derived values`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    let done = Todo.where(\.isDone == true)
    let progress = store.derive(
      from: store.observeCount(of: done), store.observeCount(of: Request<Todo>())
    ) { done, all in "\(done)/\(all)" }
    let line = store.derive(
      from: progress, store.observe(done.limit(1)), store.observe(Playlist.self, "p")
    ) { progress, first, playlist in
      "\(progress) \(first.first?.title ?? "-") \(playlist?.songs.count ?? 0)"
    }
    var lines = line.makeAsyncIterator()
    #expect(try await lines.next() == "0/0 - 0")
    try await store.write { tx in
      try tx.create(Todo(id: "1", title: "Milk", isDone: true))
      try tx.create(Todo(id: "2", title: "Bread"))
      try tx.create(Playlist(id: "p", songs: [1, 2]))
    }
    #expect(try await lines.next() == "1/2 Milk 2")
    try await store.write { try $0.update(Todo.self, "2") { $0.title = "Rye" } }
    #expect(try lines.available() == nil)
  }

  @Test func `refuses inputs of another store, and ends with what it throws`() async throws {
    struct Odd: Error {}
    let (one, two) = (try LiveStore(), try LiveStore())
    defer {
      one.store.close()
      two.store.close()
    }
    var mixed = one.store.derive(from: two.store.observeCount(of: Request<Todo>())) { $0 }
      .makeAsyncIterator()
    await #expect(throws: JournalError.self) { _ = try await mixed.next() }
    var odd = one.store.derive(from: one.store.observeCount(of: Request<Todo>())) { count in
      if count % 2 == 1 { throw Odd() }
      return count
    }.makeAsyncIterator()
    #expect(try await odd.next() == 0)
    try await one.store.write { try $0.create(Todo(title: "Milk")) }
    await #expect(throws: Odd.self) { _ = try await odd.next() }
    #expect(try await odd.next() == nil)
  }
}

@MainActor @Suite struct `Live results for a view` {
  /// Waits until what `read` reads is changed, as a view does.
  private func change(of read: () -> Void, by change: () async throws -> Void) async rethrows {
    let (changed, changing) = AsyncStream<Void>.makeStream()
    withObservationTracking(read) { changing.finish() }
    try await change()
    // Told just before the value is set: both happen in one turn of the main actor.
    for await _ in changed {}
  }

  @Test func `redraw what reads them when they change`() async throws {
    let live = try LiveStore()
    defer { live.store.close() }
    let results = LiveResults(live.store.observe(Todo.sorted(by: .ascending(\.title))))
    #expect(results.records.isEmpty && !results.isLoaded && results.error == nil)
    var running: Task<Void, Never>?
    await change {
      _ = results.isLoaded
    } by: {
      running = Task { await results.run() }
    }
    #expect(results.isLoaded && results.records.isEmpty)
    try await change {
      _ = results.records
    } by: {
      try await live.create(Todo(id: "1", title: "Milk"))
    }
    #expect(results.records.map(\.title) == ["Milk"])
    running?.cancel()
    await running?.value
    #expect(results.error == nil)
    // Run again it begins with what there is, and an error ends it.
    try await change {
      _ = results.error
    } by: {
      try await live.put("todos", "2", ["title": 1])
      await results.run()
    }
    #expect(results.error is JournalError)
    #expect(results.records.map(\.title) == ["Milk"])
  }
}
