import Journal

/// The keys a record had before, as they stand in its row: their number, then each behind its length.
enum FormerKeys {
  /// The most keys one record can have had.
  static let limit = 255

  static func encoded(_ keys: [[UInt8]]) -> [UInt8] {
    keys.reduce(into: [UInt8(truncatingIfNeeded: keys.count)]) { bytes, key in
      bytes.append(UInt8(truncatingIfNeeded: key.count))
      bytes += key
    }
  }

  /// How many bytes the keys take at the beginning of some bytes.
  ///
  /// - Throws: `JournalError.damaged` where no such keys stand there.
  static func byteCount(at bytes: UnsafeRawBufferPointer) throws(JournalError) -> Int {
    guard let count = bytes.first, count > 0 else { throw malformed }
    var offset = 1
    for _ in 0..<count {
      guard offset < bytes.count, (1...128).contains(bytes[offset]) else { throw malformed }
      offset += 1 + Int(bytes[offset])
    }
    guard offset <= bytes.count else { throw malformed }
    return offset
  }

  /// - Throws: `JournalError.damaged` for bytes that are not just keys.
  static func list(_ bytes: UnsafeRawBufferPointer) throws(JournalError) -> [[UInt8]] {
    guard try byteCount(at: bytes) == bytes.count else { throw malformed }
    var keys: [[UInt8]] = []
    var offset = 1
    while offset < bytes.count {
      let end = offset + 1 + Int(bytes[offset])
      keys.append([UInt8](bytes[offset + 1..<end]))
      offset = end
    }
    return keys
  }

  private static var malformed: JournalError {
    .damaged("the former keys in a record's row are malformed; run `journal verify`")
  }
}
