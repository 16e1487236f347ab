#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Which file it is, whatever its name: the key under which a process knows what it has open.
struct FileID: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64

  init(_ status: stat) {
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(truncatingIfNeeded: status.st_ino)
  }
}

/// The directory of one environment and the two files in it, checked before LMDB touches them.
struct DataDirectory: Sendable {
  static let dataName = "data.mdb"
  static let lockName = "lock.mdb"

  /// The directory with symbolic links resolved.
  let path: String
  var dataPath: String { path + "/" + Self.dataName }
  var lockPath: String { path + "/" + Self.lockName }

  /// Resolves an existing directory.
  init(existing directory: String) throws(JournalError) {
    guard let resolved = realpath(directory, nil) else {
      throw LMDBFailure.openError(errno, directory)
    }
    path = String(cString: resolved)
    free(resolved)
    var status = stat()
    guard stat(path, &status) == 0 else { throw LMDBFailure.openError(errno, path) }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw .cannotOpen("\(path) is not a directory")
    }
  }

  /// Makes the directory (0700, whatever the umask) and two empty files (0600) in it.
  init(creating directory: String) throws(JournalError) {
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw LMDBFailure.openError(errno, directory)
    }
    try self.init(existing: directory)
    try refuseNetworkFileSystem()
    guard chmod(path, 0o700) == 0 else {
      throw LMDBFailure.systemError(path, "setting the mode of")
    }
    guard try Self.makeFile(dataPath) else {
      throw .alreadyExists("\(dataPath) exists; open it or choose another directory")
    }
    _ = try Self.makeFile(lockPath)
  }

  /// Makes the lock file if a copied directory lacks it, and refuses a symbolic link.
  func prepareLockFile() throws(JournalError) {
    var status = stat()
    if lstat(lockPath, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw .cannotOpen("\(lockPath) is not a regular file; a symbolic link is refused")
      }
      return
    }
    _ = try Self.makeFile(lockPath)
  }

  /// Refuses file systems over which LMDB's shared memory and locks do not work.
  func refuseNetworkFileSystem() throws(JournalError) {
    guard let name = try FileSystem.networkName(of: path) else { return }
    throw .cannotOpen("\(path) lies on \(name); a journal needs a local disk")
  }

  /// Makes the names in the directory durable.
  func synchronize() throws(JournalError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw LMDBFailure.openError(errno, path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw LMDBFailure.systemError(path, "syncing") }
  }

  /// Creates an empty 0600 file in the directory; false when something of that name is there.
  func makeFile(named name: String) throws(JournalError) -> Bool {
    try Self.makeFile(path + "/" + name)
  }

  /// Creates an empty 0600 file; false when something of that name is there.
  private static func makeFile(_ path: String) throws(JournalError) -> Bool {
    let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let descriptor = open(path, flags, 0o600)
    guard descriptor >= 0 else {
      if errno == EEXIST { return false }
      throw LMDBFailure.openError(errno, path)
    }
    defer { close(descriptor) }
    // The umask may have taken bits away.
    guard fchmod(descriptor, 0o600) == 0 else {
      throw LMDBFailure.systemError(path, "setting the mode of")
    }
    return true
  }
}
