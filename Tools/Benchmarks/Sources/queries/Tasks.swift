import Foundation
import GRDB
import Projection

/// The records both sides hold: six fields, three indexes.
struct Work {
  let count: Int
  let lists: Int

  func listKey(_ number: Int) -> String { "list-\(number % lists)" }

  /// The values of a record by its number: the same on both sides, in every run.
  func title(_ number: Int) -> String { "Task \(Self.mix(number) % 1_000_000) of the day" }
  func rank(_ number: Int) -> Int { Self.mix(number &+ 7) % 1_000 }
  func due(_ number: Int) -> Double { Double(Self.mix(number &+ 13) % 10_000_000) }
  func key(_ number: Int) -> String { "t\(1_000_000_000 + number)" }

  /// A permutation-like spread, so that neighbours in one order are none in another.
  static func mix(_ number: Int) -> Int {
    var bits = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
    bits ^= bits >> 29
    bits = bits &* 0xBF58_476D_1CE4_E5B9
    bits ^= bits >> 32
    return Int(bits >> 2)
  }
}

struct Todo: Projection.Record {
  static let byList = Index("by-list", on: \Todo.list, then: .by(\.rank))
  static let byTitle = Index("by-title", on: \Todo.title)
  static let byDue = Index("by-due", on: \Todo.due)
  static let schema = Schema<Todo>("todos", .index(byList), .index(byTitle), .index(byDue))

  var id: RecordID<Todo>
  var list: String
  var title: String
  var rank: Int
  var due: Double
  var isDone: Bool

  init(_ number: Int, _ work: Work) {
    id = RecordID(work.key(number))
    list = work.listKey(number)
    title = work.title(number)
    rank = work.rank(number)
    due = work.due(number)
    isDone = number % 3 == 0
  }
}

/// The same as GRDB's users write it.
struct TodoRow: Codable, FetchableRecord, PersistableRecord {
  static let databaseTableName = "todos"

  var id: String
  var list: String
  var title: String
  var rank: Int
  var due: Double
  var isDone: Bool

  init(_ number: Int, _ work: Work) {
    id = work.key(number)
    list = work.listKey(number)
    title = work.title(number)
    rank = work.rank(number)
    due = work.due(number)
    isDone = number % 3 == 0
  }

  static func createTable(_ database: Database) throws {
    try database.create(table: databaseTableName) { table in
      table.primaryKey("id", .text)
      table.column("list", .text).notNull()
      table.column("title", .text).notNull()
      table.column("rank", .integer).notNull()
      table.column("due", .double).notNull()
      table.column("isDone", .boolean).notNull()
    }
    try database.create(index: "by-list", on: databaseTableName, columns: ["list", "rank"])
    try database.create(index: "by-title", on: databaseTableName, columns: ["title"])
    try database.create(index: "by-due", on: databaseTableName, columns: ["due"])
  }
}
