extension JSONScanner {
  /// The content of a string between its quotation marks, known to be UTF-8.
  struct RawString {
    var range: Range<Int>
    /// Whether the content has to be decoded; escapes are checked only then.
    var hasEscapes: Bool
  }

  /// Reads a string.
  package mutating func string() throws(JournalError) -> String {
    let raw = try scanString()
    guard raw.hasEscapes else {
      return String(decoding: input.part(raw.range), as: UTF8.self)
    }
    var bytes: [UInt8] = []
    try decode(raw, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Reads a string and appends its UTF-8.
  package mutating func utf8(into bytes: inout [UInt8]) throws(JournalError) {
    let raw = try scanString()
    if raw.hasEscapes {
      try decode(raw, into: &bytes)
    } else {
      bytes.append(raw: input.part(raw.range))
    }
  }

  /// Finds the end of a string.
  mutating func scanString(as what: String = "a string") throws(JournalError) -> RawString {
    skipWhitespace()
    guard peek() == UInt8(ascii: "\"") else { throw unexpected(what) }
    let start = offset + 1
    offset = start
    var hasEscapes = false
    while true {
      offset = TextScan.endOfPlainRun(in: input, from: offset, stopsAtNonASCII: true)
      switch peek() {
      case nil: throw failure("a string without an end", at: start - 1)
      case UInt8(ascii: "\""):
        offset += 1
        return RawString(range: start..<offset - 1, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        guard input.count - offset >= 2, input[offset + 1] < 0x80 else {
          throw failure("an unknown escape")
        }
        offset += 2
      case let byte? where byte < 0x20:
        throw failure("a control character in a string")
      default:
        guard let length = TextScan.scalarLength(in: input, at: offset) else {
          throw failure("text that is not UTF-8")
        }
        offset += length
      }
    }
  }

  /// Appends the UTF-8 of a string with escapes.
  func decode(_ raw: RawString, into bytes: inout [UInt8]) throws(JournalError) {
    var position = raw.range.lowerBound
    let end = raw.range.upperBound
    while position < end {
      var next = position
      while next < end, input[next] != UInt8(ascii: "\\") { next += 1 }
      bytes.append(raw: input.part(position..<next))
      position = next
      if position < end { try decodeEscape(at: &position, end: end, into: &bytes) }
    }
  }

  private func decodeEscape(
    at position: inout Int, end: Int, into bytes: inout [UInt8]
  ) throws(JournalError) {
    let start = position
    guard end - start >= 2 else { throw failure("an unknown escape", at: start) }
    position += 2
    switch input[start + 1] {
    case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var scalar = UInt32(try codeUnit(at: &position, end: end, escape: start))
      if scalar >= 0xD800, scalar <= 0xDBFF, end - position >= 2,
        input[position] == UInt8(ascii: "\\"), input[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = UInt32(try codeUnit(at: &position, end: end, escape: position - 2))
        guard low >= 0xDC00, low <= 0xDFFF else { throw failure("a lone surrogate", at: start) }
        scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(scalar) else {
        throw failure("a lone surrogate", at: start)
      }
      bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    default:
      throw failure("an unknown escape", at: start)
    }
  }

  private func codeUnit(
    at position: inout Int, end: Int, escape: Int
  ) throws(JournalError) -> UInt16 {
    guard end - position >= 4 else { throw failure("an unknown escape", at: escape) }
    var unit: UInt16 = 0
    for byte in input[position..<position + 4] {
      guard let digit = Hex.value(of: byte) else { throw failure("an unknown escape", at: escape) }
      unit = unit << 4 | UInt16(digit)
    }
    position += 4
    return unit
  }
}
