/// Base64 with the standard alphabet and padding (RFC 4648 §4).
package enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  /// The text of some bytes.
  package static func encode(_ bytes: UnsafeRawBufferPointer) -> String {
    var text: [UInt8] = []
    encode(bytes, into: &text)
    return String(decoding: text, as: UTF8.self)
  }

  /// The text of some bytes.
  package static func encode(_ bytes: [UInt8]) -> String {
    bytes.withUnsafeBytes { encode($0) }
  }

  /// Appends the text of some bytes.
  package static func encode(_ bytes: UnsafeRawBufferPointer, into text: inout [UInt8]) {
    var offset = 0
    while offset < bytes.count {
      let rest = bytes.count - offset
      var group = UInt32(bytes[offset]) << 16
      if rest > 1 { group |= UInt32(bytes[offset + 1]) << 8 }
      if rest > 2 { group |= UInt32(bytes[offset + 2]) }
      text.append(alphabet[Int(group >> 18)])
      text.append(alphabet[Int(group >> 12 & 0x3F)])
      text.append(rest > 1 ? alphabet[Int(group >> 6 & 0x3F)] : padding)
      text.append(rest > 2 ? alphabet[Int(group & 0x3F)] : padding)
      offset += 3
    }
  }

  /// The bytes of a text, or nil unless it is exactly what ``encode(_:)-(UnsafeRawBufferPointer)``
  /// writes: padding is complete, bits that are left over are zero, nothing stands in between.
  package static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    guard text.count.isMultiple(of: 4) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    for start in stride(from: 0, to: text.count, by: 4) {
      let isLast = start + 4 == text.count
      let digitCount: Int
      switch (text[start + 2] == padding, text[start + 3] == padding) {
      case (true, true) where isLast: digitCount = 2
      case (false, true) where isLast: digitCount = 3
      case (false, false): digitCount = 4
      default: return nil
      }
      var group: UInt32 = 0
      for index in start..<start + digitCount {
        guard let value = value(of: text[index]) else { return nil }
        group = group << 6 | value
      }
      group <<= UInt32(4 - digitCount) * 6
      let byteCount = digitCount - 1
      for index in 0..<3 {
        let byte = UInt8(truncatingIfNeeded: group >> UInt32(16 - index * 8))
        if index < byteCount { bytes.append(byte) } else if byte != 0 { return nil }
      }
    }
    return bytes
  }

  /// The bytes of a text, or nil unless it is canonical base64.
  package static func decode(_ text: String) -> [UInt8]? {
    ByteOrder.withUTF8(of: text) { decode($0) }
  }

  /// The bytes of a text held as bytes, or nil unless it is canonical base64.
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    Array(text).withUnsafeBytes { decode($0) }
  }

  private static func value(of digit: UInt8) -> UInt32? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
