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
  // anybody is inside, and `shutDown` alone frees it.
  nonisolated(unsafe) let raw: OpaquePointer
  /// The directory of the data file, symbolic links resolved.
  package let directory: String
  /// The page size of the file in bytes.
  package let pageBytes: Int
  let dataDescriptor: Int32
  /// LMDB's handle of each table, by ``Table/index``.
  let handles: [UInt32]
  let gate: TransactionGate
  let writer = WriterLock()
  private let claim: OpenFiles.Claim
  private let processID = getpid()

  init(_ opened: OpenedEnvironment, _ directory: DataDirectory, _ claim: OpenFiles.Claim) {
    raw = opened.raw
    handles = opened.handles
    pageBytes = opened.pageBytes
    dataDescriptor = opened.dataDescriptor
    self.directory = directory.path
    self.claim = claim
    gate = TransactionGate(place: directory.path)
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

  /// Forces everything committed to stable storage; commits already do.
  ///
  /// Throws ``JournalError/storage(_:)`` when the system refuses.
  package func sync() throws(JournalError) {
    try enter()
    defer { leave() }
    let code = mdb_env_sync(raw, 1)
    guard code == 0 else { throw LMDBFailure.error(code, "syncing \(directory)") }
    #if canImport(Darwin)
      // Plain fsync leaves the data in the drive's cache there.
      guard fcntl(dataDescriptor, F_FULLFSYNC) != -1 else {
        throw LMDBFailure.systemError(directory, "syncing")
      }
    #endif
  }

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
    while let transaction = gate.takeIdle() { mdb_txn_abort(transaction) }
    mdb_env_close(raw)
    claim.release()
  }

  /// Keeps the environment open and its map in place for a call outside transactions.
  func enter() throws(JournalError) {
    try refuseAfterFork()
    try gate.enterReading()
  }

  /// Lets go of the environment, and closes it if it was only waiting for this.
  func leave() {
    if gate.leaveReading() { shutDown() }
  }
}
