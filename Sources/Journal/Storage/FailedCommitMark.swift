#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file beside the data file that names the last commit whose meta page could not be written.
///
/// LMDB then writes that commit's roots under the transaction id of the commit before the last,
/// which looks exactly like a newest commit whose id was changed by a flipped bit. The mark is what
/// tells the two apart, so that an I/O error that passes keeps nobody out of the journal.
struct FailedCommitMark {
  static let name = "failed-commit"
  private static let prefix = Array("SJFAIL1\n".utf8)
  private static let byteCount = 24

  let transactionID: UInt64
  /// CRC-32C of the payload of the failed commit's head row, which no other commit has.
  let headChecksum: UInt32

  init(transactionID: UInt64, head: [UInt8]) {
    self.transactionID = transactionID
    headChecksum = Self.checksum(of: head)
  }

  /// The mark in `directory`; nil when there is none, or none that is whole.
  init?(in directory: String) {
    let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    let descriptor = open(directory + "/" + Self.name, flags)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: Self.byteCount + 1)
    guard read(descriptor, &bytes, bytes.count) == Self.byteCount,
      bytes.starts(with: Self.prefix)
    else { return nil }
    let (id, head, whole) = bytes.withUnsafeBytes { bytes in
      (
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)),
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
      )
    }
    guard whole == Self.checksum(of: Array(bytes[..<20])) else { return nil }
    transactionID = id
    headChecksum = head
  }

  /// Writes the mark, on stable storage when this returns true.
  ///
  /// Where the disk refuses, nothing is lost: opening asks for a copy then, as for any damage.
  @discardableResult
  func write(in directory: String) -> Bool {
    var bytes = Self.prefix + transactionID.sequenceKey
    withUnsafeBytes(of: headChecksum.bigEndian) { bytes += $0 }
    withUnsafeBytes(of: Self.checksum(of: bytes).bigEndian) { bytes += $0 }
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    for _ in 0..<3 {
      let descriptor = open(directory + "/" + Self.name, flags, 0o600)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      // The umask may have taken bits away.
      if fchmod(descriptor, 0o600) == 0,
        pwrite(descriptor, bytes, bytes.count, 0) == bytes.count, fsync(descriptor) == 0,
        Self.synchronize(directory)
      {
        return true
      }
    }
    return false
  }

  /// Makes the file's name durable.
  private static func synchronize(_ directory: String) -> Bool {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return fsync(descriptor) == 0
  }

  /// Removes a mark once a commit of its number has come about, whosever.
  static func removeIfPast(in directory: String, newest: MetaPage) {
    guard let mark = FailedCommitMark(in: directory),
      mark.transactionID <= newest.transactionID
    else { return }
    unlink(directory + "/" + Self.name)
  }

  /// Whether `older` is what this failed commit has left beside the newest one.
  func explains(_ older: MetaPage, beside newer: MetaPage, in file: PageFile) -> Bool {
    guard older.transactionID < newer.transactionID,
      newer.transactionID - older.transactionID == 1,
      transactionID == newer.transactionID &+ 1
    else { return false }
    do {
      let head = try PagedReader(file, older, pin: nil).value(.meta, HeadRow.key)
      return head.map { Self.checksum(of: $0) == headChecksum } ?? false
    } catch {
      // Its pages lie behind the last page it says it has: no commit that came about looks so.
      return true
    }
  }

  private static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { Checksum.crc32c($0) }
  }
}
