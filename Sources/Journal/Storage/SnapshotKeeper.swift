import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps, while commits are not synced, one that a power cut cannot take away.
///
/// To save a snapshot is to pin the newest commit with a reader slot, sync the data file and write
/// the two meta pages to ``SnapshotFile``. The pin keeps the snapshot's pages from being reused,
/// so whatever reaches the disk afterwards, in whatever order, leaves it whole. A pin goes only when
/// a newer snapshot is saved. Used by one writer at a time.
final class SnapshotKeeper {
  /// So much may be written, by an estimate on the safe side, before the next snapshot lets the
  /// pages that were freed meanwhile be used again.
  private static let maximumWritten = 64 << 20

  private let directory: String
  private let file: FileID
  private let settings: StorageSettings
  private var side: SnapshotFile?
  private var pin: OpaquePointer?
  private var savedID: UInt64 = 0
  private var savedAt: UInt64 = 0
  private var writtenSince = 0
  /// Whether the system once failed to sync: what it has dropped then, later syncs do not tell.
  private(set) var isBroken = false

  init(directory: String, file: FileID, _ settings: StorageSettings) {
    self.directory = directory
    self.file = file
    self.settings = settings
  }

  /// Called with LMDB's write lock held, before anything is written.
  ///
  /// Also a process that syncs every commit keeps snapshots while another one does: a power cut
  /// would bring back the last of them.
  func prepare(_ environment: Environment) throws(JournalError) {
    guard pin == nil else { return }
    if !settings.usesSnapshots {
      guard SnapshotFile.exists(in: directory) else { return }
      if try removeIfUnused(environment) { return }
    }
    try save(environment)
  }

  /// Called after a commit that wrote about so many bytes of pages, without LMDB's write lock.
  func noteCommit(_ environment: Environment, dirtyBytes: Int) throws(JournalError) {
    writtenSince += dirtyBytes
    guard pin != nil, isDue() else { return }
    try inTransaction(environment) { () throws(JournalError) in try save(environment) }
  }

  /// Makes everything durable that any process has committed.
  func saveAll(_ environment: Environment) throws(JournalError) {
    try inTransaction(environment) { () throws(JournalError) in
      if pin == nil {
        try prepare(environment)
      } else if savedID < newest(environment) {
        try save(environment)
      }
    }
  }

  /// Saves a snapshot if it is time for it; returns the nanoseconds until it is, nil when
  /// everything is saved.
  func saveIfDue(_ environment: Environment) throws(JournalError) -> UInt64? {
    guard let interval = settings.snapshotInterval, pin != nil, savedID < newest(environment)
    else { return nil }
    let age = settings.monotonic() &- savedAt
    if age < interval { return interval - age }
    try inTransaction(environment) { () throws(JournalError) in try save(environment) }
    return nil
  }

  /// Ends the mode before LMDB is closed: everything is synced, and the file removed unless other
  /// processes keep it.
  func dissolve(_ environment: Environment) {
    guard side != nil, !isBroken else { return }
    do throws(JournalError) {
      try inTransaction(environment) { () throws(JournalError) in
        if savedID < newest(environment) { try save(environment) }
        if let side, side.lockAlone() {
          try side.remove(from: DataDirectory(existing: directory))
        }
      }
    } catch {
      // Closing cannot fail. The snapshot that stands is whole, and the next writer of this
      // running of the machine saves the rest.
    }
    side = nil
  }

  /// Ends the part of this process, once everything is synced and before LMDB is opened anew.
  func leave() throws(JournalError) {
    if let side, side.lockAlone() {
      try side.remove(from: DataDirectory(existing: directory))
    }
    side = nil
  }

  /// Gives the reader slot back; LMDB is closed next.
  func unpin() {
    if let pin { mdb_txn_abort(pin) }
    pin = nil
    side = nil
  }

  private func newest(_ environment: Environment) -> UInt64 {
    UInt64(environment.info().me_last_txnid)
  }

  private func isDue() -> Bool {
    guard let interval = settings.snapshotInterval else { return true }
    return settings.monotonic() &- savedAt >= interval || writtenSince >= Self.maximumWritten
  }

  /// Keeps writers of all processes out for `body`.
  private func inTransaction(
    _ environment: Environment, _ body: () throws(JournalError) -> Void
  ) throws(JournalError) {
    let handle = try environment.beginTransaction()
    defer { mdb_txn_abort(handle) }
    try body()
  }

  /// Saves the newest commit, with LMDB's write lock held.
  private func save(_ environment: Environment) throws(JournalError) {
    let directory = try DataDirectory(existing: directory)
    let side = if let side { side } else { try SnapshotFile.join(directory) }
    let next = try environment.beginSlot()
    do throws(JournalError) {
      let snapshot = Snapshot(
        generation: (try side.newest()?.generation ?? 0) + 1,
        bootID: try settings.currentBootID(), inode: file.inode,
        pageBytes: environment.pageBytes, metas: try environment.rawMetas())
      self.side = side
      try synchronize(environment)
      try side.write(snapshot)
    } catch {
      // The old pin covers both the old snapshot and the one that was perhaps written.
      mdb_txn_abort(next)
      throw error
    }
    if let pin { mdb_txn_abort(pin) }
    pin = next
    savedID = newest(environment)
    writtenSince = 0
    savedAt = settings.monotonic()
  }

  /// Syncs the data file. A sync that fails while commits wait for it ends the use of this
  /// environment: pages the system then drops are not reported again.
  func synchronize(_ environment: Environment) throws(JournalError) {
    do throws(JournalError) {
      try environment.synchronizeData()
    } catch {
      guard side != nil else { throw error }
      isBroken = true
      let error = JournalError.storage(
        "\(error); what was appended since the last snapshot may not survive a power cut: export "
          + "the records and give up this disk")
      environment.gate.setPoison(error)
      throw error
    }
  }

  /// Syncs and removes the file a killed process left; false while somebody keeps it.
  private func removeIfUnused(_ environment: Environment) throws(JournalError) -> Bool {
    guard let file = try SnapshotFile.open(in: directory, forWriting: true) else { return true }
    guard file.lockAlone() else { return false }
    try environment.synchronizeData()
    try file.remove(from: DataDirectory(existing: directory))
    return true
  }
}

extension Environment {
  /// A reader slot at the newest commit, for the snapshot alone.
  func beginSlot() throws(JournalError) -> OpaquePointer {
    var handle: OpaquePointer?
    var code = mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &handle)
    if code == MDB_READERS_FULL {
      clearDeadReaders()
      code = mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &handle)
    }
    guard code == 0, let handle else { throw failure(code, "pinning a commit of \(directory)") }
    return handle
  }

  /// The bytes LMDB uses of both meta pages, while nobody commits.
  func rawMetas() throws(JournalError) -> [[UInt8]] {
    var metas: [[UInt8]] = []
    for number in 0..<2 {
      var bytes = [UInt8](repeating: 0, count: MetaPage.usedBytes)
      let count = pread(dataDescriptor, &bytes, bytes.count, off_t(number * pageBytes))
      guard count == bytes.count else {
        throw LMDBFailure.systemError(directory, "reading the meta pages of")
      }
      metas.append(bytes)
    }
    return metas
  }

  func synchronizeData() throws(JournalError) {
    try StableStorage.synchronize(dataDescriptor, directory)
  }
}
