import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A commit that LMDB says has failed, and how to know it again.
struct FailedCommit {
  let transactionID: UInt64
  /// The payload of its head row, which no other commit has.
  let head: [UInt8]?
}

extension Environment {
  /// Finds out what became of a commit that failed; returns when it is stored after all.
  ///
  /// A commit is made by writing its meta page, so the pages on disk say whether it happened. LMDB
  /// puts the old page back where writing the new one failed, but does not sync that: before the
  /// answer can be given, whatever stands there is synced.
  func settle(_ code: Int32, _ commit: FailedCommit) throws(JournalError) {
    let reason = String(cString: mdb_strerror(code))
    let name = "commit \(commit.transactionID) of \(directory)"
    let isStored: Bool?
    if let head = commit.head {
      FailedCommitMark(transactionID: commit.transactionID, head: head).write(in: directory)
    }
    failedCommit = commit.transactionID
    do throws(JournalError) {
      try snapshots.synchronize(self)
      isStored = try find(commit)
    } catch {
      let error = JournalError.unknownOutcome(
        "\(name) failed: \(reason), and so did looking for it: \(error); reopen the journal and "
          + "look whether the entries are there")
      if !snapshots.isBroken { gate.setPoison(error) }
      throw error
    }
    if needsReopening() {
      let poison = JournalError.unknownOutcome(
        "\(directory) has to be reopened after \(name) failed: \(reason)")
      gate.setPoison(poison)
      do { try recover(from: poison, pinPatience: 0) } catch {
        // The poison stays, and the next writer tries again; what became of this commit is known.
      }
    }
    switch isStored {
    case true?: return
    case false?:
      // LMDB calls it an I/O error where the disk took a part of a page.
      let isFull = code == EIO && FileSystem.isFull(directory)
      throw LMDBFailure.error(
        isFull ? ENOSPC : code, "\(name) failed and nothing of it is stored")
    case nil:
      throw .unknownOutcome(
        "\(name) failed: \(reason), and others have written since; look whether the entries "
          + "are there")
    }
  }

  /// Reopens LMDB after a failure, with nobody inside but the one writer.
  func recover(from poison: JournalError, pinPatience: Int) throws {
    if snapshots.isBroken { throw poison }
    try gate.block(pinPatience: pinPatience)
    defer { gate.unblock() }
    if isOpen {
      try snapshots.synchronize(self)
      try snapshots.leave()
    }
    try reopen()
    let handle = try beginTransaction()
    if UInt64(mdb_txn_id(handle)) == failedCommit {
      // A commit of the same number, over the page that the failed one has left.
      try rewriteHead(handle)
      try synchronizeData()
    } else {
      mdb_txn_abort(handle)
    }
    failedCommit = nil
    gate.setPoison(nil)
  }

  /// Whether the commit is stored; nil when two others have hidden it.
  private func find(_ commit: FailedCommit) throws(JournalError) -> Bool? {
    let file = try PageFile(path: directory + "/" + DataDirectory.dataName)
    let newest = try Commit.newest(
      of: file, headRows: .whereTheyStand, failed: commit.transactionID)
    if newest.transactionID < commit.transactionID { return false }
    let metas = try MetaPage.readBoth(file)
    guard let meta = metas.first(where: { $0.transactionID == commit.transactionID }) else {
      return nil
    }
    let reader = PagedReader(file, meta, pin: nil)
    do {
      return try reader.value(.meta, HeadRow.key) == commit.head
    } catch {
      throw .storage("reading the head row of transaction \(meta.transactionID): \(error)")
    }
  }

  /// After a meta page could not be written, LMDB refuses everything.
  private func needsReopening() -> Bool {
    var probe: OpaquePointer?
    guard mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &probe) == 0 else { return true }
    mdb_txn_abort(probe)
    return false
  }
}
