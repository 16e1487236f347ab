import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

#if !(arch(x86_64) || arch(arm64) || arch(powerpc64le) || arch(riscv64))
  #error("the file format and the size of the map need a 64-bit processor")
#endif

/// One data file, open for reading and writing through LMDB.
///
/// Safe to use from any thread. A file is open at most once per process; other processes may
/// have it open as well. After a `fork` the child has to open it anew.
package final class Environment: Sendable {
  // SAFETY: LMDB's environment handle may be used from any thread; the gate keeps it open while
  // anybody is inside. It changes only in `reopen`, when nobody but the one writer is, and
  // `shutDown` alone frees it.
  private nonisolated(unsafe) var opened: OpenedEnvironment
  // SAFETY: of the writer that reopens and of `shutDown`, which runs when nobody is inside.
  nonisolated(unsafe) var isOpen = true
  // SAFETY: all three of the writer alone.
  /// The commit whose failure has not been made good yet.
  nonisolated(unsafe) var failedCommit: UInt64?
  private nonisolated(unsafe) var mapBytesBefore = 0
  nonisolated(unsafe) var lastReaderCheck: UInt64
  // SAFETY: used by the holder of the writer's lock and by `shutDown` only.
  nonisolated(unsafe) let snapshots: SnapshotKeeper
  /// The directory of the data file, symbolic links resolved.
  package let directory: String
  let settings: StorageSettings
  let gate: TransactionGate
  let writer = WriterLock()
  private let claim: OpenFiles.Claim
  private let processID = getpid()

  var raw: OpaquePointer { opened.raw }
  /// LMDB's handle of each table, by ``Table/index``.
  var handles: [UInt32] { opened.handles }
  /// The page size of the file in bytes.
  package var pageBytes: Int { opened.pageBytes }
  var dataDescriptor: Int32 { opened.dataDescriptor }
  /// Which file it is.
  var fileID: FileID { claim.file }

  init(
    _ opened: OpenedEnvironment, _ directory: DataDirectory, _ claim: OpenFiles.Claim,
    _ settings: StorageSettings
  ) {
    self.opened = opened
    self.directory = directory.path
    self.claim = claim
    self.settings = settings
    gate = TransactionGate(place: directory.path, settings)
    snapshots = SnapshotKeeper(directory: directory.path, file: claim.file, settings)
    lastReaderCheck = settings.monotonic()
    claim.set(self)
  }

  deinit {
    close()
  }

  /// Refuses later calls and closes the file once the running transactions have ended.
  ///
  /// May be called more than once.
  package func close() {
    if gate.close() { shutDown() }
  }

  /// Whether ``close()`` was called.
  var isClosed: Bool { gate.isClosed }

  /// The id of the newest commit, of whichever process.
  package func lastTransactionID() throws(JournalError) -> UInt64 {
    try enter()
    defer { leave() }
    return UInt64(info().me_last_txnid)
  }

  /// LMDB's description of the environment; only between entering and leaving the gate.
  func info() -> MDB_envinfo {
    var info = MDB_envinfo()
    mdb_env_info(raw, &info)
    return info
  }

  /// False in a child that came about by `fork`.
  var isOwnProcess: Bool { getpid() == processID }

  /// Throws in a child process, where LMDB's locks and reader slots belong to the parent.
  func refuseAfterFork() throws(JournalError) {
    guard isOwnProcess else {
      throw .cannotOpen(
        "\(directory) was opened before a fork, by process \(processID); open it in this one")
    }
  }

  /// Ends the idle readers, closes LMDB and gives the claim back.
  func shutDown() {
    // The mapping and the descriptors of a forked child are copies; its parent's locks are not.
    guard isOwnProcess else { return }
    if isOpen {
      snapshots.dissolve(self)
      closeLMDB()
    }
    claim.release()
  }

  private func closeLMDB() {
    while let transaction = gate.takeIdle() { mdb_txn_abort(transaction) }
    snapshots.unpin()
    mdb_env_close(raw)
    isOpen = false
  }

  /// Closes LMDB and opens it again; by the writer, while the gate keeps everybody else out.
  func reopen() throws(JournalError) {
    if isOpen {
      mapBytesBefore = Int(info().me_mapsize)
      closeLMDB()
    }
    opened = try Environment.openAgain(
      DataDirectory(existing: directory), claim.file, mapBytesBefore, settings,
      failed: failedCommit)
    isOpen = true
  }

  /// Gives a file made by an earlier release the tables it lacks. A single commit, and none where
  /// nothing is missing.
  func addMissingTables() throws {
    guard handles.contains(OpenedEnvironment.missing) else { return }
    try commitHead { transaction throws(JournalError) in
      for table in Table.allCases where handles[table.index] == OpenedEnvironment.missing {
        opened.handles[table.index] = try table.create(in: transaction, of: directory)
      }
    }
  }

  /// Keeps the environment open and its map in place for a call outside transactions.
  func enter() throws(JournalError) {
    try refuseAfterFork()
    try gate.enter()
  }

  /// Lets go of the environment, and closes it if it was only waiting for this.
  func leave() {
    if gate.leave() { shutDown() }
  }
}
