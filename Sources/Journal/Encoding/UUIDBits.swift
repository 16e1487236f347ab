/// The 128 bits of a UUID (RFC 9562), most significant first.
struct UUIDBits: Sendable, Hashable, Comparable {
  var high: UInt64
  var low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Nil unless there are 16 bytes.
  init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 16 else { return nil }
    high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// Nil unless the text is 32 digits of either case with dashes as 8-4-4-4-12.
  init?(utf8: UnsafeRawBufferPointer) {
    guard utf8.count == 36 else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, byte) in utf8.enumerated() {
      if index == 8 || index == 13 || index == 18 || index == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        guard let digit = Hex.value(of: byte) else { return nil }
        words = (words.0 << 4 | words.1 >> 60, words.1 << 4 | UInt64(digit))
      }
    }
    (high, low) = words
  }

  /// Sets the version and the variant of RFC 9562 over the bits.
  func marked(version: UInt64) -> UUIDBits {
    UUIDBits(
      high: high & ~0xF000 | version << 12, low: low & ~(0b11 << 62) | 0b10 << 62)
  }

  var version: Int { Int(high >> 12 & 0xF) }

  /// Whether the variant is the one RFC 9562 describes, for which versions mean something.
  var isStandard: Bool { low >> 62 == 0b10 }

  func write(into bytes: inout [UInt8]) {
    withUnsafeBytes(of: high.bigEndian) { bytes.append(raw: $0) }
    withUnsafeBytes(of: low.bigEndian) { bytes.append(raw: $0) }
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    write(into: &bytes)
    return bytes
  }

  /// Lower case, 8-4-4-4-12.
  var text: String {
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
      Hex.append(byte, to: &text)
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func < (left: UUIDBits, right: UUIDBits) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
}
