import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What LMDB hands over when it has opened a file and all its tables.
struct OpenedEnvironment {
  /// Stands for a table that the file does not have yet; LMDB gives no such handle.
  static let missing = UInt32.max

  let raw: OpaquePointer
  var handles: [UInt32]
  let pageBytes: Int
  let dataDescriptor: Int32
}

extension Environment {
  /// Opens the data file in `directory` for reading and writing.
  ///
  /// The map is address space, not disk; when the system refuses it, 16, 4 and 1 GiB are tried.
  /// Both meta pages, and the head rows they lead to, are compared before LMDB maps the file. Throws ``JournalError/busy(_:)`` when this process has the file open already,
  /// ``JournalError/cannotOpen(_:)`` when it is missing, a symbolic link or on a network file
  /// system, ``JournalError/damaged(_:)`` when it is truncated or contradicts itself.
  ///
  /// After a power cut in the mode ``Durability/pinnedSnapshot(interval:)`` the last snapshot is
  /// brought back first.
  package static func open(
    directory: String, settings: StorageSettings = StorageSettings()
  ) throws(JournalError) -> Environment {
    let directory = try DataDirectory(existing: directory)
    try directory.refuseNetworkFileSystem()
    let lock = try OpeningLock(directory.path)
    defer { withExtendedLifetime(lock) {} }
    return try openLocked(directory, settings)
  }

  /// Opens the data file for whoever holds an ``OpeningLock`` on its directory.
  static func openLocked(
    _ directory: DataDirectory, _ settings: StorageSettings
  ) throws(JournalError) -> Environment {
    try SnapshotRecovery.restore(directory, settings)
    let file = try PageFile(path: directory.dataPath)
    let newest = try Commit.newest(of: file, headRows: .whereTheyStand)
    FailedCommitMark.removeIfPast(in: directory.path, newest: newest.transactionID)
    try directory.prepareLockFile()
    let environment = try claimAndOpen(directory, file.id, settings, createsTables: false)
    do {
      try environment.addMissingTables()
      return environment
    } catch {
      environment.close()
      throw error as? JournalError ?? .storage("\(error)")
    }
  }

  /// Makes a new, empty data file in `directory`, which is made too if it is missing.
  ///
  /// A crash meanwhile can leave a file nobody opens: create under a temporary name, then rename.
  /// Throws ``JournalError/alreadyExists(_:)`` when a data file is there, and like
  /// ``open(directory:settings:)``.
  package static func create(
    directory: String, settings: StorageSettings = StorageSettings()
  ) throws(JournalError) -> Environment {
    let directory = try DataDirectory(creating: directory)
    let file = try PageFile(path: directory.dataPath)
    let environment = try claimAndOpen(directory, file.id, settings, createsTables: true)
    try directory.synchronize()
    return environment
  }

  private static func claimAndOpen(
    _ directory: DataDirectory, _ file: FileID, _ settings: StorageSettings,
    createsTables: Bool
  ) throws(JournalError) -> Environment {
    let (claim, isNew) = OpenFiles.claim(file)
    guard isNew else {
      throw .busy("\(directory.dataPath) is open in this process already; close that one first")
    }
    do throws(JournalError) {
      let opened = try open(
        directory, file, settings.mapBytes, settings, createsTables: createsTables)
      return Environment(opened, directory, claim, settings)
    } catch {
      claim.release()
      throw error
    }
  }

  /// Opens the file of an environment whose claim stands, after its meta pages were compared.
  static func openAgain(
    _ directory: DataDirectory, _ file: FileID, _ mapBytes: Int, _ settings: StorageSettings,
    failed: UInt64?
  ) throws(JournalError) -> OpenedEnvironment {
    let lock = try OpeningLock(directory.path)
    defer { withExtendedLifetime(lock) {} }
    _ = try Commit.newest(
      of: try PageFile(path: directory.dataPath), headRows: .whereTheyStand, failed: failed)
    return try open(directory, file, mapBytes, settings, createsTables: false)
  }

  private static func open(
    _ directory: DataDirectory, _ file: FileID, _ mapBytes: Int, _ settings: StorageSettings,
    createsTables: Bool
  ) throws(JournalError) -> OpenedEnvironment {
    let opened = try openWithRetries(
      directory, mapBytes, settings.lmdbFlags, createsTables: createsTables)
    var status = stat()
    guard fstat(opened.dataDescriptor, &status) == 0, FileID(status) == file else {
      mdb_env_close(opened.raw)
      throw .cannotOpen("\(directory.dataPath) was replaced while it was opened")
    }
    closeOnExec(opened.dataDescriptor, file)
    return opened
  }

  private static func openWithRetries(
    _ directory: DataDirectory, _ mapBytes: Int, _ flags: Int32, createsTables: Bool
  ) throws(JournalError) -> OpenedEnvironment {
    let smaller = [16 << 30, 4 << 30, 1 << 30].filter { $0 < mapBytes }
    var code: Int32 = 0
    for mapBytes in [mapBytes] + smaller {
      // Another process that opens or closes at this moment can make LMDB give up.
      for _ in 0..<5 {
        var raw: OpaquePointer?
        code = openOnce(directory, mapBytes, flags, &raw)
        if code == 0, let raw {
          do throws(JournalError) {
            return try openTables(raw, directory, creates: createsTables)
          } catch {
            mdb_env_close(raw)
            throw error
          }
        }
        guard code == EAGAIN || code == EBUSY else { break }
        pause(microseconds: 10_000)
      }
      guard code == ENOMEM || code == EINVAL else { break }
    }
    throw LMDBFailure.openError(code, directory.path)
  }

  private static func openOnce(
    _ directory: DataDirectory, _ mapBytes: Int, _ flags: Int32,
    _ opened: inout OpaquePointer?
  ) -> Int32 {
    var raw: OpaquePointer?
    var code = mdb_env_create(&raw)
    guard code == 0 else { return code }
    code = mdb_env_set_maxdbs(raw, UInt32(Table.allCases.count))
    if code == 0 { code = mdb_env_set_maxreaders(raw, 510) }
    if code == 0 { code = mdb_env_set_mapsize(raw, mapBytes) }
    if code == 0 { code = mdb_env_open(raw, directory.path, UInt32(flags), 0o600) }
    guard code == 0 else {
      // A failed open keeps its memory and descriptors until it is closed.
      mdb_env_close(raw)
      return code
    }
    // Slots of killed processes would keep their pages from being used again.
    var dead: Int32 = 0
    mdb_reader_check(raw, &dead)
    opened = raw
    return 0
  }

  /// Opens every table, once and before anybody else can use the environment.
  private static func openTables(
    _ raw: OpaquePointer, _ directory: DataDirectory, creates: Bool
  ) throws(JournalError) -> OpenedEnvironment {
    var transaction: OpaquePointer?
    let begun = mdb_txn_begin(raw, nil, UInt32(creates ? 0 : MDB_RDONLY), &transaction)
    guard begun == 0 else { throw LMDBFailure.openError(begun, directory.path) }
    var handles: [UInt32] = []
    for table in Table.allCases {
      var handle: UInt32 = 0
      let code = mdb_dbi_open(
        transaction, table.name, UInt32(creates ? MDB_CREATE : 0), &handle)
      if code == MDB_NOTFOUND, table.mayBeMissing {
        handles.append(OpenedEnvironment.missing)
        continue
      }
      var flags: UInt32 = 0
      guard code == 0, mdb_dbi_flags(transaction, handle, &flags) == 0, flags == 0 else {
        mdb_txn_abort(transaction)
        if code == 0 || code == MDB_NOTFOUND {
          throw .damaged("table \(table.name) of \(directory.dataPath) is missing or unusable")
        }
        throw LMDBFailure.openError(code, directory.path)
      }
      handles.append(handle)
    }
    // A handle outlives the transaction that opened it only if that one is committed.
    let code = mdb_txn_commit(transaction)
    guard code == 0 else { throw LMDBFailure.openError(code, directory.path) }
    var statistics = MDB_stat()
    mdb_env_stat(raw, &statistics)
    var descriptor: Int32 = -1
    mdb_env_get_fd(raw, &descriptor)
    return OpenedEnvironment(
      raw: raw, handles: handles, pageBytes: Int(statistics.ms_psize),
      dataDescriptor: descriptor)
  }

  /// Keeps both of LMDB's descriptors of the data file from programs this process starts.
  ///
  /// LMDB tells only the first; the second was opened right after it.
  private static func closeOnExec(_ first: Int32, _ file: FileID) {
    for descriptor in first..<first + 16 {
      var status = stat()
      guard fstat(descriptor, &status) == 0, FileID(status) == file else { continue }
      let flags = fcntl(descriptor, F_GETFD)
      if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
    }
  }
}

extension Table {
  /// Makes the table in a transaction that is going to be committed; returns LMDB's handle.
  func create(
    in transaction: OpaquePointer, of directory: String
  ) throws(JournalError) -> UInt32 {
    var handle: UInt32 = 0
    let code = mdb_dbi_open(transaction, name, UInt32(MDB_CREATE), &handle)
    guard code == 0 else { throw LMDBFailure.openError(code, directory) }
    return handle
  }
}
