import CZlib

/// Compression of a pack's blocks and of requests: zlib's format (RFC 1950), one call each.
package enum Deflate {
  /// The compressed bytes, or nil where they would not be shorter.
  package static func compress(_ bytes: [UInt8]) throws(JournalError) -> [UInt8]? {
    var length = compressBound(uLong(bytes.count))
    var compressed = [UInt8](repeating: 0, count: Int(length))
    // The fastest level: deflate takes most of a pack's time, and level 6 saves a few percent more.
    let code = compress2(&compressed, &length, bytes, uLong(bytes.count), 1)
    guard code == Z_OK else {
      throw .storage("compressing \(bytes.count) bytes failed (zlib \(code))")
    }
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

  /// The bytes again, of which nothing is known but how many they may be; nil where they are more.
  ///
  /// Takes memory for four times what came in, then twice as much each time that is too little.
  ///
  /// - Throws: `JournalError.damaged` for bytes that are not, or not only, one compressed run.
  package static func decompress(
    _ bytes: [UInt8], atMost limit: Int
  ) throws(JournalError) -> [UInt8]? {
    var capacity = min(limit, max(4_096, min(bytes.count, limit) * 4))
    while true {
      var plain = [UInt8](repeating: 0, count: capacity)
      var length = uLongf(capacity)
      var taken = uLong(bytes.count)
      let code = uncompress2(&plain, &length, bytes, &taken)
      switch code {
      case Z_OK where taken == bytes.count:
        plain.removeLast(capacity - Int(length))
        return plain
      case Z_BUF_ERROR where capacity < limit: capacity = min(limit, capacity * 2)
      case Z_BUF_ERROR: return nil
      default: throw .damaged("the bytes do not decompress (zlib \(code))")
      }
    }
  }
}
