#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a saved state has to say of itself to be believed.
struct SavedStateHeader: Equatable {
  static let byteCount = 100
  private static let mark = Array("SJSTATE1".utf8)

  var bytes: [UInt8]

  /// The header of a view's state at a sequence.
  ///
  /// - Throws: ``JournalError/belowHorizon(_:)`` when the tree's root there cannot be computed.
  init(_ reader: JournalReader, _ sequence: SequenceNumber, _ token: [UInt8]) throws {
    bytes = Self.mark
    bytes.appendBigEndian(FoldCounts.currentVersion)
    bytes.appendBigEndian(sequence)
    bytes += reader.identity.journal.bytes
    bytes += (token + [UInt8](repeating: 0, count: 16)).prefix(16)
    try JournalTree(reader).root(size: sequence).append(to: &bytes)
    bytes += [UInt8](repeating: 0, count: Self.byteCount - 4 - bytes.count)
    bytes.appendBigEndian(bytes.withUnsafeBytes { Checksum.crc32c($0) })
  }
}

/// A file with every row of a fold: a header, blocks of rows, an empty block at the end.
///
/// | block | bytes |
/// | --- | --- |
/// | length of the rows, 0 at the end | 4 |
/// | CRC-32C over the header's checksum, the block's number, its length and its rows | 4 |
/// | rows: table (1), length of the key (2), of the payload (4), key, payload | length |
///
/// Numbers are big-endian.
enum SavedStateFile {
  private static let blockBytes = 256 << 10
  /// Over any row: a block holds one at least.
  private static let maximumBlockBytes = 8 << 20
  private static let blockHead = 8

  // MARK: Writing

  /// Writes the rows of a fold to an open, empty file.
  ///
  /// - Parameter goesOn: Asked now and then; writing ends when it says no.
  /// - Returns: False when it ended early.
  static func write(
    _ rows: inout BaselineRows, _ header: SavedStateHeader, to descriptor: Int32, _ path: String,
    while goesOn: () -> Bool
  ) throws -> Bool {
    try writeAll(header.bytes, to: descriptor, path)
    var number: UInt32 = 0
    var block: [UInt8] = []
    func finishBlock() throws {
      var head: [UInt8] = []
      head.appendBigEndian(UInt32(truncatingIfNeeded: block.count))
      head.appendBigEndian(block.withUnsafeBytes { checksum(header, number, $0) })
      try writeAll(head + block, to: descriptor, path)
      number += 1
      block.removeAll(keepingCapacity: true)
    }
    while case let slice = try rows.nextSlice(), !slice.isEmpty {
      guard goesOn() else { return false }
      for row in slice {
        block.append(row.table.rawValue)
        block.appendBigEndian(UInt16(truncatingIfNeeded: row.key.count))
        block.appendBigEndian(UInt32(truncatingIfNeeded: row.payload.count))
        block += row.key
        block += row.payload
        if block.count >= blockBytes { try finishBlock() }
      }
    }
    if !block.isEmpty { try finishBlock() }
    try finishBlock()
    return true
  }

  private static func checksum(
    _ header: SavedStateHeader, _ number: UInt32, _ rows: UnsafeRawBufferPointer
  ) -> UInt32 {
    var front = Array(header.bytes.suffix(4))
    front.appendBigEndian(number)
    front.appendBigEndian(UInt32(truncatingIfNeeded: rows.count))
    return Checksum.crc32c(rows, seed: front.withUnsafeBytes { Checksum.crc32c($0) })
  }

  private static func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, _ path: String
  ) throws(JournalError) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: buffer[done...]))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw LMDBFailure.systemError(path, "writing") }
      done += count
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Glibc)
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }

  // MARK: Reading

  /// The state in a file, or nil when it is not the one expected or a byte of it is not what was
  /// written.
  static func read(
    _ path: String, _ expected: SavedStateHeader, _ reader: JournalReader
  ) throws -> MemoryFoldState? {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    var buffer = [UInt8](repeating: 0, count: maximumBlockBytes)
    guard fill(&buffer, SavedStateHeader.byteCount, from: descriptor),
      buffer.prefix(SavedStateHeader.byteCount).elementsEqual(expected.bytes)
    else { return nil }
    let state = MemoryFoldState(emptyFor: reader)
    var number: UInt32 = 0
    while true {
      guard fill(&buffer, blockHead, from: descriptor) else { return nil }
      let (length, stored) = buffer.withUnsafeBytes { bytes in
        (
          Int(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))),
          UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        )
      }
      guard length <= maximumBlockBytes, fill(&buffer, length, from: descriptor) else { return nil }
      let isSound = try buffer.withUnsafeBytes { bytes -> Bool in
        let rows = UnsafeRawBufferPointer(rebasing: bytes[..<length])
        guard checksum(expected, number, rows) == stored else { return false }
        try restore(rows, into: state)
        return true
      }
      guard isSound else { return nil }
      number &+= 1
      if length == 0 { break }
    }
    return state
  }

  private static func restore(
    _ rows: UnsafeRawBufferPointer, into state: MemoryFoldState
  ) throws {
    var reader = RowReader(rows)
    while reader.remaining > 0 {
      guard let table = Table(rawValue: try reader.integer(UInt8.self)) else {
        throw JournalError.damaged("a saved state has a row of no known table")
      }
      let keyBytes = Int(try reader.integer(UInt16.self))
      let payloadBytes = Int(try reader.integer(UInt32.self))
      let key = try reader.take(keyBytes)
      try Baseline.restore(table, key, reader.take(payloadBytes), into: state)
    }
  }

  /// Reads exactly so many bytes; false at the end of the file or an error.
  private static func fill(_ buffer: inout [UInt8], _ count: Int, from descriptor: Int32) -> Bool {
    var done = 0
    while done < count {
      let got = buffer.withUnsafeMutableBytes { bytes in
        systemRead(descriptor, UnsafeMutableRawBufferPointer(rebasing: bytes[done..<count]))
      }
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { return false }
      done += got
    }
    return true
  }

  private static func systemRead(
    _ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    #if canImport(Glibc)
      Glibc.read(descriptor, bytes.baseAddress, bytes.count)
    #elseif canImport(Musl)
      Musl.read(descriptor, bytes.baseAddress, bytes.count)
    #else
      Darwin.read(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }
}
