import Foundation
import Journal
import Projection
import Transport

@testable import JournalTool

/// The real server over a real journal, and beside it the list of what it has taken in.
///
/// The list is the oracle's: it is read from each new entry once, before anything is trimmed, and cut
/// where the server is put back to a backup.
@Simulated final class SimulatedServer {
  let path: String
  let clock: MachineClock
  private let random: MachineRandom
  private(set) var store: Store
  private(set) var core: AccountJournal
  /// The edits the server has taken in, in its order.
  private(set) var history: [HeldEdit] = []
  /// Every id it ever had, also those it has lost since.
  private(set) var everHeld: Set<String> = []
  /// Those of them that changed nothing.
  private(set) var everAbsorbed: Set<String> = []
  /// What it had taken in and lost again by going back.
  private(set) var lost: Set<String> = []
  /// Whether it refuses edits and fails for some, see ``take(_:_:)``.
  var isStrict = false
  /// Whether some device has let go of entries.
  var isSomeDeviceTrimmed = false
  /// Whether it has let go of entries that some device had yet to read.
  private(set) var isTrimmedPast = false
  /// Ids it has refused or failed for, with those of their groups.
  var everRefused: Set<String> = []
  /// Counts how often it went back or was replaced.
  private(set) var incarnation = 0
  private(set) var replacements = 0
  private var captured: SequenceNumber = 0
  private var backup: (history: [HeldEdit], captured: SequenceNumber, replacements: Int)?

  init(path: String, time: TrueTime, seed: UInt64) throws {
    self.path = path
    clock = MachineClock(time)
    random = MachineRandom(seed: seed)
    store = try Store.create(
      at: path, label: "server", isLocal: true, configuration: .simulated(clock, random))
    core = AccountJournal(store)
  }

  func close() { store.close() }

  func restart() throws {
    store.close()
    store = try Store.open(at: path, configuration: .simulated(clock, random))
    core = AccountJournal(store)
  }

  /// Notes what has been appended since the last time.
  func capture() throws {
    for edit in try store.edits(from: captured + 1) {
      history.append(edit)
      everHeld.insert(edit.id)
      if edit.isAbsorbed { everAbsorbed.insert(edit.id) }
      lost.remove(edit.id)
    }
    captured = try store.journal.lastSequence
  }

  /// A request that arrives long after its sender has given up on it.
  func receive(_ push: Push, _ witness: Witness) async {
    // Nobody waits for the answer, whatever it is.
    _ = try? await take(push, witness)
  }

  func trim(isBold: Bool) async throws {
    try capture()
    isTrimmedPast = isTrimmedPast || isBold
    let bound = isBold ? nil : try store.journal.read { try PeerRow.lowestCursor($0) }
    _ = try await store.journal.trim(keeping: .nothing, bound: bound, folder: RecordFolder())
    captured = try store.journal.lastSequence
  }

  /// The records after the edits through a sequence.
  func records(through sequence: SequenceNumber = .max) -> Records {
    var records = Records()
    for edit in history where edit.sequence <= sequence { records.apply(edit.intent) }
    return records
  }

  private var backupPath: String { path + "-backup" }

  func backUp() throws {
    try capture()
    try Files.copy(path, to: backupPath)
    backup = (history, captured, replacements)
  }

  func restore() throws {
    guard let backup else { return }
    try capture()
    store.close()
    try Files.copy(backupPath, to: path)
    let kept = Set(backup.history.map(\.id))
    lost.formUnion(history.map(\.id).filter { !kept.contains($0) })
    lost.subtract(kept)
    (history, captured) = (backup.history, backup.captured)
    incarnation += 1
    if backup.replacements != replacements { replacements += 1 }
    try restart()
  }

  func replace() throws {
    try capture()
    store.close()
    try FileManager.default.removeItem(atPath: path)
    lost.formUnion(history.map(\.id))
    (history, captured) = ([], 0)
    incarnation += 1
    replacements += 1
    store = try Store.create(
      at: path, label: "server", isLocal: true, configuration: .simulated(clock, random))
    core = AccountJournal(store)
  }
}

/// Where everything of a run happens: one thing at a time.
@globalActor actor Simulated {
  static let shared = Simulated()
}

enum Files {
  /// Puts a copy of a directory in the place of whatever stands there.
  static func copy(_ path: String, to other: String) throws {
    if FileManager.default.fileExists(atPath: other) {
      try FileManager.default.removeItem(atPath: other)
    }
    try FileManager.default.copyItem(atPath: path, toPath: other)
  }
}
