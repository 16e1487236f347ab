import Foundation
import GRDB
import Journal
import Projection

/// One of the two libraries, doing what the rows of the table say.
protocol Side {
  func insert(_ numbers: Range<Int>, groupsOf size: Int) async throws
  func update(_ numbers: [Int], groupsOf size: Int) async throws
  func pointReads(_ numbers: [Int]) throws -> Int
  func indexed(_ lists: [Int]) throws -> Int
  func range(_ starts: [Double], limit: Int) throws -> Int
  func filter(_ parts: [String]) throws -> Int
  /// Edits one record after the other under an observed list, and waits each time until it has followed.
  func liveList(_ edits: [Int]) async throws -> Int
  /// The same under an observed number of records.
  func liveCount(_ edits: [Int]) async throws -> Int
}

/// A store, as the README shows it.
struct JournalSide: Side {
  let store: Store
  let work: Work

  func insert(_ numbers: Range<Int>, groupsOf size: Int) async throws {
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: size) {
      try await store.write(by: "mia") { tx in
        for number in start..<min(start + size, numbers.upperBound) {
          try tx.create(Todo(number, work))
        }
      }
    }
  }

  func update(_ numbers: [Int], groupsOf size: Int) async throws {
    for start in stride(from: 0, to: numbers.count, by: size) {
      try await store.write(by: "mia") { tx in
        for number in numbers[start..<min(start + size, numbers.count)] {
          try tx.update(Todo.self, RecordID(work.key(number))) { $0.rank += 1 }
        }
      }
    }
  }

  func pointReads(_ numbers: [Int]) throws -> Int {
    try store.read { snapshot in
      try numbers.count(where: { try snapshot.fetch(Todo.self, RecordID(work.key($0))) != nil })
    }
  }

  func indexed(_ lists: [Int]) throws -> Int {
    try store.read { snapshot in
      try lists.reduce(0) { sum, list in
        let key = work.listKey(list)
        return sum
          + (try snapshot.fetch(Todo.where(\.list == key).sorted(by: .ascending(\.rank))).count)
      }
    }
  }

  func range(_ starts: [Double], limit: Int) throws -> Int {
    try store.read { snapshot in
      try starts.reduce(0) { sum, start in
        let request = Todo.where(\.due >= start).sorted(by: .ascending(\.due)).limit(limit)
        return sum + (try snapshot.fetch(request).count)
      }
    }
  }

  func filter(_ parts: [String]) throws -> Int {
    try store.read { snapshot in
      try parts.reduce(0) { sum, part in
        sum + (try snapshot.fetch(Todo.where(.contains(\.title, part) && \.isDone == true)).count)
      }
    }
  }

  func liveList(_ edits: [Int]) async throws -> Int {
    let request = Todo.where(\.isDone == false).sorted(by: .ascending(\.due)).limit(100)
    var results = store.observe(request).makeAsyncIterator()
    var shown = try await results.next() ?? []
    var told = 0
    for edit in edits {
      let id = shown[edit % shown.count].id
      try await store.write { try $0.update(Todo.self, id) { $0.title = "Edited \(edit) \(told)" } }
      shown = try await results.next() ?? []
      told += 1
    }
    return told
  }

  func liveCount(_ edits: [Int]) async throws -> Int {
    var counts = store.observeCount(of: Todo.where(.contains(\.title, "Counted")))
      .makeAsyncIterator()
    var count = try await counts.next() ?? 0
    for edit in Set(edits).sorted() {
      var expected = count
      try await store.write {
        try $0.update(Todo.self, RecordID(work.key(edit))) {
          let isCounted = $0.title.hasPrefix("Counted")
          $0.title = isCounted ? "Not" : "Counted"
          expected = isCounted ? count - 1 : count + 1
        }
      }
      while count != expected { count = try await counts.next() ?? expected }
    }
    return count
  }
}

/// GRDB as its documentation shows it: WAL, and every commit on stable storage.
struct GRDBSide: Side {
  let pool: DatabasePool
  let work: Work

  init(path: String, _ work: Work) throws {
    var configuration = Configuration()
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    pool = try DatabasePool(path: path, configuration: configuration)
    self.work = work
    try pool.write { try TodoRow.createTable($0) }
  }

  func insert(_ numbers: Range<Int>, groupsOf size: Int) async throws {
    for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: size) {
      try await pool.write { [work] database in
        for number in start..<min(start + size, numbers.upperBound) {
          try TodoRow(number, work).insert(database)
        }
      }
    }
  }

  func update(_ numbers: [Int], groupsOf size: Int) async throws {
    for start in stride(from: 0, to: numbers.count, by: size) {
      try await pool.write { [work] database in
        for number in numbers[start..<min(start + size, numbers.count)] {
          guard var row = try TodoRow.fetchOne(database, key: work.key(number)) else { continue }
          try row.updateChanges(database) { $0.rank += 1 }
        }
      }
    }
  }

  func pointReads(_ numbers: [Int]) throws -> Int {
    try pool.read { database in
      try numbers.count(where: { try TodoRow.fetchOne(database, key: work.key($0)) != nil })
    }
  }

  func indexed(_ lists: [Int]) throws -> Int {
    try pool.read { database in
      try lists.reduce(0) { sum, list in
        let request = TodoRow.filter(Column("list") == work.listKey(list)).order(Column("rank"))
        return sum + (try request.fetchAll(database).count)
      }
    }
  }

  func range(_ starts: [Double], limit: Int) throws -> Int {
    try pool.read { database in
      try starts.reduce(0) { sum, start in
        let request = TodoRow.filter(Column("due") >= start).order(Column("due")).limit(limit)
        return sum + (try request.fetchAll(database).count)
      }
    }
  }

  func filter(_ parts: [String]) throws -> Int {
    try pool.read { database in
      try parts.reduce(0) { sum, part in
        let request = TodoRow.filter(
          Column("title").like("%\(part)%") && Column("isDone") == true)
        return sum + (try request.fetchAll(database).count)
      }
    }
  }

  func liveList(_ edits: [Int]) async throws -> Int {
    let observation = ValueObservation.tracking { database in
      try TodoRow.filter(Column("isDone") == false).order(Column("due")).limit(100)
        .fetchAll(database)
    }
    var results = observation.values(in: pool).makeAsyncIterator()
    var shown = try await results.next() ?? []
    var told = 0
    for edit in edits {
      let id = shown[edit % shown.count].id
      let title = "Edited \(edit) \(told)"
      try await pool.write { database in
        guard var row = try TodoRow.fetchOne(database, key: id) else { return }
        try row.updateChanges(database) { $0.title = title }
      }
      shown = try await results.next() ?? []
      told += 1
    }
    return told
  }

  func liveCount(_ edits: [Int]) async throws -> Int {
    let observation = ValueObservation.tracking { database in
      try TodoRow.filter(Column("title").like("%Counted%")).fetchCount(database)
    }
    var counts = observation.values(in: pool).makeAsyncIterator()
    var count = try await counts.next() ?? 0
    for edit in Set(edits).sorted() {
      let change = try await pool.write { [work] database in
        guard var row = try TodoRow.fetchOne(database, key: work.key(edit)) else { return 0 }
        let isCounted = row.title.hasPrefix("Counted")
        try row.updateChanges(database) { $0.title = isCounted ? "Not" : "Counted" }
        return isCounted ? -1 : 1
      }
      // It may tell a number twice.
      let expected = count + change
      while count != expected { count = try await counts.next() ?? expected }
    }
    return count
  }
}
