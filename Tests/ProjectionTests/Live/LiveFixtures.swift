import Journal
import Synchronization
import TestKit

@testable import Projection

/// What the tests of live results keep.
struct Todo: Record, Hashable {
  static let schema = Schema<Todo>("todos")
  var id = RecordID<Todo>()
  var title: String
  var rank = 0
  var isDone = false
}

/// A list whose order the user changes.
struct Playlist: Record, Hashable {
  static let schema = Schema<Playlist>("playlists")
  var id = RecordID<Playlist>()
  var songs: [Int]
}

/// A store of its own in a directory of its own.
struct LiveStore {
  let scratch: Scratch
  let store: Store

  init(isLocal: Bool = false, _ configuration: Journal.Configuration = .init()) throws {
    scratch = try Scratch()
    store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: isLocal, configuration: configuration)
  }

  func create(_ todo: Todo) async throws {
    try await store.write { try $0.create(todo) }
  }

  func put(_ collection: String, _ key: String, _ fields: Fields) async throws {
    try await store.write { try $0.put(collection, key, fields) }
  }
}

/// Values in the order they came, shared between tasks.
final class Collected<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])

  var all: [Value] { values.withLock { $0 } }

  func append(_ value: Value) { values.withLock { $0.append(value) } }
}

/// The records as a reader of changes knows them: nothing but what it was told.
struct Shadow {
  private(set) var records: [String: Fields] = [:]
  /// What did not fit what was told before.
  private(set) var faults: [String] = []

  init(_ store: Store) throws {
    try store.read { snapshot in
      try snapshot.scan { rowKey, fields in
        let names = try RecordAddress.names(inRowKey: rowKey)
        records["\(names.collection)/\(names.key)"] = try Snapshot.decode(fields)
        return true
      }
    }
  }

  mutating func apply(_ change: Change) {
    let name = "\(change.collection)/\(change.key)"
    if records[name] != change.before { faults.append("\(change.sequences) \(name): before") }
    if change.before == change.after { faults.append("\(change.sequences) \(name): equal") }
    if change.fields.isEmpty, (change.before == nil) == (change.after == nil) {
      faults.append("\(change.sequences) \(name): nothing changed")
    }
    records[name] = change.after
  }

  /// As ``Store/picture(at:)`` shows a store.
  var picture: String {
    records.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { "\($0.key) \(JSONText.string(.object($0.value)))\n" }.joined()
  }
}
