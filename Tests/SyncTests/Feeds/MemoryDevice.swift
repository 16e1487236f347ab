import Journal
import Projection
import TestKit
import Testing
import Transport
import TransportTesting

/// A device whose collection `c` is kept by a server in memory, or by what stands between.
final class MemoryDevice {
  let scratch: Scratch
  let store: Store
  let engine: SyncEngine

  init(_ remote: any Remote, pageLimit: Int = 1_000) async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("device"), label: "device")
    try await store.journal.declare(
      RemoteDeclaration(
        name: "memory", kind: "rest", url: "https://memory.test", collections: ["c"]))
    engine = SyncEngine(
      journal: store.journal, remote: "memory", over: remote, pageLimit: pageLimit)
  }

  deinit { store.close() }

  @discardableResult
  func sync(
    _ direction: SyncEngine.Direction = .both, _ options: SyncEngine.Options = []
  ) async throws -> SyncReport {
    try await engine.sync(direction, options)
  }

  func put(_ key: String, _ fields: Fields) async throws {
    try await store.write { try $0.put("c", key, fields) }
  }

  /// The visible records by key.
  var records: [String: Fields] {
    get throws {
      var records: [String: Fields] = [:]
      for record in try store.query(Query("c")) { records[record.key] = record.fields }
      return records
    }
  }

  var pending: UInt64 {
    get throws { try store.journal.read { try $0.counts() }.pending }
  }

  /// Asserts that the device shows what the server has, that nothing waits, and that the journal and
  /// what is folded of it agree.
  func expectServersRecords(
    _ server: MemoryServer, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      try records == server.records("c"), comment, sourceLocation: sourceLocation)
    #expect(try pending == 0, comment, sourceLocation: sourceLocation)
    #expect(try store.problems() == [], comment, sourceLocation: sourceLocation)
  }
}
