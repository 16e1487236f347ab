/// The bytes of a pack: one file that holds what is needed to show and prove a journal.
///
/// A line that names the format, blocks of rows, an index of the blocks, a trailer. Every byte is
/// covered by a checksum. The format page describes it whole.
enum PackFormat {
  /// The first bytes of every pack; the digit is the format's version.
  static let magic = [UInt8]("sync-journal pack 1\n".utf8)
  /// The last bytes of every pack.
  static let endMagic = [UInt8]("SJPE".utf8)
  static let trailerBytes = 24
  /// Rows are collected up to so many bytes before a block is written.
  static let blockBytes = 64 << 10
  /// A block holds one row at least, and a row is never larger than this.
  static let blockLimit = Row.maximumPayloadBytes + 1_024

  /// One block, as the index describes it.
  struct Block {
    /// How the rows lie in the file.
    enum Encoding: UInt8 {
      case plain = 0
      case deflate = 1
    }

    var table: Table
    var encoding: Encoding
    var offset: UInt64
    var storedBytes: UInt32
    var plainBytes: UInt32
    /// CRC-32C over the stored bytes.
    var checksum: UInt32
    var rows: UInt32
    var firstKey: [UInt8]
    /// The first key of the table's next block, below which every key of this one lies.
    var nextKey: [UInt8]?
  }

  static func encode(_ blocks: [Block]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(UInt32(truncatingIfNeeded: blocks.count))
    for block in blocks {
      bytes.append(block.table.rawValue)
      bytes.append(block.encoding.rawValue)
      bytes.appendBigEndian(block.offset)
      bytes.appendBigEndian(block.storedBytes)
      bytes.appendBigEndian(block.plainBytes)
      bytes.appendBigEndian(block.checksum)
      bytes.appendBigEndian(block.rows)
      bytes.appendBigEndian(UInt16(truncatingIfNeeded: block.firstKey.count))
      bytes.append(contentsOf: block.firstKey)
    }
    return bytes
  }

  /// - Throws: ``JournalError/damaged(_:)``, ``JournalError/unsupported(_:)``.
  static func decodeBlocks(_ index: [UInt8]) throws(JournalError) -> [Block] {
    let result: Result<[Block], JournalError> = index.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in
        var reader = RowReader(bytes)
        let count = try reader.integer(UInt32.self)
        var blocks: [Block] = []
        for _ in 0..<count { blocks.append(try decodeBlock(&reader)) }
        guard reader.remaining == 0 else { throw .damaged("the pack's index has trailing bytes") }
        return blocks
      }
    }
    return try result.get()
  }

  private static func decodeBlock(_ reader: inout RowReader) throws(JournalError) -> Block {
    let number = try reader.integer(UInt8.self)
    let how = try reader.integer(UInt8.self)
    guard let table = Table(rawValue: number), let encoding = Block.Encoding(rawValue: how) else {
      throw .unsupported(
        "the pack has a block of table \(number), encoding \(how); use a newer release")
    }
    let offset = try reader.integer(UInt64.self)
    let storedBytes = try reader.integer(UInt32.self)
    let plainBytes = try reader.integer(UInt32.self)
    guard plainBytes <= blockLimit, storedBytes <= blockLimit else {
      throw .damaged("a block of the pack is larger than any block")
    }
    let checksum = try reader.integer(UInt32.self)
    let rows = try reader.integer(UInt32.self)
    let keyBytes = Int(try reader.integer(UInt16.self))
    guard rows > 0, Row.keyLengths.contains(keyBytes) else {
      throw .damaged("a block of the pack holds no row")
    }
    return Block(
      table: table, encoding: encoding, offset: offset, storedBytes: storedBytes,
      plainBytes: plainBytes, checksum: checksum, rows: rows,
      firstKey: [UInt8](try reader.take(keyBytes)))
  }

  static func appendRow(
    key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, to bytes: inout [UInt8]
  ) {
    bytes.appendBigEndian(UInt16(truncatingIfNeeded: key.count))
    bytes.appendBigEndian(UInt32(truncatingIfNeeded: payload.count))
    bytes.append(contentsOf: key)
    bytes.append(contentsOf: payload)
  }
}
