#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Makes a data file anew, without its free pages and what old pages still hold.
///
/// The rows are copied, each with its checksum compared, into a file in a directory beside it,
/// which then takes the old one's name: a crash leaves the old file or the new one. Nobody may
/// have the journal open meanwhile; whoever tries to open it waits.
package enum Rewrite {
  private static let sliceBytes = 4 << 20
  private static let prefix = "rewriting-"

  /// Whether no other process has the journal open; a moment's answer.
  ///
  /// - Throws: ``JournalError/busy(_:)`` when one has.
  package static func checkIsAlone(directory: String) throws(JournalError) {
    let place = try DataDirectory(existing: directory)
    let opening = try OpeningLock(place.path)
    defer { withExtendedLifetime(opening) {} }
    let (claim, isNew) = OpenFiles.claim(try PageFile(path: place.dataPath).id)
    guard isNew else { throw inUse(place) }
    defer { claim.release() }
    _ = try ExclusiveLock(place)
  }

  /// Rewrites the data file in `directory`. Linear in what it holds.
  ///
  /// - Throws: ``JournalError/busy(_:)`` when this or another process has it open;
  ///   ``JournalError/damaged(_:)``. The old file then stands as it was.
  package static func run(directory: String) throws {
    let place = try DataDirectory(existing: directory)
    let opening = try OpeningLock(place.path, isExclusive: true)
    defer { withExtendedLifetime(opening) {} }
    let file = try PageFile(path: place.dataPath)
    let (claim, isNew) = OpenFiles.claim(file.id)
    guard isNew else { throw inUse(place) }
    defer { claim.release() }
    let lock = try ExclusiveLock(place)
    defer { lock.release() }
    removeLeftOvers(in: place.path)
    try endSnapshot(of: file, in: place)
    let newest = try Commit.newest(of: file, headRows: .required)
    let temporary = "\(place.path)/\(prefix)\(RandomPool.shared.next() % 1_000_000_000)"
    defer { remove(temporary) }
    try copy(PagedReader(file, newest, pin: nil), into: temporary)
    guard rename("\(temporary)/\(DataDirectory.dataName)", place.dataPath) == 0 else {
      throw LMDBFailure.systemError(place.dataPath, "replacing")
    }
    try place.synchronize()
    // Whoever waits for the lock takes LMDB's shared memory as it finds it: opening the new file
    // while the lock is held sets it right.
    try Environment.openLocked(place, StorageSettings()).close()
  }

  /// Makes what lies unsynced durable and lets go of the snapshot, which is of the old file.
  private static func endSnapshot(of file: PageFile, in place: DataDirectory) throws {
    guard let snapshot = try SnapshotFile.open(in: place.path, forWriting: true) else { return }
    try SnapshotRecovery.restore(place, StorageSettings())
    guard SnapshotFile.exists(in: place.path) else { return }
    let descriptor = open(file.path, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw LMDBFailure.openError(errno, file.path) }
    defer { close(descriptor) }
    try StableStorage.synchronize(descriptor, file.path)
    try snapshot.remove(from: place)
  }

  static func inUse(_ place: DataDirectory) -> JournalError {
    .busy(
      "\(place.path) is open elsewhere, and its file can only be replaced when nobody has it "
        + "open; nothing was changed")
  }

  private static func copy(_ source: PagedReader, into directory: String) throws {
    guard let head = try source.value(.meta, HeadRow.key) else {
      throw JournalError.damaged("\(source.source.file.path) has no head row; restore a copy")
    }
    let environment = try Environment.create(directory: directory)
    defer { environment.close() }
    for table in Table.allCases {
      var next: [UInt8]? = []
      while let from = next {
        next = try environment.write { transaction in
          let end = try copySlice(table, from, source, transaction)
          // Every commit needs a head row of its own.
          let rest = head.dropFirst(HeadRow.prefixBytes)
          let prefix = HeadRow(
            transactionID: transaction.transactionID, fileBytes: try transaction.prepareCommit())
          try transaction.put(.meta, key: HeadRow.key, payload: prefix.prefix + rest)
          return end
        }
      }
      try environment.read { copied in
        let left =
          try table == .meta && source.contains(.meta, [UInt8](MetaKey.rewriteWanted.utf8)) ? 1 : 0
        guard try copied.count(table) + UInt64(left) == source.count(table) else {
          throw JournalError.storage("copying \(table.name) of \(directory) lost rows; try again")
        }
      }
    }
  }

  /// Copies rows from a key on; the key to go on from, nil at the end.
  private static func copySlice(
    _ table: Table, _ from: [UInt8], _ source: PagedReader, _ transaction: WriteTransaction
  ) throws -> [UInt8]? {
    var end: [UInt8]?
    var bytes = 0
    try source.scan(table, from: from) { key, payload in
      guard bytes < sliceBytes else {
        end = [UInt8](key)
        return false
      }
      // The new file has no free pages that could hold what was erased.
      if table == .meta, key.elementsEqual(MetaKey.rewriteWanted.utf8) { return true }
      try transaction.putLast(table, key: key, payload: payload)
      bytes += key.count + payload.count
      return true
    }
    return end
  }

  /// Removes what a rewrite that was cut short has left.
  private static func removeLeftOvers(in directory: String) {
    guard let stream = opendir(directory) else { return }
    defer { closedir(stream) }
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasPrefix(prefix) { remove("\(directory)/\(name)") }
    }
  }

  private static func remove(_ directory: String) {
    unlink("\(directory)/\(DataDirectory.dataName)")
    unlink("\(directory)/\(DataDirectory.lockName)")
    rmdir(directory)
  }

  /// The lock LMDB itself takes to find out whether it is the first to open a journal.
  final class ExclusiveLock {
    private let descriptor: Int32
    private var isHeld = true

    init(_ place: DataDirectory) throws(JournalError) {
      try place.prepareLockFile()
      descriptor = open(place.lockPath, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else { throw LMDBFailure.openError(errno, place.lockPath) }
      var lock = flock()
      lock.l_type = Int16(F_WRLCK)
      lock.l_whence = Int16(SEEK_SET)
      lock.l_len = 1
      guard fcntl(descriptor, F_SETLK, &lock) == 0 else {
        let isTaken = errno == EAGAIN || errno == EACCES
        close(descriptor)
        isHeld = false
        throw isTaken ? inUse(place) : LMDBFailure.systemError(place.lockPath, "locking")
      }
    }

    func release() {
      guard isHeld else { return }
      isHeld = false
      close(descriptor)
    }

    deinit { release() }
  }
}
