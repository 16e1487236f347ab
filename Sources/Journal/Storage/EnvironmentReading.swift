import CLMDB

/// Whether a read may be ended when it stays too long.
package enum ReadSpan: Sendable {
  /// Ended by writers once it is over its deadline (five seconds), between two accesses; what
  /// accesses it later throws ``JournalError/readExpired(_:)``.
  case short
  /// Never ended: for work that reads everything, and may make the file grow meanwhile.
  case long
}

extension Environment {
  /// Lends the newest committed state to `body`.
  ///
  /// Never waits for a writer. While `body` runs, pages that later commits free are not used
  /// again: keep it short. Throws ``JournalError/busy(_:)`` when this process has 126 readers or
  /// all have 510, ``JournalError/readExpired(_:)`` from an access after a writer has ended the
  /// read, and what `body` throws.
  package func read<R>(
    span: ReadSpan = .short, _ body: (ReadTransaction) throws -> R
  ) throws -> R {
    let lease = gate.admit(try beginReading(), hasDeadline: span == .short)
    let transaction = ReadTransaction(lease.handle, self, lease: lease)
    defer {
      transaction.end()
      endReading(lease)
    }
    return try body(transaction)
  }

  /// How many commits the newest one is ahead of the oldest state any process still reads.
  ///
  /// 0 without readers. Pages freed since that state are not used again, so a number that keeps
  /// growing is a reader that was forgotten. Costs a look at each reader slot.
  package func oldestReaderLag() throws(JournalError) -> UInt64 {
    try enter()
    defer { leave() }
    var oldest = UInt64.max
    let code = withUnsafeMutablePointer(to: &oldest) { oldest in
      mdb_reader_list(raw, { Environment.noteReader($0, $1) }, oldest)
    }
    guard code >= 0 else { throw failure(code, "listing the readers of \(directory)") }
    let newest = UInt64(info().me_last_txnid)
    return oldest < newest ? newest - oldest : 0
  }

  /// Takes in a line of LMDB's list of readers: process, thread, transaction or `-`.
  private static func noteReader(
    _ line: UnsafePointer<CChar>?, _ oldest: UnsafeMutableRawPointer?
  ) -> Int32 {
    guard let line, let oldest else { return 0 }
    let fields = String(cString: line).split(whereSeparator: \.isWhitespace)
    if fields.count == 3, let transactionID = UInt64(fields[2]) {
      let oldest = oldest.assumingMemoryBound(to: UInt64.self)
      oldest.pointee = min(oldest.pointee, transactionID)
    }
    return 0
  }

  /// Begins a read transaction and counts a call in, until it is admitted or made a pin.
  private func beginReading() throws(JournalError) -> OpaquePointer {
    try refuseAfterFork()
    var result = startReading(try gate.enterReading())
    if result.code == MDB_MAP_RESIZED {
      // Another process enlarged the file beyond our map, which is replaced with no reader in it.
      leave()
      try adoptMapOfOtherProcess()
      result = startReading(try gate.enterReading())
    }
    if result.code == MDB_READERS_FULL {
      clearDeadReaders()
      result = startReading(nil)
    }
    guard let handle = result.handle else {
      leave()
      throw failure(result.code, "reading \(directory)")
    }
    return handle
  }

  private func endReading(_ lease: ReaderLease) {
    // In a forked child the slot is still the parent's.
    guard isOwnProcess, gate.withdraw(lease) else { return }
    finishReading(lease.handle)
  }

  /// Ends a read transaction whose call is counted in.
  private func finishReading(_ handle: OpaquePointer) {
    mdb_txn_reset(handle)
    if !gate.keepIdle(handle) { mdb_txn_abort(handle) }
    leave()
  }

  /// Begins a read transaction that is held for its reader slot alone.
  func beginPin() throws(JournalError) -> OpaquePointer {
    let handle = try beginReading()
    gate.changeToPin(true)
    return handle
  }

  func endPin(_ handle: OpaquePointer) {
    guard isOwnProcess else { return }
    gate.changeToPin(false)
    finishReading(handle)
  }

  /// Gives the slots of killed processes back, which keep their pages from being used again.
  func clearDeadReaders() {
    var dead: Int32 = 0
    mdb_reader_check(raw, &dead)
  }

  private func startReading(
    _ idle: OpaquePointer?
  ) -> (handle: OpaquePointer?, code: Int32) {
    if let idle {
      let code = mdb_txn_renew(idle)
      if code == 0 { return (idle, 0) }
      mdb_txn_abort(idle)
      if code == MDB_MAP_RESIZED { return (nil, code) }
    }
    var handle: OpaquePointer?
    let code = mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &handle)
    return code == 0 ? (handle, 0) : (nil, code)
  }

  private func adoptMapOfOtherProcess() throws(JournalError) {
    // LMDB refuses to replace the map under a write transaction of this process.
    try writer.enter()
    defer { writer.leave() }
    try adoptMap()
  }

  /// The error for `code`; a panic of LMDB ends the use of this environment until it is reopened.
  func failure(_ code: Int32, _ doing: String) -> JournalError {
    let error = LMDBFailure.error(code, doing)
    if code == MDB_PANIC { gate.setPoison(error) }
    return error
  }
}
