import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

extension RemoteFilter {
  /// Records of `c` whose `team` is one of these.
  static func team(_ names: Value...) throws -> RemoteFilter {
    try RemoteFilter("c", where: .compare(.init("team", .in, .array(names))))
  }
}

/// A device that takes some of a server's records, and what it is shown of them.
final class PartialDevice: Sendable {
  let device: Device
  let server: AccountJournal
  let scratch: Scratch
  private let obeys: Bool
  private let pages = Mutex<[FeedPage]>([])

  var store: Store { device.store }

  /// - Parameter obeys: Whether the server leaves out what it is not asked for.
  init(
    _ name: String, in world: World, _ filters: [RemoteFilter], obeys: Bool = true,
    policy: ConflictPolicy? = nil
  ) async throws {
    (server, scratch) = (world.server, world.scratch)
    self.obeys = obeys
    let store = try Store.create(at: world.scratch(name), label: name)
    device = Device(opened: store, world.remote)
    if let policy { try await store.declarePolicy(policy, of: "c") }
    try await store.journal.declare(
      RemoteDeclaration(
        name: "server", kind: "journal", url: "http://localhost", filters: filters))
  }

  func filter(by filters: RemoteFilter...) async throws {
    try await store.journal.filter("server", by: filters)
  }

  @discardableResult
  func sync(
    _ direction: SyncEngine.Direction = .both, _ options: SyncEngine.Options = []
  ) async throws -> SyncReport {
    let filters = try store.journal.remotes[0].filters
    let loopback = Loopback(server, asking: obeys ? filters : [], in: scratch)
    let remote = AlteredRemote(
      loopback,
      page: { [self] page in
        pages.withLock { $0.append(page) }
        return page
      })
    return try await Device(opened: store, remote).sync(direction, options)
  }

  /// The keys the server has shown since the last call, in order.
  func shown() -> [String] {
    pages.withLock { pages in
      defer { pages = [] }
      return pages.flatMap { $0.changes.map(\.key) }
    }
  }

  /// The keys of the records that are here.
  var keys: [String] {
    get throws { try store.query(Query("c")).map(\.key) }
  }

  /// The states its remote changes of a record tell, oldest first.
  func states(of key: String) throws -> [UInt64] {
    try store.journal.read { reader in
      var states: [UInt64] = []
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .remoteChange else { return true }
        try entry.plainBody.withUnsafeBytes { bytes in
          let body = try Body(bytes)
          if try body.text(.key) == key { states.append(try body.unsigned(.state) ?? 99) }
        }
        return true
      }
      return states
    }
  }
}
