/// How a row lies on disk: payload, then four bytes CRC-32C over table, key and payload.
enum Row {
  static let checksumBytes = 4
  /// What LMDB was compiled for; longer or empty keys cannot be stored.
  static let keyLengths = 1...511
  /// Far below the sizes at which LMDB's 32-bit length arithmetic breaks.
  static let maximumPayloadBytes = 16 << 20

  /// The checksum of a row of `table`.
  static func checksum(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) -> UInt32 {
    let seed = Checksum.crc32c(byte: table.rawValue)
    return Checksum.crc32c(payload, seed: Checksum.crc32c(key, seed: seed))
  }

  /// The payload of a stored row, once its checksum agrees; otherwise ``JournalError/damaged(_:)``.
  static func payload(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) throws(JournalError) -> UnsafeRawBufferPointer {
    guard stored.count >= checksumBytes, stored.count <= maximumPayloadBytes + checksumBytes
    else { throw mismatch(table, key) }
    let end = stored.count - checksumBytes
    let payload = UnsafeRawBufferPointer(rebasing: stored[..<end])
    let expected = UInt32(bigEndian: stored.loadUnaligned(fromByteOffset: end, as: UInt32.self))
    guard checksum(table, key, payload) == expected else { throw mismatch(table, key) }
    return payload
  }

  /// Writes the checksum behind the payload that already stands in `stored`.
  static func seal(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeMutableRawBufferPointer
  ) {
    let end = stored.count - checksumBytes
    let payload = UnsafeRawBufferPointer(rebasing: stored[..<end])
    let checksum = checksum(table, key, payload)
    stored.storeBytes(of: checksum.bigEndian, toByteOffset: end, as: UInt32.self)
  }

  /// What a reader is told when a row does not agree with its checksum.
  static func mismatch(_ table: Table, _ key: UnsafeRawBufferPointer) -> JournalError {
    .damaged("checksum of row \(name(key, table)) in \(table.name); run `journal verify`")
  }

  private static func name(_ key: UnsafeRawBufferPointer, _ table: Table) -> String {
    guard table == .entries || table == .edits, let sequence = UInt64(sequenceKey: key) else {
      return hex(key)
    }
    return "\(sequence)"
  }

  /// The bytes as hexadecimal digits, cut after 64 bytes.
  static func hex(_ bytes: UnsafeRawBufferPointer) -> String {
    var text = ""
    for byte in bytes.prefix(64) {
      text += byte < 16 ? "0" : ""
      text += String(byte, radix: 16)
    }
    return bytes.count > 64 ? text + "…" : text
  }
}
