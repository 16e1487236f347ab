import CLMDB

extension Environment {
  /// Lends the newest committed state to `body`.
  ///
  /// Never waits for a writer. While `body` runs, pages that later commits free are not used
  /// again: keep it short. Throws ``JournalError/busy(_:)`` when 510 readers are open, and what
  /// `body` throws.
  package func read<R>(_ body: (ReadTransaction) throws -> R) throws -> R {
    let handle = try beginReading()
    let transaction = ReadTransaction(handle, self)
    defer {
      transaction.end()
      endReading(handle)
    }
    return try body(transaction)
  }

  /// Begins a read transaction; every one is given back to ``endReading(_:)``.
  func beginReading() throws(JournalError) -> OpaquePointer {
    try enter()
    var result = startReading()
    if result.code == MDB_MAP_RESIZED {
      // Another process enlarged the file beyond our map, which is replaced with no reader in it.
      leave()
      try adoptMapOfOtherProcess()
      try enter()
      result = startReading()
    }
    if result.code == MDB_READERS_FULL {
      var dead: Int32 = 0
      mdb_reader_check(raw, &dead)
      result = startReading()
    }
    guard let handle = result.handle else {
      leave()
      throw failure(result.code, "reading \(directory)")
    }
    return handle
  }

  func endReading(_ handle: OpaquePointer) {
    // In a forked child the slot is still the parent's.
    guard isOwnProcess else { return }
    mdb_txn_reset(handle)
    if !gate.keepIdle(handle) { mdb_txn_abort(handle) }
    leave()
  }

  private func startReading() -> (handle: OpaquePointer?, code: Int32) {
    if let idle = gate.takeIdle() {
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

  /// The error for `code`; a panic of LMDB ends the use of this environment.
  func failure(_ code: Int32, _ doing: String) -> JournalError {
    let error = LMDBFailure.error(code, doing)
    if code == MDB_PANIC { gate.setPoison(error) }
    return error
  }
}
