#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that comes to be whole or not at all, and never replaces another.
///
/// Written under a temporary name (0600) beside its place, synced, then given its name.
final class NewFile {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private let replaces: Bool
  private var isPlaced = false

  /// - Parameter replaces: The file takes the place of the one that stands there.
  /// - Throws: ``JournalError/alreadyExists(_:)`` when something of that name is there that is not
  ///   to be replaced.
  init(path: String, replaces: Bool = false) throws(JournalError) {
    var status = stat()
    guard let last = path.utf8.last, last != UInt8(ascii: "/") else {
      throw .invalidInput(
        path.isEmpty
          ? "the file's name is empty; name a file" : "\(path) names a directory; name a file")
    }
    guard replaces || lstat(path, &status) != 0 else { throw Self.exists(path) }
    self.path = path
    self.replaces = replaces
    temporary = "\(path).\(RandomPool.shared.next() % 1_000_000_000).part"
    descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      guard errno == ENOENT || errno == ENOTDIR else {
        throw LMDBFailure.systemError(temporary, "creating")
      }
      throw .cannotOpen("the directory of \(path) does not exist; make it first")
    }
  }

  deinit {
    close(descriptor)
    if !isPlaced { unlink(temporary) }
  }

  func write(_ bytes: [UInt8]) throws(JournalError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Self.writeBytes(
          descriptor, UnsafeRawBufferPointer(rebasing: buffer[done...]))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw LMDBFailure.systemError(temporary, "writing") }
      done += count
    }
  }

  /// Makes the file durable and gives it its name.
  func place() throws(JournalError) {
    guard fsync(descriptor) == 0 else { throw LMDBFailure.systemError(temporary, "syncing") }
    // A hard link never replaces a file; where the file system knows none, rename after a look.
    if replaces {
      guard rename(temporary, path) == 0 else { throw LMDBFailure.systemError(path, "replacing") }
    } else if link(temporary, path) == 0 {
      unlink(temporary)
    } else {
      guard errno != EEXIST else { throw Self.exists(path) }
      var status = stat()
      guard lstat(path, &status) != 0 else { throw Self.exists(path) }
      guard rename(temporary, path) == 0 else {
        throw LMDBFailure.systemError(path, "naming")
      }
    }
    isPlaced = true
    try Self.synchronizeParent(of: path)
  }

  /// Removes a file that was placed and turned out not to be wanted.
  static func remove(_ path: String) throws(JournalError) {
    guard unlink(path) == 0 || errno == ENOENT else {
      throw LMDBFailure.systemError(path, "removing")
    }
    try synchronizeParent(of: path)
  }

  /// Makes the name of a file in its directory durable.
  static func synchronizeParent(of path: String) throws(JournalError) {
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? "."
    let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw LMDBFailure.systemError(parent, "opening") }
    defer { close(directory) }
    guard fsync(directory) == 0 else { throw LMDBFailure.systemError(parent, "syncing") }
  }

  private static func exists(_ path: String) -> JournalError {
    .alreadyExists("\(path) exists; nothing is overwritten, choose another name")
  }

  // The name `write` means this type's method inside it.
  private static func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }
}
