import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `Changes of records` {
  /// The changes committed so far that were not read yet.
  private func drain(_ reader: inout RecordChanges.Iterator) throws -> [Change] {
    var changes: [Change] = []
    while let change = try reader.available() { changes.append(change) }
    return changes
  }

  @Test func `tell what became of which fields, by whom`() async throws {
    let live = try LiveStore()
    defer { live.store.close() }
    var reader = live.store.changes().makeAsyncIterator()
    try await live.store.write(by: "mia") { tx in
      try tx.create("todos", "1", ["title": "Milk", "done": false])
      try tx.update("todos", "1", set: ["done": true])
      try tx.create("todos", "2", ["title": "Bread"])
    }
    try await live.store.write(by: "bob") { tx in
      try tx.update("todos", "1", set: ["title": "Oat milk"], unset: ["done"])
    }
    // One write is one change a record.
    let first = try #require(try await reader.next())
    #expect(first.collection == "todos" && first.key == "1" && first.before == nil)
    #expect(first.after == ["title": "Milk", "done": true])
    #expect(first.sequences == [2, 3] && first.through == 4)
    #expect(first.origin == .local && first.actor == "mia")
    let second = try #require(try await reader.next())
    #expect(second.key == "2" && second.sequences == [4])
    let third = try #require(try await reader.next())
    #expect(
      third.fields == [
        FieldChange(name: "done", before: true, after: nil),
        FieldChange(name: "title", before: "Milk", after: "Oat milk"),
      ])
    #expect(third.actor == "bob")
    #expect(try drain(&reader) == [])
  }

  @Test func `come only where a pattern means them`() async throws {
    let live = try LiveStore()
    defer { live.store.close() }
    var titles = live.store.changes(matching: "todos.*.title").makeAsyncIterator()
    var lives = live.store.changes(matching: "todos.*", "lists.*").makeAsyncIterator()
    try await live.store.write { tx in
      try tx.create("todos", "1", ["title": "Milk", "rank": 1])
      try tx.create("lists", "a.b", ["title": "Shop"])
    }
    try await live.store.write { try $0.update("todos", "1", set: ["rank": 2]) }
    try await live.store.write { try $0.update("todos", "1", set: ["rank": 3, "title": "Soy"]) }
    try await live.store.write { try $0.delete("todos", "1") }
    let seen = try drain(&titles)
    #expect(seen.map { $0["title"]?.after } == ["Milk", "Soy", nil])
    #expect(seen.map(\.fields.count) == [1, 1, 1])
    #expect(seen.map { $0["rank"] } == [nil, nil, nil])
    #expect(try drain(&lives).map(\.key) == ["1", "a.b", "1"])
  }

  /// Listener A on `a` sets `b`, a listener on `b` sets `c`. Writes are commits and readers are tasks, so
  /// nothing is re-entered: everybody sees the order of the commits, whenever it began.
  @Test func `S-RA-05 listeners that write are seen in the order of commits by everybody`()
    async throws
  {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    try await store.write { try $0.create("c", "1", [:]) }
    func listen(_ field: String, setting other: String) -> @Sendable () async throws -> Void {
      let changes = store.changes(matching: PathPattern("c", "1", .name(field)))
      return {
        for try await _ in changes {
          try await store.write { try $0.update("c", "1", set: [other: true]) }
          return
        }
      }
    }
    func everything() -> @Sendable () async throws -> [String] {
      let changes = store.changes()
      return {
        var names: [String] = []
        for try await change in changes {
          names += change.fields.map(\.name)
          if names.count == 3 { break }
        }
        return names
      }
    }
    let before = everything()
    let (a, b) = (listen("a", setting: "b"), listen("b", setting: "c"))
    let after = everything()
    try await withThrowingTaskGroup(of: [String].self) { group in
      group.addTask { try await before() }
      group.addTask {
        try await a()
        return ["a", "b", "c"]
      }
      group.addTask {
        try await b()
        return ["a", "b", "c"]
      }
      group.addTask { try await after() }
      try await store.write { try $0.update("c", "1", set: ["a": true]) }
      for try await names in group { #expect(names == ["a", "b", "c"]) }
    }
  }

  @Test func `S-RA-11 equal values are no change, a removed key, a new and a lost record are`()
    async throws
  {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    try await store.write { try $0.put("todos", "1", ["a": ["x": 1, "y": 2], "b": 3]) }
    var reader = store.changes().makeAsyncIterator()
    // The same, its names in another order.
    try await store.write { try $0.put("todos", "1", ["b": 3, "a": ["y": 2, "x": 1]]) }
    try await store.write { try $0.update("todos", "1", set: ["b": 3]) }
    #expect(try drain(&reader) == [])
    try await store.write { try $0.update("todos", "1", unset: ["b"]) }
    let removed = try drain(&reader)
    #expect(removed.map(\.fields) == [[FieldChange(name: "b", before: 3, after: nil)]])

    let todo = Todo(id: "2", title: "Milk")
    try await store.write { try $0.create(todo) }
    try await store.write { try $0.delete(Todo.self, "2") }
    let both = try drain(&reader)
    #expect(try both.map { try $0.after(as: Todo.self) } == [todo, nil])
    #expect(try both.map { try $0.before(as: Todo.self) } == [nil, todo])

    try await store.write { try $0.put("todos", "3", ["title": nil as Value]) }
    try store.read { (snapshot: Snapshot) throws -> Void in
      #expect(try snapshot.require("todos", "1", "a") == ["x": 1, "y": 2])
      let absent = MissingRecord(collection: "todos", key: "2", field: nil)
      #expect(throws: absent) { try snapshot.require("todos", "2") }
      #expect(throws: absent) { try snapshot.require(Todo.self, "2") }
      for (key, field) in [("1", "b"), ("3", "title")] {
        #expect(throws: MissingRecord(collection: "todos", key: key, field: field)) {
          try snapshot.require("todos", key, field)
        }
      }
    }
    #expect(try store.problems() == [])
  }

  private struct Moved: Equatable {
    var songs: [Int]
    /// Pairs of where an element was and where it is.
    var moves: Set<[Int]>
  }

  private func moved(
    _ store: Store, from source: Int, to destination: Int, count: Int = 1
  ) async throws -> Moved {
    try await store.write { try $0.put(Playlist(id: "p", songs: [0, 1, 2, 3, 4])) }
    var reader = store.changes(matching: "playlists.p.songs").makeAsyncIterator()
    try await store.write { tx in
      try tx.update(Playlist.self, "p") {
        try $0.songs.moveElements(from: source, to: destination, count: count)
      }
    }
    let change = try #require(try await reader.next())
    var moves: Set<[Int]> = []
    for case .remove(let offset, _, let to?) in try #require(change["songs"]?.elements) {
      moves.insert([offset, to])
    }
    let playlist = try #require(try change.after(as: Playlist.self))
    return Moved(songs: playlist.songs, moves: moves)
  }

  @Test func `S-RA-06 a move within an array is told as moves`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    let first = try await moved(store, from: 4, to: 0)
    #expect(first == Moved(songs: [4, 0, 1, 2, 3], moves: [[4, 0]]))
    let last = try await moved(store, from: 0, to: -1)
    #expect(last == Moved(songs: [1, 2, 3, 4, 0], moves: [[0, 4]]))
    let middle = try await moved(store, from: -1, to: 2)
    #expect(middle == Moved(songs: [0, 1, 4, 2, 3], moves: [[4, 2]]))
    let run = try await moved(store, from: 1, to: 3, count: 2)
    #expect(run.songs == [0, 3, 4, 1, 2])
    // Two moves lead there; which two of the four elements is the difference's choice.
    #expect(run.moves.count == 2)

    for (source, destination, count) in [(5, 0, 1), (0, 5, 1), (-6, 0, 1), (3, 4, 2), (0, 0, 6)] {
      var songs = [0, 1, 2, 3, 4]
      #expect(throws: JournalError.self) {
        try songs.moveElements(from: source, to: destination, count: count)
      }
      #expect(throws: JournalError.self) {
        try songs.moveElements(from: source, to: destination, count: -1)
      }
      #expect(songs == [0, 1, 2, 3, 4])
    }
  }

  @Test func `wait for the next commit, and end with the task`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    let changes = store.changes()
    let (told, telling) = AsyncStream<String>.makeStream()
    let reading = Task {
      for try await change in changes { telling.yield(change.key) }
      telling.finish()
    }
    var keys = told.makeAsyncIterator()
    for key in ["1", "2", "3"] {
      try await store.write { try $0.put("c", key, [:]) }
      #expect(await keys.next() == key)
    }
    reading.cancel()
    #expect(await keys.next() == nil)
    try await reading.value
  }

  @Test func `are all told before the end when the store is closed`() async throws {
    let live = try LiveStore()
    var reader = live.store.changes().makeAsyncIterator()
    for key in ["1", "2"] { try await live.store.write { try $0.put("c", key, [:]) } }
    live.store.close()
    #expect(try await reader.next()?.key == "1")
    #expect(try await reader.next()?.key == "2")
    #expect(try await reader.next() == nil)
    var late = live.store.changes().makeAsyncIterator()
    await #expect(throws: JournalError.self) { _ = try await late.next() }
  }

  @Test func `of a reader behind the horizon are lost, and it is told so`() async throws {
    var configuration = Journal.Configuration()
    configuration.watchedBytes = 0
    let live = try LiveStore(isLocal: true, configuration)
    let store = live.store
    defer { store.close() }
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    var reader = store.changes().makeAsyncIterator()
    var early = store.changes(after: 0).makeAsyncIterator()
    for number in 2...9 {
      try await store.write { try $0.put("c", "1", ["n": .integer(Int64(number))]) }
    }
    #expect(try drain(&reader).map { $0["n"]?.after } == (2...9).map { .integer(Int64($0)) })
    #expect(try drain(&early).count == 9)
    try await store.write { try $0.put("c", "1", ["n": 10]) }
    _ = try await store.compact()
    #expect(throws: ChangesLost(after: 10)) { try reader.available() }
    #expect(try reader.available() == nil)
    // Beginning anew it is told everything again.
    var anew = store.changes().makeAsyncIterator()
    try await store.write { try $0.put("c", "1", ["n": 11]) }
    #expect(try drain(&anew).map { $0["n"] } == [FieldChange(name: "n", before: 10, after: 11)])
    #expect(try store.problems() == [])
  }

  @Test func `go on across a trim for a reader that keeps up`() async throws {
    let live = try LiveStore(isLocal: true)
    let store = live.store
    defer { store.close() }
    var reader = store.changes().makeAsyncIterator()
    for number in 1...20 {
      try await store.write { try $0.put("c", "\(number % 3)", ["n": .integer(Int64(number))]) }
      if number % 4 == 0 { _ = try await store.compact() }
    }
    #expect(try drain(&reader).map { $0["n"]?.after } == (1...20).map { .integer(Int64($0)) })
  }

  @Test func `of an erasure tell what is gone, also where nobody noted it`() async throws {
    let live = try LiveStore()
    let store = live.store
    defer { store.close() }
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    let start = try store.journal.lastSequence
    var reader = store.changes().makeAsyncIterator()
    try await store.erase("c", "1", because: "asked to")
    let gone = try drain(&reader)
    #expect(gone.map(\.before) == [["n": 1]] && gone.map(\.after) == [nil])
    #expect(gone.map(\.origin) == [.local] && gone.map(\.actor) == [nil])
    // Whoever has to fold it anew cannot find out what was erased.
    var late = store.changes(after: start - 1).makeAsyncIterator()
    #expect(throws: ChangesLost(after: start - 1)) { try late.available() }
  }

  /// What readers are told, put together, is the store, however far they lag and whatever happens: prompt
  /// and slow ones, with much, little and no room for what commits did.
  @Test(arguments: [16 << 20, 3_000, 0], [true, false])
  func `put together are the store, whatever happens`(room: Int, isLocal: Bool) async throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    var configuration = Journal.Configuration()
    configuration.watchedBytes = room
    let live = try LiveStore(isLocal: isLocal, configuration)
    let store = live.store
    defer { store.close() }
    var shadows = [try Shadow(store), try Shadow(store)]
    var readers = shadows.map { _ in store.changes().makeAsyncIterator() }
    var told = 0
    for step in 0..<150 {
      try await RandomWork.step(store, step, &random)
      for index in readers.indices where index == 0 || step % 17 == 0 {
        do {
          for change in try drain(&readers[index]) {
            shadows[index].apply(change)
            told += 1
          }
        } catch is ChangesLost {
          shadows[index] = try Shadow(store)
          readers[index] = store.changes().makeAsyncIterator()
        }
        #expect(shadows[index].faults == [], "seed \(seed), step \(step)")
        #expect(try shadows[index].picture == store.picture(), "seed \(seed), step \(step)")
      }
    }
    #expect(told > 50, "seed \(seed)")
    #expect(try store.problems() == [], "seed \(seed)")
  }
}
