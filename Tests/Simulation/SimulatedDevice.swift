import Journal
import Projection
import TestKit
import Transport

/// A real device over real files, and beside it what it has been told to write.
@Simulated final class SimulatedDevice {
  let name: String
  let path: String
  let clock: MachineClock
  private let random: MachineRandom
  private(set) var store: Store
  /// What this copy of the journal has of its own: in the order written, and not taken from it since.
  var ledger: [HeldEdit] = []
  /// What the server's answers have said yes to, as far as they were booked.
  var acknowledged: Set<String> = []
  /// Through which of its entries acceptances have been looked at.
  var checkedAcceptances: SequenceNumber = 0
  /// The server this device has fully taken in, see ``SimulatedServer/incarnation``.
  var knownIncarnation: Int
  /// Whether it has let go of entries, and may not be able to deliver again what the server lost.
  var hasTrimmed = false
  var version = 0
  private var saved:
    (ledger: [HeldEdit], acknowledged: Set<String>, trimmed: Bool, incarnation: Int)?
  /// A push that is still on its way, to arrive after the next sync.
  var late: Push?
  /// The changes of the feed's last page, and the server they came from.
  var lastPage: (incarnation: Int, changes: [FeedChange])?

  private init(
    name: String, path: String, clock: MachineClock, random: MachineRandom, store: Store,
    incarnation: Int
  ) {
    self.name = name
    self.path = path
    self.clock = clock
    self.random = random
    self.store = store
    knownIncarnation = incarnation
  }

  static func create(
    name: String, path: String, time: TrueTime, seed: UInt64, incarnation: Int
  ) async throws -> SimulatedDevice {
    let (clock, random) = (MachineClock(time), MachineRandom(seed: seed))
    let store = try Store.create(
      at: path, label: name, configuration: .simulated(clock, random))
    let declaration = try RemoteDeclaration(
      name: "server", kind: "journal", url: "http://localhost")
    _ = try await store.journal.transact { context in
      try context.append(Draft(.declared, body: declaration.body()))
    }
    return SimulatedDevice(
      name: name, path: path, clock: clock, random: random, store: store,
      incarnation: incarnation)
  }

  func close() { store.close() }

  /// Ends the device as a crash does, and starts it again.
  func restart() async throws {
    store.close()
    try await open()
  }

  private func open() async throws {
    store = try Store.open(
      at: path, records: AppVersion.records(version),
      configuration: .simulated(clock, random))
    try await store.buildIndexes()
  }

  // MARK: Writing

  /// Writes what fits the visible records, and notes it.
  func write(_ intents: [Intent]) async throws {
    let fitting = try fit(intents)
    guard !fitting.isEmpty else { return }
    let last = try store.journal.lastSequence
    let receipt = try await append(fitting)
    try note(after: last, fitting, isCertain: true)
    guard ledger.suffix(fitting.count).map(\.sequence) == receipt.sequences else {
      throw Violation("durability", "\(name) has not the entries its write returned")
    }
  }

  /// Writes while the disk fails: all of it is there afterwards, or nothing.
  func writeBroken(_ intents: [Intent], after passing: Int, failing: Int) async throws {
    let fitting = try fit(intents)
    guard !fitting.isEmpty else { return }
    let last = try store.journal.lastSequence
    var isDone = false
    do {
      let disk = try FailingDisk(path, passing: passing, failing: failing)
      defer { disk.end() }
      _ = try await append(fitting)
      isDone = true
    } catch is JournalError {}
    try await restart()
    try note(after: last, fitting, isCertain: isDone)
  }

  private func append(_ intents: [Intent]) async throws -> Receipt {
    try await store.write { tx in
      for intent in intents {
        let (collection, key) = (intent.collection, intent.key)
        switch intent.kind {
        case .create: try tx.create(collection, key, intent.values)
        case .update: try tx.update(collection, key, set: intent.values, unset: intent.unset)
        case .put: try tx.put(collection, key, intent.values)
        case .delete: try tx.delete(collection, key)
        }
      }
    }
  }

  /// Takes what was just written into the ledger.
  private func note(
    after last: SequenceNumber, _ intents: [Intent], isCertain: Bool
  ) throws {
    let edits = try store.edits(from: last + 1)
    guard edits.map(\.intent) == intents || (edits.isEmpty && !isCertain) else {
      throw Violation(
        "durability", "\(name) wrote \(intents) and has \(edits.map(\.intent)) of it")
    }
    ledger += edits
  }

  /// What an app could have meant: it sees the records it changes.
  private func fit(_ intents: [Intent]) throws -> [Intent] {
    var records = try store.visibleRecords()
    var fitting: [Intent] = []
    for var intent in intents {
      let exists = records.live[intent.record] != nil
      switch intent.kind {
      case .create where exists: intent.kind = .update
      case .update where !exists:
        intent.kind = .create
        intent.unset = []
      case .delete where !exists: continue
      default: break
      }
      records.apply(intent)
      fitting.append(intent)
    }
    return fitting
  }

  // MARK: Copies

  private var copyPath: String { path + "-copy" }

  func copyFiles() async throws {
    store.close()
    try Files.copy(path, to: copyPath)
    saved = (ledger, acknowledged, hasTrimmed, knownIncarnation)
    try await open()
  }

  /// The copy takes this device's place: what was written since is gone with the old files.
  func restore() async throws {
    guard let saved else { return }
    store.close()
    try Files.copy(copyPath, to: path)
    (ledger, acknowledged, hasTrimmed, knownIncarnation) = saved
    (late, lastPage) = (nil, nil)
    try await open()
    checkedAcceptances = try store.journal.lastSequence
  }

  /// The copy as a device beside this one; nil where none was made.
  func fork(name: String, path: String, time: TrueTime, seed: UInt64) throws -> SimulatedDevice? {
    guard let saved else { return nil }
    try Files.copy(copyPath, to: path)
    let (clock, random) = (MachineClock(time), MachineRandom(seed: seed))
    let store = try Store.open(at: path, configuration: .simulated(clock, random))
    let device = SimulatedDevice(
      name: name, path: path, clock: clock, random: random, store: store,
      incarnation: saved.incarnation)
    (device.ledger, device.acknowledged) = (saved.ledger, saved.acknowledged)
    device.hasTrimmed = saved.trimmed
    device.checkedAcceptances = try store.journal.lastSequence
    return device
  }
}

/// What a checker found.
struct Violation: Error, CustomStringConvertible {
  var check: String
  var text: String

  init(_ check: String, _ text: String) {
    self.check = check
    self.text = text
  }

  var description: String { "\(check): \(text)" }
}
