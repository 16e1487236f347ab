import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

/// The real server core without HTTP between, and a way to lose its answers.
final class Loopback: Remote {
  enum Fault: Sendable {
    /// The request does not arrive.
    case lost
    /// The request is carried out, its answer does not arrive.
    case answerLost
  }

  let server: AccountJournal
  /// What the server is asked for; everything where there is none.
  let filters: [RemoteFilter]
  private let faults = Mutex<[Fault]>([])
  private let counted = Mutex<[[UInt8]]>([])

  /// Lives as long as whoever talks to the server.
  private let scratch: Scratch?

  init(
    _ server: AccountJournal, asking filters: [RemoteFilter] = [], in scratch: Scratch? = nil
  ) {
    self.server = server
    self.filters = filters
    self.scratch = scratch
  }

  /// The segments pushed so far, attempts that failed included.
  var segments: [[UInt8]] { counted.withLock { $0 } }

  func failNext(_ fault: Fault...) {
    faults.withLock { $0 = fault }
  }

  private func exchange<R>(_ body: () async throws -> R) async throws -> R {
    let fault = faults.withLock { $0.isEmpty ? nil : $0.removeFirst() }
    if fault == .lost { throw TransportError.unreachable("the request was lost") }
    let answer: R
    do { answer = try await body() } catch let error as ServerError {
      if case .cursorUnknown(let code, _) = error {
        throw code == "resync-required"
          ? TransportError.resyncRequired(code) : TransportError.cursorUnknown(code)
      }
      throw TransportError.protocolViolation(error.message)
    }
    if fault == .answerLost { throw TransportError.unreachable("the answer was lost") }
    return answer
  }

  func info(device: DeviceID) async throws -> RemoteInfo {
    try server.info(device: device)
  }

  func push(_ push: Push) async throws -> PushAnswer {
    counted.withLock { $0.append(push.segment) }
    let witness = try #require(push.witness)
    return try await exchange { try await server.push(witness, segment: push.segment) }
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    // Through the codec, as over HTTP.
    let page = try await exchange {
      try await server.feed(after: cursor, limit: limit, filters: filters, device: device)
    }
    return try FeedCodec.encode(page).withUnsafeBytes { try FeedCodec.decode($0) }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    try await exchange { try await server.show(witness) }
  }
}

/// A server and the devices that sync with it, all in one scratch directory.
final class World {
  let scratch: Scratch
  let server: AccountJournal
  let remote: Loopback

  init() throws {
    scratch = try Scratch()
    server = try AccountJournal(directory: scratch("server"))
    remote = Loopback(server, in: scratch)
  }

  /// The same world, its server's journal opened anew.
  init(reopened world: World) throws {
    world.server.close()
    scratch = world.scratch
    server = try AccountJournal(directory: scratch("server"))
    remote = Loopback(server, in: scratch)
  }

  func device(_ name: String) async throws -> Device {
    try await Device(Store.create(at: scratch(name), label: name), remote)
  }

  /// Opens what `name` is a copy of as a device of its own.
  func open(_ name: String) throws -> Device {
    Device(opened: try Store.open(at: scratch(name)), remote)
  }

  /// The edits of the server's journal, as `kind collection/key`.
  func serverEdits() throws -> [String] {
    server.close()
    let store = try Store.open(at: scratch("server"))
    defer { store.close() }
    #expect(try store.problems() == [])
    return try store.journal.read { reader in
      var lines: [String] = []
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind.isEdit { lines.append("\(entry.header.kind) \(entry.header.id)") }
        return true
      }
      return lines
    }
  }

  /// The keys of the edits whose content the server's journal still has; ends the server.
  func heldOnServer() throws -> [String] {
    server.close()
    let store = try Store.open(at: scratch("server"))
    defer { store.close() }
    return try store.journal.read { reader in
      var keys: [String] = []
      try reader.scanEntries(from: 1) { entry in
        if entry.encoding != StoredEntry.erasedEncoding, entry.header.kind.isEdit {
          let names = try entry.plainBody.withUnsafeBytes { try Body($0).record() }?.names
          keys.append(names?.key ?? "")
        }
        return true
      }
      return keys
    }
  }
}

final class Device: Sendable {
  let store: Store
  private let engine: SyncEngine

  init(_ store: Store, _ remote: any Remote) async throws {
    self.store = store
    engine = SyncEngine(journal: store.journal, remote: "server", over: remote)
    let declaration = try RemoteDeclaration(
      name: "server", kind: "journal", url: "http://localhost")
    _ = try await store.journal.transact { context in
      try context.append(Draft(.declared, body: declaration.body()))
    }
  }

  init(opened store: Store, _ remote: any Remote, pageLimit: Int = 1_000) {
    self.store = store
    engine = SyncEngine(
      journal: store.journal, remote: "server", over: remote, pageLimit: pageLimit)
  }

  @discardableResult
  func sync(
    _ direction: SyncEngine.Direction = .both, _ options: SyncEngine.Options = []
  ) async throws -> SyncReport {
    try await engine.sync(direction, options)
  }

  func put(_ key: String, _ fields: Fields) async throws {
    try await store.write { try $0.put("c", key, fields) }
  }

  func update(_ key: String, _ fields: Fields) async throws {
    try await store.write { try $0.update("c", key, set: fields) }
  }

  func delete(_ key: String) async throws {
    try await store.write { try $0.delete("c", key) }
  }

  func get(_ key: String) throws -> Fields? {
    try store.read { try $0.get("c", key) }
  }

  func count(_ kind: EntryKind) throws -> Int {
    try store.journal.read { reader in
      var count = 0
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == kind { count += 1 }
        return true
      }
      return count
    }
  }

  var pending: UInt64 {
    get throws {
      try store.journal.read { try $0.counts() }.pending
    }
  }
}
