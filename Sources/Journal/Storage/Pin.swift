import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A reader slot held in the lock file, which keeps the pages of one commit from being reused.
///
/// LMDB looks at nothing but the meta pages for it, and no row is read through its map.
final class Pin {
  private enum Source {
    case environment(Environment)
    case pinning(PinningEnvironment)
  }

  private let source: Source
  private let handle: OpaquePointer

  private init(_ source: Source) throws(JournalError) {
    self.source = source
    switch source {
    case .environment(let environment): handle = try environment.beginPin()
    case .pinning(let environment): handle = try environment.begin()
    }
  }

  deinit {
    switch source {
    case .environment(let environment): environment.endPin(handle)
    case .pinning(let environment): environment.end(handle)
    }
  }

  /// The pinned commit.
  var transactionID: UInt64 { UInt64(mdb_txn_id(handle)) }

  /// Moves the pin to the newest commit.
  func renew() throws(JournalError) {
    mdb_txn_reset(handle)
    let code = mdb_txn_renew(handle)
    guard code == 0 else { throw LMDBFailure.error(code, "pinning a commit") }
  }

  /// Pins the newest commit of `file` in `directory`; nil without a usable lock file.
  ///
  /// If this process has the file open, it pins through that: LMDB's locks do not bear a second
  /// handle. The meta pages must have been checked, for LMDB trusts them.
  static func acquire(_ directory: String, _ file: FileID) throws(JournalError) -> Pin? {
    for _ in 0..<1000 {
      let (claim, isNew) = OpenFiles.claim(file)
      if isNew {
        guard let pinning = PinningEnvironment(directory, claim) else {
          claim.release()
          return nil
        }
        claim.set(pinning)
        return try Pin(.pinning(pinning))
      }
      switch claim.holder() {
      case .environment(let environment):
        // Closed, but kept open by its last transactions: wait like for one that is closing.
        if !environment.isClosed { return try Pin(.environment(environment)) }
      case .pins(let pinning): return try Pin(.pinning(pinning))
      case nil: break
      }
      pause(microseconds: 1000)
    }
    throw .busy("\(directory) is being opened or closed by this process; try again")
  }
}

/// LMDB opened read-only for the lock file alone, shared by the pins of this process.
final class PinningEnvironment: Sendable {
  // SAFETY: LMDB's environment handle may be used from any thread.
  private nonisolated(unsafe) let raw: OpaquePointer
  private let claim: OpenFiles.Claim

  /// Nil when LMDB cannot open it: a read-only medium, no rights, no lock file.
  init?(_ directory: String, _ claim: OpenFiles.Claim) {
    // Without a lock file nobody writes, and LMDB would make one.
    var status = stat()
    let lockPath = directory + "/" + DataDirectory.lockName
    guard lstat(lockPath, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    guard let raw = Self.open(directory, mapBytes: nil) ?? Self.open(directory, mapBytes: 1 << 20)
    else { return nil }
    self.raw = raw
    self.claim = claim
  }

  deinit {
    if claim.processID == getpid() {
      mdb_env_close(raw)
      claim.release()
    }
  }

  func begin() throws(JournalError) -> OpaquePointer {
    var handle: OpaquePointer?
    let code = mdb_txn_begin(raw, nil, UInt32(MDB_RDONLY), &handle)
    guard code == 0, let handle else { throw LMDBFailure.error(code, "pinning a commit") }
    return handle
  }

  func end(_ handle: OpaquePointer) {
    // In a forked child the slot is still the parent's.
    if claim.processID == getpid() { mdb_txn_abort(handle) }
  }

  /// Without `mapBytes` the size in the file; a smaller one is raised to what the file needs.
  private static func open(_ directory: String, mapBytes: Int?) -> OpaquePointer? {
    var raw: OpaquePointer?
    guard mdb_env_create(&raw) == 0 else { return nil }
    var code: Int32 = 0
    if let mapBytes { code = mdb_env_set_mapsize(raw, mapBytes) }
    if code == 0 {
      code = mdb_env_open(raw, directory, UInt32(MDB_RDONLY | MDB_NOTLS), 0o600)
    }
    if code == 0 { return raw }
    mdb_env_close(raw)
    return nil
  }
}
