import Journal
import Projection
import TestKit
import Transport

/// A device whose collection `c` is in a bucket of a Kinto server.
struct KintoDevice {
  let scratch: Scratch
  let store: Store
  let engine: SyncEngine

  init(
    _ server: KintoDouble, collections: [String] = ["c"],
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("device"), label: "device")
    var settings = KintoSettings()
    settings.bucket = "b"
    let declaration = try RemoteDeclaration(
      name: "kinto", kind: "kinto", url: server.root, collections: collections,
      options: settings.options)
    try await store.journal.declare(declaration)
    engine = try SyncEngine(
      journal: store.journal, remote: "kinto",
      over: KintoServer(
        url: declaration.url, collections: collections,
        settings: KintoSettings(declaration.options), exchange: server,
        authorization: authorization))
  }

  @discardableResult
  func sync(_ direction: SyncEngine.Direction = .both) async throws -> SyncReport {
    try await engine.sync(direction)
  }

  func get(_ key: String) throws -> Fields? { try store.read { try $0.get("c", key) } }

  var keys: [String] {
    get throws { try store.query(Query("c")).map(\.key) }
  }

  var counts: FoldCounts {
    get throws { try store.journal.read { try $0.counts() } }
  }

  var conflicts: Int {
    get throws {
      var count = 0
      try store.journal.read { reader in
        try reader.scanHeld(from: 1) { entry in
          if entry.header.kind == .conflict { count += 1 }
          return true
        }
      }
      return count
    }
  }

  /// The codes with which edits were refused, in their order.
  var refusals: [String] {
    get throws {
      var codes: [String] = []
      try store.journal.read { reader in
        try reader.scanHeld(from: 1) { entry in
          guard entry.header.kind == .refused else { return true }
          var body = try Body(entry.plainBody).reader(.refusals)
          for _ in 0..<(try body.arrayCount()) {
            _ = (try body.arrayCount(), try body.unsigned())
            codes.append(try body.string())
            _ = try body.string()
          }
          return true
        }
      }
      return codes
    }
  }
}
