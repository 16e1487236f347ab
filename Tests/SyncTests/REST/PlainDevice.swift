import Journal
import Projection
import TestKit
import Transport

/// A device whose collection `c` is kept by a server of plain records.
struct PlainDevice {
  let scratch: Scratch
  let store: Store
  let engine: SyncEngine

  init(
    _ server: PlainServer, collections: [String] = ["c"], records: [any Record.Type] = [],
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("device"), label: "device", records: records)
    let declaration = try RemoteDeclaration(
      name: "plain", kind: "rest", url: "https://plain.test/api", collections: collections,
      options: server.settings.options)
    try await store.journal.declare(declaration)
    engine = try SyncEngine(
      journal: store.journal, remote: "plain",
      over: RESTServer(
        url: declaration.url, collections: collections,
        settings: RESTSettings(declaration.options), exchange: server,
        authorization: authorization))
  }

  @discardableResult
  func sync(
    _ direction: SyncEngine.Direction = .both, _ options: SyncEngine.Options = []
  ) async throws -> SyncReport {
    try await engine.sync(direction, options)
  }

  func get(_ key: String) throws -> Fields? { try store.read { try $0.get("c", key) } }

  var keys: [String] {
    get throws { try store.query(Query("c")).map(\.key) }
  }
}
