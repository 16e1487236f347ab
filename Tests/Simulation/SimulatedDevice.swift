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
  /// Edits that are set aside, and those that were at any time.
  var setAside: Set<String> = []
  var everSetAside: Set<String> = []
  /// Edits that were given up.
  private(set) var discarded: Set<String> = [] {
    didSet { everDiscarded.formUnion(discarded) }
  }
  /// What they were to do.
  private(set) var discardedIntents: [Intent] = []
  /// Also those that a copy of the journal brought back.
  private(set) var everDiscarded: Set<String> = []
  /// Every edit this journal ever had of its own.
  private(set) var everOwn: Set<String> = []
  /// Whether there are, or were, two of it.
  private(set) var isCopied = false
  private struct Saved {
    var ledger: [HeldEdit]
    var acknowledged: Set<String>
    var everSetAside: Set<String>
    var discarded: Set<String>
    var hasTrimmed: Bool
    var incarnation: Int
  }
  private var saved: Saved?
  /// A push that is still on its way, to arrive after the next sync.
  var late: Push? { didSet { hadLate = hadLate || late != nil } }
  private(set) var hadLate = false
  /// Whether something struck one of its syncs.
  var wasCut = false
  /// Whether its last pull went undisturbed to the end.
  var hasRead = false
  /// The segment that was sent and not answered.
  var inFlight: (incarnation: Int, device: DeviceID, bytes: [UInt8])?
  /// The changes of the feed's last pages, and the server they came from.
  var pages: [(incarnation: Int, changes: [FeedChange])] = []

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
    name: String, path: String, time: TrueTime, seed: UInt64, incarnation: Int,
    remote: RemoteDeclaration? = nil
  ) async throws -> SimulatedDevice {
    let (clock, random) = (MachineClock(time), MachineRandom(seed: seed))
    let store = try Store.create(
      at: path, label: name, configuration: .simulated(clock, random))
    let declaration =
      try remote ?? RemoteDeclaration(name: "server", kind: "journal", url: "http://localhost")
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
    everOwn.formUnion(edits.map(\.id))
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

  // MARK: Edits that are set aside

  /// What the device shows of its own accord: what it was told to write, and is not set aside.
  var folded: [HeldEdit] { ledger.filter { !setAside.contains($0.id) } }

  func retry(choice: Int, isAll: Bool) async throws {
    let parked = try store.journal.parked().map(\.sequence)
    guard !parked.isEmpty else { return }
    let chosen = isAll ? parked : [parked[choice % parked.count]]
    let back = try await store.journal.retry(chosen)
    guard Set(back).isSuperset(of: chosen) else {
      throw Violation("retry", "\(name) was to retry \(chosen) and retries \(back)")
    }
  }

  /// Gives up an edit no server has answered, with its group; nothing where one may have it.
  ///
  /// - Parameter isPlain: Its server joins edits, so that some are done with before they are sent.
  func discard(choice: Int, isPlain: Bool = false) async throws {
    let open = ledger.filter { !acknowledged.contains($0.id) }
    guard !open.isEmpty else { return }
    let edit = open[choice % open.count]
    let unit = open.filter { edit.group == 0 ? $0.id == edit.id : $0.group == edit.group }
    do {
      let gone = try await store.journal.discard([edit.sequence], because: "planned")
      guard Set(gone) == Set(unit.map(\.sequence)) else {
        throw Violation("discard", "\(name) was to give up \(unit) and gave up \(gone)")
      }
    } catch JournalError.underWay {
      return
    } catch JournalError.notParked {
      // Another copy of this journal has had it accepted, or the answer was booked in this step.
      guard isCopied || isPlain else {
        throw Violation("discard", "\(name) cannot give up \(edit.intent)")
      }
      return
    }
    let ids = Set(unit.map(\.id))
    discarded.formUnion(ids)
    discardedIntents += unit.map(\.intent)
    ledger.removeAll { ids.contains($0.id) }
  }

  // MARK: Copies

  private var copyPath: String { path + "-copy" }

  func copyFiles() async throws {
    store.close()
    try Files.copy(path, to: copyPath)
    saved = Saved(
      ledger: ledger, acknowledged: acknowledged, everSetAside: everSetAside,
      discarded: discarded, hasTrimmed: hasTrimmed, incarnation: knownIncarnation)
    isCopied = true
    try await open()
  }

  /// The copy takes this device's place: what was written since is gone with the old files.
  func restore() async throws {
    guard let saved else { return }
    store.close()
    try Files.copy(copyPath, to: path)
    (ledger, acknowledged) = (saved.ledger, saved.acknowledged)
    (discarded, hasTrimmed, knownIncarnation) =
      (saved.discarded, saved.hasTrimmed, saved.incarnation)
    (late, inFlight, pages) = (nil, nil, [])
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
    (device.everSetAside, device.discarded) = (saved.everSetAside, saved.discarded)
    (device.hasTrimmed, device.isCopied) = (saved.hasTrimmed, true)
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
