#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Names a commit whose meta page could not be written, in a file of such marks beside the data file.
///
/// LMDB then writes that commit's roots under the transaction id of the commit before the last,
/// which looks exactly like a newest commit whose id was changed by a flipped bit. The marks are
/// what tells the two apart, so that an I/O error that passes keeps nobody out of the journal.
struct FailedCommitMark: Equatable {
  static let name = "failed-commit"
  private static let prefix = Array("SJFAIL1\n".utf8)
  static let byteCount = 24
  /// Of the same commit many attempts can fail, and each failure leaves one of their heads. A mark
  /// beyond this many takes the place of another.
  static let maximumCount = 64

  let transactionID: UInt64
  /// CRC-32C of the payload of the failed commit's head row, which no other commit has.
  let headChecksum: UInt32

  init(transactionID: UInt64, head: [UInt8]) {
    self.transactionID = transactionID
    headChecksum = Self.checksum(of: head)
  }

  /// Nil for bytes that are not a whole mark.
  private init?(_ bytes: ArraySlice<UInt8>) {
    guard bytes.count == Self.byteCount, bytes.starts(with: Self.prefix) else { return nil }
    let (id, head, whole) = bytes.withUnsafeBytes { bytes in
      (
        UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt32.self)),
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
      )
    }
    guard whole == Self.checksum(of: Array(bytes.prefix(20))) else { return nil }
    transactionID = id
    headChecksum = head
  }

  private var encoded: [UInt8] {
    var bytes = Self.prefix + transactionID.sequenceKey
    withUnsafeBytes(of: headChecksum.bigEndian) { bytes += $0 }
    withUnsafeBytes(of: Self.checksum(of: bytes).bigEndian) { bytes += $0 }
    return bytes
  }

  /// The marks in `directory` that are whole.
  static func all(in directory: String) -> [FailedCommitMark] {
    slots(in: directory).compactMap { $0 }
  }

  /// What stands at each place of the file: nil where it is no whole mark.
  private static func slots(in directory: String) -> [FailedCommitMark?] {
    let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
    let descriptor = open(directory + "/" + Self.name, flags)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: byteCount * maximumCount)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count >= byteCount else { return [] }
    return stride(from: 0, through: count - byteCount, by: byteCount).map {
      FailedCommitMark(bytes[$0..<$0 + byteCount])
    }
  }

  /// Adds the mark to those that are there, on stable storage when this returns true.
  ///
  /// Nothing is written over before the file is full: where the disk refuses this mark, an earlier one
  /// may still be what explains the page. Where it refuses for good, nothing is lost: opening asks
  /// for a copy then, as for any damage.
  @discardableResult
  func write(in directory: String) -> Bool {
    let flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC
    for _ in 0..<3 {
      let descriptor = open(directory + "/" + Self.name, flags, 0o600)
      guard descriptor >= 0 else { continue }
      defer { close(descriptor) }
      var status = stat()
      // The umask may have taken bits away.
      guard fchmod(descriptor, 0o600) == 0, fstat(descriptor, &status) == 0 else { continue }
      let slot = place(of: Int(status.st_size) / Self.byteCount, in: directory)
      let bytes = encoded
      if pwrite(descriptor, bytes, bytes.count, off_t(slot * Self.byteCount)) == bytes.count,
        fsync(descriptor) == 0, Self.synchronize(directory)
      {
        return true
      }
    }
    return false
  }

  /// Where to write beside so many marks: its own place when it is there already.
  private func place(of count: Int, in directory: String) -> Int {
    if let own = Self.slots(in: directory).firstIndex(of: self) { return own }
    return count < Self.maximumCount ? count : Int(headChecksum) % Self.maximumCount
  }

  /// Makes the file's name durable.
  private static func synchronize(_ directory: String) -> Bool {
    let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return fsync(descriptor) == 0
  }

  /// Whether a commit that is about to be made is of a number that has failed already; adds its mark
  /// then.
  ///
  /// The pages of the failed attempt are free, and this one is going to write over them. Were it cut
  /// short, the meta page left behind would lead to a head row of this attempt.
  static func repeats(_ transactionID: UInt64, head: [UInt8]?, in directory: String) -> Bool {
    guard access(directory + "/" + name, F_OK) == 0, let head,
      all(in: directory).contains(where: { $0.transactionID == transactionID })
    else { return false }
    FailedCommitMark(transactionID: transactionID, head: head).write(in: directory)
    return true
  }

  /// Removes the marks once commits of their numbers have come about, whosever.
  ///
  /// A snapshot may bring back an older meta page together with what was left beside it.
  static func removeIfPast(in directory: String, newest: UInt64) {
    let marks = all(in: directory)
    guard !marks.isEmpty, marks.allSatisfy({ $0.transactionID <= newest }),
      !SnapshotFile.exists(in: directory)
    else { return }
    unlink(directory + "/" + Self.name)
  }

  /// Whether `older` is what a failed commit has left beside the newest one.
  static func explain(_ older: MetaPage, beside newer: MetaPage, in file: PageFile) -> Bool {
    guard older.transactionID < newer.transactionID,
      newer.transactionID - older.transactionID == 1
    else { return false }
    let marks = all(in: file.directory).filter { $0.transactionID == newer.transactionID &+ 1 }
    guard !marks.isEmpty else { return false }
    do {
      let head = try PagedReader(file, older, pin: nil).value(.meta, HeadRow.key)
      let found = head.map { Self.checksum(of: $0) }
      return marks.contains { $0.headChecksum == found }
    } catch {
      // Its pages lie behind the last page it says it has: no commit that came about looks so.
      return true
    }
  }

  private static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { Checksum.crc32c($0) }
  }
}
