import CLMDB

extension Environment {
  /// Runs `body` in a write transaction, commits if it returns and aborts if it throws.
  ///
  /// Waits for other writers. When the map is full it is doubled and `body` runs once more, so it
  /// must have no effect but its writes. What it wrote is as durable as the settings say when
  /// this returns.
  ///
  /// A commit that fails is looked up: when it is stored after all this returns, when it is
  /// not ``JournalError/storage(_:)`` says so. Where nobody can tell it throws
  /// ``JournalError/unknownOutcome(_:)``, and so do later calls until the file could be reopened.
  package func write<R>(_ body: (WriteTransaction) throws -> R) throws -> R {
    try asWriter {
      gate.expireOverdue()
      clearDeadReadersEachMinute()
      if case .committed(let result) = try attempt(body) { return result }
      try growMap()
      if case .committed(let result) = try attempt(body) { return result }
      throw JournalError.storage(
        "the transaction does not fit the map of \(info().me_mapsize) bytes of \(directory)")
    }
  }

  /// Whether commits, of this or of another process, can wait for being synced.
  var syncsLater: Bool { settings.usesSnapshots || SnapshotFile.exists(in: directory) }

  /// Makes everything that is committed, by whichever process, durable before it returns.
  ///
  /// Costs nothing where every commit is synced. Throws ``JournalError/storage(_:)`` when the
  /// system refuses, ``JournalError/busy(_:)`` inside the caller's own write.
  package func makeDurable() throws {
    guard syncsLater else {
      try enter()
      return leave()
    }
    try asWriter { try snapshots.saveAll(self) }
  }

  /// Makes durable what has been committed for longer than the mode allows; returns the
  /// nanoseconds until there will be something to do, nil when nothing waits.
  func makeDurableIfDue() throws -> UInt64? {
    guard settings.usesSnapshots else { return nil }
    return try asWriter { try snapshots.saveIfDue(self) }
  }

  /// Has the writer's lock and keeps the environment open, fit for writing, while `body` runs.
  private func asWriter<R>(_ body: () throws -> R) throws -> R {
    try refuseAfterFork()
    try writer.enter()
    defer { writer.leave() }
    let poison = try gate.enterWriting()
    defer { if gate.leaveWriting() { shutDown() } }
    if let poison { try recover(from: poison, pinPatience: 1000) }
    return try body()
  }

  private enum Attempt<R> {
    case committed(R)
    case mapFull
  }

  private func attempt<R>(_ body: (WriteTransaction) throws -> R) throws -> Attempt<R> {
    let handle = try beginWriting()
    let transaction = WriteTransaction(handle, self)
    let result: R
    let head: [UInt8]?
    do {
      result = try body(transaction)
      // An error that `body` swallowed has left LMDB's transaction unfit to commit.
      if let failure = transaction.failure { throw failure }
      head = try transaction.value(.meta, HeadRow.key)
    } catch {
      transaction.end()
      mdb_txn_abort(handle)
      if transaction.isMapFull { return .mapFull }
      throw error
    }
    transaction.end()
    let code = commit(handle, transaction, head)
    if code == MDB_MAP_FULL { return .mapFull }
    if code != 0 {
      try settle(code, FailedCommit(transactionID: transaction.transactionID, head: head))
    } else if let reserved = transaction.reservedBytes {
      extendReservation(reserved)
    }
    do {
      try snapshots.noteCommit(self, dirtyBytes: transaction.dirtyBytes)
    } catch {
      throw JournalError.unknownOutcome(
        "commit \(transaction.transactionID) of \(directory) is stored but a power cut may lose "
          + "it: \(error)")
    }
    return .committed(result)
  }

  /// Commits what an ended transaction has written; returns LMDB's code.
  private func commit(
    _ handle: OpaquePointer, _ transaction: WriteTransaction, _ head: [UInt8]?
  ) -> Int32 {
    let id = transaction.transactionID
    let isRepeated = FailedCommitMark.repeats(id, head: head, in: directory)
    let code = mdb_txn_commit(handle)
    if code == 0, isRepeated { FailedCommitMark.removeIfPast(in: directory, newest: id) }
    return code
  }

  /// Begins LMDB's write transaction, with the snapshot kept that the mode asks for.
  private func beginWriting() throws(JournalError) -> OpaquePointer {
    let handle = try beginTransaction()
    do throws(JournalError) {
      try snapshots.prepare(self)
      return handle
    } catch {
      mdb_txn_abort(handle)
      throw error
    }
  }

  /// Begins LMDB's write transaction, which keeps other writers of all processes out.
  func beginTransaction() throws(JournalError) -> OpaquePointer {
    var handle: OpaquePointer?
    var code = mdb_txn_begin(raw, nil, 0, &handle)
    if code == MDB_MAP_RESIZED {
      try adoptMap()
      code = mdb_txn_begin(raw, nil, 0, &handle)
    }
    guard code == 0, let handle else { throw failure(code, "writing to \(directory)") }
    return handle
  }

  /// Writes the head row once more where a commit ended beyond the length it had reserved.
  ///
  /// Until then a file cut there would not be known as truncated.
  private func extendReservation(_ reserved: UInt64) {
    guard (UInt64(info().me_last_pgno) + 1) * UInt64(pageBytes) > reserved else { return }
    do {
      try rewriteHead(try beginWriting())
    } catch {
      // The caller's commit stands; the next one writes the length.
    }
  }

  /// Commits the head row anew, with the id of the transaction that was begun for it.
  ///
  /// Where it fails, it leaves a meta page like any commit and is marked like any.
  func rewriteHead(_ handle: OpaquePointer) throws {
    let transaction = WriteTransaction(handle, self)
    var written: [UInt8]?
    do {
      if let head = try transaction.value(.meta, HeadRow.key) {
        let prefix = HeadRow(
          transactionID: transaction.transactionID, fileBytes: try transaction.prepareCommit())
        let payload = prefix.prefix + head.dropFirst(HeadRow.prefixBytes)
        try transaction.put(.meta, key: HeadRow.key, payload: payload)
        written = payload
      }
    } catch {
      transaction.end()
      mdb_txn_abort(handle)
      throw error
    }
    transaction.end()
    let code = commit(handle, transaction, written)
    guard code == 0 else {
      if let written {
        FailedCommitMark(transactionID: transaction.transactionID, head: written)
          .write(in: directory)
      }
      throw failure(code, "writing to \(directory)")
    }
  }

  /// Commits what `body` does beside the rows, under a head row of its own.
  func commitHead(_ body: (OpaquePointer) throws(JournalError) -> Void) throws {
    try asWriter {
      let handle = try beginWriting()
      do throws(JournalError) {
        try body(handle)
      } catch {
        mdb_txn_abort(handle)
        throw error
      }
      try rewriteHead(handle)
    }
  }

  private func clearDeadReadersEachMinute() {
    let now = settings.monotonic()
    guard now &- lastReaderCheck >= 60_000_000_000 else { return }
    lastReaderCheck = now
    clearDeadReaders()
  }
}
