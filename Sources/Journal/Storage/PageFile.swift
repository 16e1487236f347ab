#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

#if _endian(big)
  #error("LMDB files are in the byte order of the host; only little-endian ones are supported")
#endif

/// A data file read with `pread` alone: whatever its bytes, they cannot raise a signal.
final class PageFile {
  let path: String
  let id: FileID
  private let descriptor: Int32

  /// Opens a regular file; throws ``JournalError/cannotOpen(_:)``, also for a symbolic link.
  init(path: String) throws(JournalError) {
    // Without O_NONBLOCK a pipe of that name would wait for its writer.
    descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == ELOOP { throw .cannotOpen("\(path) is a symbolic link, which is refused") }
      throw LMDBFailure.openError(errno, path)
    }
    self.path = path
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .cannotOpen("\(path) is not a regular file")
    }
    id = FileID(status)
  }

  deinit {
    close(descriptor)
  }

  /// The directory the file was opened in.
  var directory: String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// The length of the file now.
  func length() throws(JournalError) -> UInt64 {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size >= 0 else {
      throw LMDBFailure.systemError(path, "asking for the length of")
    }
    return UInt64(status.st_size)
  }

  /// Fills `buffer` from `offset`; a file that ends before is ``JournalError/damaged(_:)``.
  func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(JournalError) {
    guard let start = off_t(exactly: offset), start <= off_t.max - off_t(buffer.count) else {
      throw tooShort(offset, buffer.count)
    }
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = pread(descriptor, rest.baseAddress, rest.count, start + off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw LMDBFailure.systemError(path, "reading") }
      guard count > 0 else { throw tooShort(offset, buffer.count) }
      done += count
    }
  }

  private func tooShort(_ offset: UInt64, _ count: Int) -> JournalError {
    .damaged(
      "\(path) is shorter than the \(count) bytes at \(offset) it refers to; it was truncated")
  }
}
