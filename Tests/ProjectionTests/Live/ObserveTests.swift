import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `An observed request` {
  private let open = Todo.where(\.isDone == false).sorted(by: .ascending(\.rank))

  @Test func `S-BR-11 emits what there is, then each change, nothing as an empty list`()
    async throws
  {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var results = store.observe(open).makeAsyncIterator()
    #expect(try await results.next() == [])
    let milk = Todo(id: "1", title: "Milk", rank: 2)
    let bread = Todo(id: "2", title: "Bread", rank: 1)
    try await store.write { try $0.create(milk) }
    #expect(try await results.next() == [milk])
    try await store.write { try $0.create(bread) }
    #expect(try await results.next() == [bread, milk])
    // Another type, and a record the request does not mean.
    try await store.write { try $0.create(Playlist(id: "p", songs: [1])) }
    try await store.write { try $0.create(Todo(id: "3", title: "Done", isDone: true)) }
    #expect(try results.available() == nil)
    try await store.write { tx in
      try tx.update(Todo.self, "1") { $0.isDone = true }
      try tx.delete(Todo.self, "2")
    }
    #expect(try await results.next() == [])
    #expect(try store.problems() == [])
  }

  @Test func `S-BR-11 a cancelled reader is gone, others go on`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    let request = open
    let (first, second) = (AsyncStream<Int>.makeStream(), AsyncStream<Int>.makeStream())
    // Equal requests, and one value read twice: each reader is on its own.
    let results = store.observe(request)
    let cancelled = Task {
      for try await todos in results { first.continuation.yield(todos.count) }
      first.continuation.finish()
    }
    let staying = Task {
      for try await todos in results { second.continuation.yield(todos.count) }
      second.continuation.finish()
    }
    var (one, other) = (first.stream.makeAsyncIterator(), second.stream.makeAsyncIterator())
    #expect(await one.next() == 0)
    #expect(await other.next() == 0)
    try await store.write { try $0.create(Todo(id: "1", title: "Milk")) }
    #expect(await one.next() == 1)
    #expect(await other.next() == 1)
    cancelled.cancel()
    #expect(await one.next() == nil)
    try await store.write { try $0.create(Todo(id: "2", title: "Bread")) }
    #expect(await other.next() == 2)
    // The end of the store is the end of what observes it.
    store.close()
    #expect(await other.next() == nil)
    try await cancelled.value
    try await staying.value
  }

  /// One fetch re-renders once: a write of many records is one emission. Reading emits nothing, which
  /// stands for a silent fetch; asking for an id and a query at once, where the query would win, cannot
  /// be said: they are two methods.
  @Test func `S-AL-13 one write is one emission, a read is none`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var results = store.observe(open).makeAsyncIterator()
    #expect(try await results.next() == [])
    try await store.write { tx in
      for number in 0..<20 { try tx.create(Todo(id: RecordID("\(number)"), title: "t")) }
    }
    #expect(try await results.next()?.count == 20)
    #expect(try results.available() == nil)
    _ = try store.read { try $0.fetch(open) }
    _ = try store.read { try $0.fetch(Todo.self, "1") }
    #expect(try results.available() == nil)
  }

  @Test func `gets the newest state only, when its reader is slow`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var results = store.observe(open).makeAsyncIterator()
    _ = try await results.next()
    for number in 0..<10 {
      try await store.write { try $0.put(Todo(id: "1", title: "t\(number)")) }
    }
    #expect(try await results.next()?.map(\.title) == ["t9"])
    // There and back again is no change.
    try await store.write { try $0.put(Todo(id: "1", title: "x")) }
    try await store.write { try $0.put(Todo(id: "1", title: "t9")) }
    try await store.write { try $0.update("todos", "1", set: ["unknown": 1]) }
    #expect(try results.available() == nil)
  }

  @Test func `ends by throwing when a record does not fit its type`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var results = store.observe(Request<Todo>()).makeAsyncIterator()
    _ = try await results.next()
    try await store.write { try $0.put("todos", "1", ["title": 7]) }
    await #expect(throws: JournalError.self) { _ = try await results.next() }
    #expect(try await results.next() == nil)
  }

  @Test func `of one record shows it come, change and go`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var todo = store.observe(Todo.self, "1").makeAsyncIterator()
    var fields = store.observe("todos", "1").makeAsyncIterator()
    #expect(try await todo.next() == .some(nil))
    #expect(try await fields.next() == .some(nil))
    var milk = Todo(id: "1", title: "Milk")
    try await store.write { [milk] in try $0.create(milk) }
    #expect(try await todo.next() == milk)
    #expect(try await fields.next() == ["title": "Milk", "rank": 0, "isDone": false])
    try await store.write { try $0.create(Todo(id: "2", title: "Bread")) }
    #expect(try todo.available() == nil)
    try await store.write { try $0.update(Todo.self, "1") { $0.rank = 3 } }
    milk.rank = 3
    #expect(try await todo.next() == milk)
    try await store.write { try $0.delete(Todo.self, "1") }
    #expect(try await todo.next() == .some(nil))
  }

  @Test func `as a count tells numbers only`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var count = store.observeCount(of: open).makeAsyncIterator()
    var some = store.observeCount(of: open.limit(2, offset: 1)).makeAsyncIterator()
    #expect(try await count.next() == 0)
    #expect(try await some.next() == 0)
    for number in 1...4 {
      try await store.write { try $0.create(Todo(id: RecordID("\(number)"), title: "t")) }
      #expect(try await count.next() == number)
    }
    #expect(try await some.next() == 2)
    try await store.write { try $0.update(Todo.self, "1") { $0.title = "other" } }
    #expect(try count.available() == nil)
    try await store.write { try $0.update(Todo.self, "1") { $0.isDone = true } }
    #expect(try await count.next() == 3)
    #expect(try some.available() == nil)
  }

  private func follow(
    _ updates: inout LiveDifferences<Todo>.Iterator, _ shown: inout [Todo]
  ) async throws -> CollectionDifference<Todo> {
    let update = try #require(try await updates.next())
    shown = try #require(shown.applying(update.difference))
    #expect(shown == update.records)
    return update.difference
  }

  @Test func `tells differences that lead from one result to the next`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    var updates = store.observe(open).differences().makeAsyncIterator()
    var shown: [Todo] = []
    #expect(try await follow(&updates, &shown).isEmpty)
    try await store.write { tx in
      for rank in 1...4 { try tx.create(Todo(id: RecordID("\(rank)"), title: "t", rank: rank)) }
    }
    #expect(try await follow(&updates, &shown).insertions.count == 4)
    try await store.write { try $0.update(Todo.self, "2") { $0.rank = 9 } }
    _ = try await follow(&updates, &shown)
    #expect(shown.map(\.id) == ["1", "3", "4", "2"])
    try await store.write { try $0.delete(Todo.self, "3") }
    let removal = try await follow(&updates, &shown)
    #expect(removal.removals.count == 1 && removal.insertions.isEmpty)
  }

  /// After each step, whatever it was, the live result is the one a read from nothing gives, and it is
  /// told where it is another one than before and only there.
  @Test(arguments: [16 << 20, 3_000, 0])
  func `is what a read from nothing gives, whatever happens`(room: Int) async throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    var configuration = Journal.Configuration()
    configuration.watchedBytes = room
    let live = try LiveStore(configuration)
    let store = live.store
    defer { store.close() }
    let all = Request<Todo>()
    let requests = [
      all, open, all.sorted(by: .descending(\.rank), .ascending(\.title)),
      all.limit(3), open.limit(2, offset: 1),
      all.sorted(by: .descending(\.title)).limit(4, offset: 2),
      open.limit(0), all.limit(3, offset: 100),
    ]
    var results = requests.map { store.observe($0).makeAsyncIterator() }
    var counts = requests.map { store.observeCount(of: $0).makeAsyncIterator() }
    var shown: [[Todo]] = []
    var counted: [Int] = []
    for index in requests.indices {
      shown.append(try #require(try await results[index].next()))
      counted.append(try #require(try await counts[index].next()))
    }
    for step in 0..<200 {
      try await RandomWork.step(store, step, &random)
      for index in requests.indices where index % 2 == 0 || step % 5 == 0 {
        let fresh = try store.read { try $0.fetch(requests[index]) }
        let told = try results[index].available()
        #expect(
          told == (fresh == shown[index] ? nil : fresh), "seed \(seed), step \(step), \(index)")
        shown[index] = fresh
        let number = try counts[index].available()
        #expect(
          number == (fresh.count == counted[index] ? nil : fresh.count),
          "seed \(seed), step \(step), \(index)")
        counted[index] = fresh.count
      }
    }
    #expect(try store.problems() == [], "seed \(seed)")
  }
}

/// The pure part, against sorting and cutting an array.
@Suite struct `A sorted window` {
  @Test func `shows what sorting and cutting shows, until it runs short`() throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    for (limit, offset) in [(nil, 0), (nil, 3), (2, 0), (5, 4), (0, 0)] as [(Int?, Int)] {
      let query = Query(
        "c", where: .all([]), sort: [.init("n", descending: true)], limit: limit, offset: offset)
      var window = SortedWindow<Int>(query)
      var all: [String: Int] = [:]
      var loads = 0
      func row(_ key: String, _ number: Int) throws -> SortedWindow<Int>.Row? {
        var writer = CBORWriter()
        try writer.fields(["n": .integer(Int64(number))])
        return try window.row([UInt8](key.utf8), writer.bytes)
      }
      func sorted() -> [String] {
        all.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key)
      }
      window.fill([])
      for step in 0..<3_000 {
        let key = "k\(random.next() % 300)"
        if let old = all[key], let row = try row(key, old) { _ = window.remove(row.position) }
        // Mostly growing at first, then shrinking: the spare rows are used up.
        if random.next() % 10 < (step < 1_500 ? 8 : 2) {
          all[key] = Int(random.next() % 20)
          if let number = all[key], let row = try row(key, number) { _ = window.insert(row) }
        } else {
          all[key] = nil
        }
        if window.isShort {
          loads += 1
          window.fill(
            try sorted().prefix(window.capacity ?? .max).compactMap { key in
              try all[key].flatMap { try row(key, $0) }
            })
        }
        window.trim()
        let shown = window.rows[window.shown].map { row in
          String(decoding: row.position.rowKey, as: UTF8.self)
        }
        let expected = Array(sorted().dropFirst(offset).prefix(limit ?? .max))
        #expect(shown == expected, "seed \(seed), limit \(limit ?? -1), step \(step)")
        if let capacity = window.capacity { #expect(window.rows.count <= capacity * 2 + 1) }
      }
      // Seldom, or it would be no window but a query.
      #expect(loads < 100, "seed \(seed), limit \(limit ?? -1)")
    }
  }
}
