import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Environment {
  /// Runs `body` in a write transaction, commits if it returns and aborts if it throws.
  ///
  /// Waits for other writers. When the map is full it is doubled and `body` runs once more, so it
  /// must have no effect but its writes. What it wrote is on stable storage when this returns.
  /// Throws ``JournalError/unknownOutcome(_:)`` when the commit fails half-way, after which
  /// every call on this environment throws it; ``JournalError/storage(_:)`` when the disk is full,
  /// with nothing written.
  package func write<R>(_ body: (WriteTransaction) throws -> R) throws -> R {
    try refuseAfterFork()
    try writer.enter()
    defer { writer.leave() }
    try gate.enterWriting()
    defer { if gate.leaveWriting() { shutDown() } }
    if case .committed(let result) = try attempt(body) { return result }
    try growMap()
    if case .committed(let result) = try attempt(body) { return result }
    throw JournalError.storage(
      "the transaction does not fit the map of \(info().me_mapsize) bytes of \(directory)")
  }

  private enum Attempt<R> {
    case committed(R)
    case mapFull
  }

  private func attempt<R>(_ body: (WriteTransaction) throws -> R) throws -> Attempt<R> {
    let handle = try beginWriting()
    let transaction = WriteTransaction(handle, self)
    let result: R
    do {
      result = try body(transaction)
      // An error that `body` swallowed has left LMDB's transaction unfit to commit.
      if let failure = transaction.failure { throw failure }
    } catch {
      transaction.end()
      mdb_txn_abort(handle)
      if transaction.isMapFull { return .mapFull }
      throw error
    }
    let transactionID = UInt64(mdb_txn_id(handle))
    transaction.end()
    let code = mdb_txn_commit(handle)
    if code == 0 { return .committed(result) }
    if code == MDB_MAP_FULL { return .mapFull }
    throw commitFailure(code, transactionID)
  }

  private func beginWriting() throws(JournalError) -> OpaquePointer {
    var handle: OpaquePointer?
    var code = mdb_txn_begin(raw, nil, 0, &handle)
    if code == MDB_MAP_RESIZED {
      try adoptMap()
      code = mdb_txn_begin(raw, nil, 0, &handle)
    }
    guard code == 0, let handle else { throw failure(code, "writing to \(directory)") }
    return handle
  }

  /// Tells a commit that surely did not happen from one that perhaps did.
  private func commitFailure(_ code: Int32, _ transactionID: UInt64) -> JournalError {
    if code == ENOSPC || code == EDQUOT {
      // A commit becomes valid with its meta page alone. If a transaction can begin, LMDB saw no
      // error there, and the newest id says that nobody wrote that page.
      var probe: OpaquePointer?
      if mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &probe) == 0 {
        let newest = UInt64(mdb_txn_id(probe))
        mdb_txn_abort(probe)
        if newest < transactionID {
          return LMDBFailure.error(code, "writing to \(directory); nothing was stored")
        }
      }
    }
    let reason = String(cString: mdb_strerror(code))
    let error = JournalError.unknownOutcome(
      "commit \(transactionID) of \(directory) failed: \(reason); reopen and compare")
    gate.setPoison(error)
    return error
  }

  /// Doubles the map, at least by 64 MiB, with no reader of this process in it.
  private func growMap() throws(JournalError) {
    var dead: Int32 = 0
    mdb_reader_check(raw, &dead)
    let present = Int(info().me_mapsize)
    let (doubled, overflow) = present.multipliedReportingOverflow(by: 2)
    let wanted = max(doubled, present.addingReportingOverflow(64 << 20).partialValue)
    guard !overflow, Self.hasAddressSpace(wanted) else {
      throw .storage("the system gives no address space to enlarge the map of \(directory)")
    }
    try replaceMap(bytes: wanted)
  }

  /// Takes over the map size another process has written; the caller is the only writer here.
  func adoptMap() throws(JournalError) {
    try replaceMap(bytes: 0)
  }

  private func replaceMap(bytes: Int) throws(JournalError) {
    try gate.block()
    defer { gate.unblock() }
    let code = mdb_env_set_mapsize(raw, bytes)
    guard code == 0 else {
      // LMDB has let the old map go by now.
      let error = LMDBFailure.error(code, "enlarging the map of \(directory)")
      gate.setPoison(error)
      throw error
    }
  }

  /// Whether that much can be mapped, asked before LMDB gives up the map it has.
  private static func hasAddressSpace(_ bytes: Int) -> Bool {
    let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    let address = mmap(nil, bytes, PROT_NONE, flags, -1, 0)
    guard let address, address != MAP_FAILED else { return false }
    munmap(address, bytes)
    return true
  }
}
