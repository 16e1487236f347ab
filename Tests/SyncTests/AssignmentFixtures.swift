import Journal
import Projection
import TestKit
import Testing
import Transport

struct Person: Record, Hashable {
  static let schema = Schema<Person>("people")
  var id: RecordID<Person>
  var name = ""
}

struct Errand: Record, Hashable {
  static let byPerson = Index("by-person", on: \Errand.person)
  static let byHelper = Index("by-helper", onEach: \Errand.helpers)
  static let schema = Schema<Errand>(
    "errands", .index(byPerson), .index(byHelper), .link(\.person, onDelete: .deny),
    .link(\.helpers, onDelete: .clear))
  var id: RecordID<Errand>
  var person: RecordID<Person>
  var helpers: [RecordID<Person>] = []
}

/// A device and a server that gives ids.
struct Office {
  let scratch: Scratch
  let store: Store
  let server = AssigningServer()
  let engine: SyncEngine

  init(collections: [String] = []) async throws {
    scratch = try Scratch()
    store = try Store.create(
      at: scratch("j"), label: "laptop", records: [Person.self, Errand.self])
    engine = try await store.engine(to: server, collections: collections)
  }

  @discardableResult
  func sync(_ direction: SyncEngine.Direction = .both) async throws -> SyncReport {
    try await engine.sync(direction)
  }

  func create(_ key: String, _ fields: Fields = [:]) async throws {
    try await store.write(by: "mia") { try $0.create("people", key, fields) }
  }

  func update(_ key: String, _ fields: Fields) async throws {
    try await store.write(by: "mia") { try $0.update("people", key, set: fields) }
  }

  var people: [String] {
    get throws { try store.query(Query("people")).map(\.key) }
  }

  var pending: UInt64 {
    get throws { try store.journal.read { try $0.counts() }.pending }
  }

  /// Whether any row of the journal, bodies included, holds these bytes.
  func holds(_ text: String) throws -> Bool {
    var isFound = false
    try store.journal.read { reader in
      for table in [Table.meta, .entries, .records, .baseline, .indexes, .edits] {
        try reader.storage.scan(table, from: nil) { key, payload in
          isFound = isFound || [UInt8](key).holds(text) || [UInt8](payload).holds(text)
          return true
        }
      }
    }
    return isFound
  }
}

extension [UInt8] {
  func holds(_ text: String) -> Bool {
    let part = Array(text.utf8)
    guard count >= part.count else { return false }
    return (0...count - part.count).contains { self[$0..<$0 + part.count].elementsEqual(part) }
  }
}
