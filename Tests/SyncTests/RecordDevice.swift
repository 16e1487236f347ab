import Journal
import Projection
import TestKit
import Transport

/// A device whose collections a server of records keeps: plain ones, or Kinto.
struct RecordDevice {
  let scratch: Scratch
  let store: Store
  let engine: SyncEngine

  /// - Parameter exchange: What stands between the device and the server; nil is nothing.
  init(
    _ server: KintoDouble, collections: [String] = ["c"],
    through exchange: (any HTTPExchange)? = nil,
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) async throws {
    var settings = KintoSettings()
    settings.bucket = "b"
    let declaration = try RemoteDeclaration(
      name: "kinto", kind: "kinto", url: server.root, collections: collections,
      options: settings.options)
    try await self.init(
      declaration,
      KintoServer(
        url: declaration.url, collections: collections,
        settings: KintoSettings(declaration.options), exchange: exchange ?? server,
        authorization: authorization))
  }

  /// - Parameter exchange: What stands between the device and the server; nil is nothing.
  init(
    _ server: PlainServer, collections: [String] = ["c"], records: [any Record.Type] = [],
    through exchange: (any HTTPExchange)? = nil,
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) async throws {
    let declaration = try RemoteDeclaration(
      name: "plain", kind: "rest", url: "https://plain.test/api", collections: collections,
      options: server.settings.options)
    try await self.init(
      declaration,
      RESTServer(
        url: declaration.url, collections: collections,
        settings: RESTSettings(declaration.options), exchange: exchange ?? server,
        authorization: authorization), records: records)
  }

  private init(
    _ declaration: RemoteDeclaration, _ remote: any Remote, records: [any Record.Type] = []
  ) async throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("device"), label: "device", records: records)
    try await store.journal.declare(declaration)
    engine = SyncEngine(journal: store.journal, remote: declaration.name, over: remote)
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

  /// Why generations of base began, in their order.
  var beginnings: [String] {
    get throws {
      var reasons: [String] = []
      try store.journal.read { reader in
        try reader.scanHeld(from: 1) { entry in
          guard entry.header.kind == .cursor else { return true }
          if let reason = try Body(entry.plainBody).text(.reason) { reasons.append(reason) }
          return true
        }
      }
      return reasons
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

  /// Whatever the journal has in its bodies, as text.
  var writtenDown: String {
    get throws {
      var text = ""
      try store.journal.read { reader in
        try reader.scanHeld(from: 1) { entry in
          text += String(decoding: try entry.plainBody, as: UTF8.self)
          return true
        }
      }
      return text
    }
  }
}
