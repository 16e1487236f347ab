import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files and directories that a verb makes where an option says.
enum OutputFile {
  /// Puts bytes into a file that stands there whole or not at all, in the place of one that is there.
  ///
  /// - Throws: `JournalError.storage` that names the path and the system's reason.
  static func write(_ bytes: [UInt8], to path: String) throws {
    let temporary = "\(path).new-\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw refused("write", path, errno) }
    var code = put(bytes, descriptor)
    if code == 0, fsync(descriptor) != 0 { code = errno }
    close(descriptor)
    if code == 0, rename(temporary, path) != 0 { code = errno }
    guard code != 0 else { return }
    unlink(temporary)
    throw refused("write", path, code)
  }

  /// Makes a directory and those above it; one that exists, and its permissions, stays as it is.
  ///
  /// - Throws: `JournalError.storage` that names the path and the system's reason.
  static func makeDirectory(_ path: String) throws {
    var place = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      place += part
      if mkdir(place, 0o700) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS {
        throw refused("create the directory", place, errno)
      }
      place += "/"
    }
    var status = stat()
    guard stat(path.isEmpty ? "." : path, &status) == 0 else {
      throw refused("create the directory", path, errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw refused("create the directory", path, ENOTDIR)
    }
  }

  /// Writes all of the bytes; 0, or the number of what the system says.
  private static func put(_ bytes: [UInt8], _ descriptor: Int32) -> Int32 {
    bytes.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: rest))
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return count < 0 ? errno : EIO }
        rest = rest.dropFirst(count)
      }
      return 0
    }
  }

  private static func refused(_ what: String, _ path: String, _ code: Int32) -> JournalError {
    .storage("cannot \(what) \(path): \(SystemReason.text(code))")
  }
}

private func systemWrite(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(file, bytes.baseAddress, bytes.count)
}
