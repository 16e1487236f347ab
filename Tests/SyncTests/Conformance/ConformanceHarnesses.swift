import Journal
import Projection
import Synchronization
import TestKit
import Transport
import TransportTesting

@testable import JournalTool

/// A remote that does what another one does, but for what a test breaks.
struct BrokenRemote: Remote {
  let inner: MemoryServer
  var push: @Sendable (MemoryServer, Push) async throws -> PushAnswer = { try await $0.push($1) }
  var changes: @Sendable (MemoryServer, String?, Int, DeviceID) async throws -> FeedPage = {
    try await $0.changes(after: $1, limit: $2, device: $3)
  }

  init(_ inner: MemoryServer) {
    self.inner = inner
  }

  var isWitness: Bool { false }
  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }
  func push(_ push: Push) async throws -> PushAnswer { try await self.push(inner, push) }
  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }

  func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    try await changes(inner, cursor, limit, device)
  }
}

struct MemoryHarness: ConformanceHarness {
  var behaviour: FeedBehaviour = []
  var alter: @Sendable (inout BrokenRemote) -> Void = { _ in }

  func makeSubject() async throws -> any ConformanceSubject {
    let server = MemoryServer(behaviour)
    var remote = BrokenRemote(server)
    alter(&remote)
    return MemorySubject(server: server, remote: remote)
  }
}

/// A server of plain records on the HTTP form of one in memory.
struct PlainHarness: ConformanceHarness {
  var creates = RESTSettings.Creates.put
  /// A remote that sends a create again without asking.
  var isForgetful = false

  func makeSubject() async throws -> any ConformanceSubject {
    let server = MemoryServer()
    var settings = RESTSettings(versionField: "changed")
    settings.creates = creates
    if creates == .post { settings.clientIDField = "made_as" }
    let url = "https://memory.test/api"
    let remote = try RESTServer(
      url: url, collections: ["c"], settings: settings,
      exchange: server.exchange(url: url, settings: settings))
    guard isForgetful else { return MemorySubject(server: server, remote: remote) }
    return MemorySubject(server: server, remote: ForgetfulRemote(inner: remote))
  }
}

/// Says of no push that it is a repeated one.
struct ForgetfulRemote: Remote {
  let inner: RESTServer
  var isWitness: Bool { false }
  var changesPerPush: Int { inner.changesPerPush }
  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }
  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }

  func push(_ push: Push) async throws -> PushAnswer {
    try await inner.push(Push(witness: nil, segment: push.segment))
  }

  func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }
}

struct MemorySubject: ConformanceSubject {
  let server: MemoryServer
  let remote: any Remote
  let collection = "c"

  func write(_ key: String, _ fields: Fields?) async throws { server.write("c", key, fields) }

  func records() async throws -> [String: Fields] {
    server.records("c").mapValues { fields in
      var fields = fields
      fields["made_as"] = .none
      return fields
    }
  }

  func loseNextAnswer() async throws -> Bool {
    server.failNext(.answerLost)
    return true
  }

  func refuse(_ key: String) async throws -> Bool {
    server.refuse { _, name, fields in
      name == key || fields?["is"] == .string(key) ? ("no", "not this one") : nil
    }
    return true
  }

  func rejectCredentials() async throws -> Bool {
    server.failNext(.unauthorized)
    return true
  }

  func restart() async throws -> Bool {
    // With the same name: nothing was lost.
    server.behaviour.insert(.restoresSilently)
    server.restore(server.backup())
    return true
  }

  func stopClock() async throws -> Bool {
    server.behaviour.insert(.equalStamps)
    return true
  }
}

/// What was seen of Kinto, in memory.
struct KintoHarness: ConformanceHarness {
  func makeSubject() async throws -> any ConformanceSubject { try KintoSubject() }
}

struct KintoSubject: ConformanceSubject {
  let server = KintoDouble()
  let remote: any Remote
  let collection = "c"

  init() throws {
    var settings = KintoSettings()
    settings.bucket = "b"
    remote = try KintoServer(
      url: server.root, collections: ["c"], settings: settings, exchange: server)
  }

  func write(_ key: String, _ fields: Fields?) async throws { server.write("c", key, fields) }

  func records() async throws -> [String: Fields] {
    server.state.withLock { state in
      (state.records["c"] ?? [:]).filter { !$0.value.isDeleted }.mapValues(\.fields)
    }
  }

  func loseNextAnswer() async throws -> Bool {
    server.state.withLock { $0.lostAnswers = 1 }
    return true
  }

  func refuse(_ key: String) async throws -> Bool {
    server.state.withLock { state in
      state.refusing = { _, id, _ in id == key ? 400 : nil }
    }
    return true
  }

  func rejectCredentials() async throws -> Bool {
    server.state.withLock { $0.token = "another" }
    return true
  }

  /// Its records have a stamp each.
  func stopClock() async throws -> Bool { true }
}

/// The core of our own server, in a directory of its own.
struct LoopbackHarness: ConformanceHarness {
  func makeSubject() async throws -> any ConformanceSubject { try await LoopbackSubject() }
}

/// Somebody else is a device; what the server has is what a device sees that reads it.
final class LoopbackSubject: ConformanceSubject, @unchecked Sendable {
  // SAFETY: all are constants, and safe from any thread, but for the world, which no two calls use at once: the
  // suite asks one thing after the other.
  private let world: World
  private let other: Device
  let collection = "c"

  init() async throws {
    world = try World()
    other = try await world.device("other")
  }

  var remote: any Remote { world.remote }

  func write(_ key: String, _ fields: Fields?) async throws {
    if let fields { try await other.put(key, fields) } else { try await other.delete(key) }
    try await other.sync()
  }

  func records() async throws -> [String: Fields] {
    try await other.sync()
    var records: [String: Fields] = [:]
    for record in try other.store.query(Query("c")) { records[record.key] = record.fields }
    return records
  }

  func loseNextAnswer() async throws -> Bool {
    world.remote.failNext(.answerLost)
    return true
  }

  /// Its versions have a number of their own beside the stamp.
  func stopClock() async throws -> Bool { true }

  func close() async {
    other.store.close()
    world.server.close()
  }
}
