import CZlib

/// Compression of a pack's blocks: zlib's format (RFC 1950), one call per block.
enum Deflate {
  /// The compressed bytes, or nil where they would not be shorter.
  static func compress(_ bytes: [UInt8]) throws(JournalError) -> [UInt8]? {
    var length = compressBound(uLong(bytes.count))
    var compressed = [UInt8](repeating: 0, count: Int(length))
    // The fastest level: deflate takes most of a pack's time, and level 6 saves a few percent more.
    let code = compress2(&compressed, &length, bytes, uLong(bytes.count), 1)
    guard code == Z_OK else { throw .storage("compressing a pack's block failed (zlib \(code))") }
    guard length < bytes.count else { return nil }
    compressed.removeLast(compressed.count - Int(length))
    return compressed
  }

  /// The bytes again, which must be exactly `count`: nothing a file says makes it allocate more.
  static func decompress(_ bytes: [UInt8], count: Int) throws(JournalError) -> [UInt8] {
    var plain = [UInt8](repeating: 0, count: count)
    var length = uLongf(count)
    let code = uncompress(&plain, &length, bytes, uLong(bytes.count))
    guard code == Z_OK, length == count else {
      throw .damaged("a block of the pack does not decompress (zlib \(code)); use another copy")
    }
    return plain
  }
}
