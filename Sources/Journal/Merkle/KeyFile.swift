#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A signing key in a file of its own, which nobody but its owner can read.
///
/// The file is one line, `sync-journal-key-1+<name>+<base64 of the seed>`, of mode 0600. A
/// symbolic link is never followed, so a link put in the way leads neither reads nor writes
/// elsewhere.
package enum KeyFile {
  private static let prefix = "sync-journal-key-"
  private static let version = "1"
  private static let byteLimit = 4_096

  /// Writes a key to a new file, on stable storage when this returns.
  ///
  /// Throws `alreadyExists` when anything stands at the path, which is left alone, and `storage`
  /// when the system refuses; then no file is left behind.
  package static func write(_ key: SigningKey, to path: String) throws(JournalError) {
    try checkPath(path)
    try create(key, at: path)
    do throws(JournalError) {
      try syncDirectory(of: path)
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Writes a key over whatever file stands at the path, in one step: after a crash the file
  /// holds the old key or the new one.
  ///
  /// Throws `storage` when the system refuses; a message that speaks of the directory means that
  /// the new key stands but may not outlive a power cut. A symbolic link is itself replaced.
  package static func replace(_ key: SigningKey, at path: String) throws(JournalError) {
    try checkPath(path)
    // A name of its own for each call: two at once must not write into one file.
    let temporary = "\(path).new-\(String(UInt64.random(in: .min ... .max), radix: 16))"
    try create(key, at: temporary)
    guard rename(temporary, path) == 0 else {
      let code = errno
      unlink(temporary)
      throw .storage("cannot replace the key file \(path): \(reason(code))")
    }
    try syncDirectory(of: path)
  }

  /// Reads a key.
  ///
  /// Throws `cannotOpen` when no regular file is there, or one that group or others have rights
  /// to, and `damaged` or `unsupported` when it is not a key file of this version.
  package static func read(from path: String) throws(JournalError) -> SigningKey {
    try checkPath(path)
    // Without O_NONBLOCK a pipe at the path would hang the open.
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ELOOP {
        throw .cannotOpen("the key file \(path) is a symbolic link; name the file itself")
      }
      throw .cannotOpen("cannot open the key file \(path): \(reason(code))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .cannotOpen("cannot examine the key file \(path): \(reason(errno))")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .cannotOpen("the key file \(path) is not a regular file")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw .cannotOpen(
        "the key file \(path) is open to other users (mode "
          + "\(String(status.st_mode & 0o777, radix: 8))): run chmod 600 \(path); "
          + "if others could read it, make a new key")
    }
    return try parse(readAll(descriptor, path: path), path: path)
  }
}

// MARK: - Text form

extension KeyFile {
  static func text(of key: SigningKey) -> [UInt8] {
    let seed = key.seed.withUnsafeBytes { Base64.encode($0) }
    return Array("\(prefix)\(version)+\(key.name)+\(seed)\n".utf8)
  }

  static func parse(_ bytes: [UInt8], path: String) throws(JournalError) -> SigningKey {
    // No message quotes the content: it is a secret even when it is damaged.
    let damaged = JournalError.damaged(
      "the key file \(path) is not one line \(prefix)\(version)+<name>+<base64>; restore it")
    guard let text = String(validating: bytes, as: UTF8.self),
      bytes.last == NoteRules.newline, text.utf8.starts(with: prefix.utf8)
    else { throw damaged }
    let parts = text.utf8.dropLast().split(
      separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3 else { throw damaged }
    guard parts[0].dropFirst(prefix.utf8.count).elementsEqual(version.utf8) else {
      throw .unsupported("the key file \(path) is of another version than \(version)")
    }
    guard let seed = Base64.decode(parts[2]) else { throw damaged }
    do {
      return try SigningKey(name: String(Substring(parts[1])), seed: seed)
    } catch {
      throw damaged
    }
  }
}

// MARK: - System calls

extension KeyFile {
  private static func checkPath(_ path: String) throws(JournalError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .invalidInput("a key file's path is not empty and has no zero bytes")
    }
  }

  private static func create(_ key: SigningKey, at path: String) throws(JournalError) {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let descriptor = open(path, flags, 0o600)
    guard descriptor >= 0 else {
      let code = errno
      if code == EEXIST {
        throw .alreadyExists("something stands at \(path) already; no key was written")
      }
      throw .storage("cannot create the key file \(path): \(reason(code))")
    }
    defer { close(descriptor) }
    do throws(JournalError) {
      // The umask can only have taken rights away, also from the owner.
      guard fchmod(descriptor, 0o600) == 0 else {
        throw .storage("cannot protect the key file \(path): \(reason(errno))")
      }
      try writeAll(text(of: key), to: descriptor, path: path)
      guard sync(descriptor) == 0 else {
        throw .storage("cannot store the key file \(path): \(reason(errno))")
      }
    } catch {
      unlink(path)
      throw error
    }
  }

  private static func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, path: String
  ) throws(JournalError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Self.systemWrite(descriptor, $0) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw .storage("cannot write the key file \(path): \(reason(count < 0 ? errno : EIO))")
      }
      rest = rest.dropFirst(count)
    }
  }

  private static func readAll(
    _ descriptor: Int32, path: String
  ) throws(JournalError) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: byteLimit)
    while true {
      let count = chunk.withUnsafeMutableBytes { Self.systemRead(descriptor, $0) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw .cannotOpen("cannot read the key file \(path): \(reason(errno))")
      }
      if count == 0 { return bytes }
      bytes.append(contentsOf: chunk.prefix(count))
      guard bytes.count <= byteLimit else {
        throw .damaged("the key file \(path) is above \(byteLimit) bytes: it is no key file")
      }
    }
  }

  /// Makes a new name in a directory survive a power cut.
  private static func syncDirectory(of path: String) throws(JournalError) {
    let directory: String
    if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) {
      directory = slash == path.startIndex ? "/" : String(path[..<slash])
    } else {
      directory = "."
    }
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .storage("cannot open \(directory) to store the key file: \(reason(errno))")
    }
    defer { close(descriptor) }
    guard sync(descriptor) == 0 else {
      throw .storage("cannot store the key file's name in \(directory): \(reason(errno))")
    }
  }

  private static func sync(_ descriptor: Int32) -> Int32 {
    #if canImport(Darwin)
      // A plain fsync leaves the bytes in the drive's cache there.
      if fcntl(descriptor, F_FULLFSYNC) == 0 { return 0 }
    #endif
    return fsync(descriptor)
  }

  // `write` and `read` are also names of this type's own functions.
  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
      Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Glibc)
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }

  private static func systemRead(
    _ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    #if canImport(Darwin)
      Darwin.read(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Glibc)
      Glibc.read(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.read(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }

  private static func reason(_ code: Int32) -> String {
    String(cString: strerror(code))
  }
}
