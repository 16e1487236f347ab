/// Looks at text eight bytes at a time: most of it is plain ASCII.
enum TextScan {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// The offset of the first byte at or after `start` that JSON cannot copy as it is: a quotation
  /// mark, a backslash, a control character and, when asked, anything that is not ASCII.
  @inline(__always)
  static func endOfPlainRun(
    in bytes: UnsafeRawBufferPointer, from start: Int, stopsAtNonASCII: Bool
  ) -> Int {
    var offset = start
    while bytes.count - offset >= 8 {
      let word = UInt64(
        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      // Each term marks bytes with their top bit. A borrow can mark a byte too many, but only
      // above a true hit, and the lowest mark is what counts.
      var marks = (quote &- ones) & ~quote
      marks |= (backslash &- ones) & ~backslash
      marks |= (word &- ones &* 0x20) & ~word
      if stopsAtNonASCII { marks |= word }
      marks &= highBits
      if marks != 0 { return offset + marks.trailingZeroBitCount / 8 }
      offset += 8
    }
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte < 0x20 || byte == 0x22 || byte == 0x5C || (stopsAtNonASCII && byte >= 0x80) {
        return offset
      }
      offset += 1
    }
    return offset
  }

  /// Whether the bytes are well-formed UTF-8: no surrogates, no overlong forms.
  static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    while offset < bytes.count {
      if bytes.count - offset >= 8,
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & highBits == 0
      {
        offset += 8
      } else if bytes[offset] < 0x80 {
        offset += 1
      } else if let length = scalarLength(in: bytes, at: offset) {
        offset += length
      } else {
        return false
      }
    }
    return true
  }

  /// The length of the well-formed scalar of two to four bytes that begins at `offset`.
  static func scalarLength(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int? {
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch bytes[offset] {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard bytes.count - offset >= length, second.contains(bytes[offset + 1]) else { return nil }
    for index in offset + 2..<offset + max(length, 2) where bytes[index] & 0xC0 != 0x80 {
      return nil
    }
    return length
  }

  /// Bytes as text for an error message: cut short, with control characters escaped.
  static func excerpt(_ bytes: UnsafeRawBufferPointer) -> String {
    let limit = 64
    var end = min(bytes.count, limit)
    // A cut must not fall inside a scalar.
    if end < bytes.count { while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 } }
    var text: [UInt8] = []
    JSONText.writeString(utf8: bytes.part(0..<end), into: &text)
    return String(decoding: text, as: UTF8.self) + (end < bytes.count ? "…" : "")
  }
}
