#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What is needed to bring a synced commit back: both meta pages as they were, and of which file.
struct Snapshot: Equatable {
  /// Counts the saved snapshots; the higher one of a file is the newer.
  var generation: UInt64
  /// The running of the machine in which it was saved.
  var bootID: String
  var inode: UInt64
  var pageBytes: Int
  /// The front of meta pages 0 and 1, ``MetaPage/usedBytes`` each.
  var metas: [[UInt8]]

  static let byteCount = 512
  private static let mark = Array("SJSNAP1\n".utf8)

  /// The slot's bytes: mark (8), generation (8), inode (8), page size (4), length of the boot id (1),
  /// boot id (63), two meta pages (152 each), zeros, and the CRC-32C of all before (4).
  var encoded: [UInt8] {
    var bytes = Self.mark + generation.sequenceKey + inode.sequenceKey
    bytes += UInt64(pageBytes).sequenceKey.suffix(4)
    let id = Array(bootID.utf8.prefix(63))
    bytes.append(UInt8(id.count))
    bytes += id + [UInt8](repeating: 0, count: 63 - id.count)
    for meta in metas { bytes += meta }
    bytes += [UInt8](repeating: 0, count: Self.byteCount - 4 - bytes.count)
    let checksum = bytes.withUnsafeBytes { Checksum.crc32c($0) }
    return bytes + UInt64(checksum).sequenceKey.suffix(4)
  }

  init(generation: UInt64, bootID: String, inode: UInt64, pageBytes: Int, metas: [[UInt8]]) {
    self.generation = generation
    self.bootID = bootID
    self.inode = inode
    self.pageBytes = pageBytes
    self.metas = metas
  }

  /// Nil for bytes that are not a whole slot.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount, bytes.starts(with: Self.mark) else { return nil }
    func integer<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as: T.Type) -> T {
      bytes.withUnsafeBytes { T(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
    let checksum = bytes[..<(Self.byteCount - 4)].withUnsafeBytes { Checksum.crc32c($0) }
    guard integer(Self.byteCount - 4, as: UInt32.self) == checksum, bytes[28] <= 63 else {
      return nil
    }
    generation = integer(8, as: UInt64.self)
    inode = integer(16, as: UInt64.self)
    pageBytes = Int(integer(24, as: UInt32.self))
    bootID = String(decoding: bytes[29..<(29 + Int(bytes[28]))], as: UTF8.self)
    let first = 92
    metas = (0..<2).map { index in
      let start = first + index * MetaPage.usedBytes
      return Array(bytes[start..<(start + MetaPage.usedBytes)])
    }
  }
}

/// The file beside the data file that holds the last two snapshots; while it is there, commits may
/// be unsynced.
///
/// Who keeps snapshots holds a shared `flock` on it, who removes it or restores from it an
/// exclusive one. It is written under LMDB's write lock.
final class SnapshotFile {
  static let name = "snapshot"
  static let bootIDLengths = 1...63
  /// Slots lie on different pages of any file system: a torn write hits one.
  private static let slotDistance = 64 << 10

  private let path: String
  private let descriptor: Int32

  private init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  static func exists(in directory: String) -> Bool {
    access(directory + "/" + name, F_OK) == 0
  }

  /// Opens the file, and nothing else under its name; nil when there is none.
  static func open(
    in directory: String, forWriting: Bool
  ) throws(JournalError) -> SnapshotFile? {
    let path = directory + "/" + name
    let flags = (forWriting ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    #if canImport(Darwin)
      let descriptor = Darwin.open(path, flags)
    #elseif canImport(Musl)
      let descriptor = Musl.open(path, flags)
    #else
      let descriptor = Glibc.open(path, flags)
    #endif
    if descriptor < 0, errno == ENOENT { return nil }
    guard descriptor >= 0 else { throw LMDBFailure.openError(errno, path) }
    let file = SnapshotFile(path, descriptor)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw .cannotOpen("\(path) is not a regular file")
    }
    return file
  }

  /// Opens or makes the file and takes part in keeping it.
  static func join(_ directory: DataDirectory) throws(JournalError) -> SnapshotFile {
    while true {
      if try directory.makeFile(named: name) { try directory.synchronize() }
      guard let file = try open(in: directory.path, forWriting: true) else { continue }
      if file.lock(LOCK_SH), file.isInPlace { return file }
    }
  }

  /// Takes the file for oneself alone; false while others keep it, or when it is gone.
  func lockAlone() -> Bool { lock(LOCK_EX | LOCK_NB) && isInPlace }

  /// Keeps others from restoring from it; false when one of them just did.
  func lockShared() -> Bool { lock(LOCK_SH) && isInPlace }

  private func lock(_ operation: Int32) -> Bool {
    while flock(descriptor, operation) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }

  /// Whether it still stands under its name.
  private var isInPlace: Bool {
    var own = stat()
    var named = stat()
    return fstat(descriptor, &own) == 0 && lstat(path, &named) == 0
      && FileID(own) == FileID(named)
  }

  /// The newer of the two snapshots; nil when none was ever finished.
  func newest() throws(JournalError) -> Snapshot? {
    var newest: Snapshot?
    var hasSecondSlot = false
    for slot in 0..<2 {
      var bytes = [UInt8](repeating: 0, count: Snapshot.byteCount)
      let count = pread(descriptor, &bytes, bytes.count, off_t(slot * Self.slotDistance))
      guard count >= 0 else { throw LMDBFailure.systemError(path, "reading") }
      hasSecondSlot = slot == 1 && count > 0
      guard count == bytes.count, let found = Snapshot(bytes) else { continue }
      if newest.map({ $0.generation < found.generation }) ?? true { newest = found }
    }
    // The first one is written and synced before any commit relies on it.
    if newest == nil, hasSecondSlot {
      throw .damaged("both snapshots in \(path) are damaged; restore a copy of the journal")
    }
    return newest
  }

  /// Writes a snapshot over the older one and makes it durable.
  func write(_ snapshot: Snapshot) throws(JournalError) {
    let bytes = snapshot.encoded
    let slot = off_t((snapshot.generation &- 1) % 2) * off_t(Self.slotDistance)
    let count = pwrite(descriptor, bytes, bytes.count, slot)
    guard count == bytes.count else {
      if count >= 0 { errno = ENOSPC }
      throw LMDBFailure.systemError(path, "writing")
    }
    try StableStorage.synchronize(descriptor, path)
  }

  /// Removes the file, which one has locked for oneself alone.
  func remove(from directory: DataDirectory) throws(JournalError) {
    guard unlink(path) == 0 else { throw LMDBFailure.systemError(path, "removing") }
    try directory.synchronize()
  }
}

enum StableStorage {
  /// Returns when what was written to the file is on stable storage.
  static func synchronize(_ descriptor: Int32, _ path: String) throws(JournalError) {
    #if canImport(Darwin)
      // Plain fsync leaves the data in the drive's cache there.
      let code = fcntl(descriptor, F_FULLFSYNC)
    #else
      let code = fdatasync(descriptor)
    #endif
    guard code != -1 else { throw LMDBFailure.systemError(path, "syncing") }
  }
}
