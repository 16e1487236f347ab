@testable import Journal

/// A second reading of strict JSON, written from RFC 8259 and the command's rules alone.
struct JSONOracle {
  private var bytes: ArraySlice<UInt8>

  /// The value of exactly one text; nil where it has to be refused.
  static func read(_ bytes: [UInt8], maxDepth: Int = 32) -> Value? {
    var oracle = JSONOracle(bytes: bytes[...])
    guard let value = oracle.value(maxDepth) else { return nil }
    oracle.skip()
    // In a conditional expression nil would be the literal of `.null`.
    guard oracle.bytes.isEmpty else { return nil }
    return value
  }

  private mutating func skip() {
    while let byte = bytes.first, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { bytes.removeFirst() }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard bytes.first == UInt8(ascii: character) else { return false }
    bytes.removeFirst()
    return true
  }

  private mutating func value(_ depth: Int) -> Value? {
    skip()
    for (word, value) in [("null", Value.null), ("true", .bool(true)), ("false", .bool(false))]
    where bytes.starts(with: word.utf8) {
      bytes = bytes.dropFirst(word.utf8.count)
      return value
    }
    switch bytes.first {
    case UInt8(ascii: "\""): return text().map { .string($0) }
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "{"): return object(depth)
    default: return number()
    }
  }

  private mutating func array(_ depth: Int) -> Value? {
    guard depth > 0, take("[") else { return nil }
    var values: [Value] = []
    skip()
    if take("]") { return .array([]) }
    repeat {
      guard let value = value(depth - 1) else { return nil }
      values.append(value)
      skip()
    } while take(",")
    guard take("]") else { return nil }
    return .array(values)
  }

  private mutating func object(_ depth: Int) -> Value? {
    guard depth > 0, take("{") else { return nil }
    var fields = Fields()
    skip()
    if take("}") { return .object(fields) }
    repeat {
      skip()
      guard let name = text() else { return nil }
      skip()
      guard take(":"), fields[name] == nil, let value = value(depth - 1) else { return nil }
      fields[name] = value
      skip()
    } while take(",")
    guard take("}") else { return nil }
    return .object(fields)
  }

  /// By the grammar, then by the standard library's own readings of numbers.
  private mutating func number() -> Value? {
    var text = ""
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
    func next() { text.unicodeScalars.append(Unicode.Scalar(bytes.removeFirst())) }
    func digits() -> Bool {
      guard isDigit(bytes.first) else { return false }
      while isDigit(bytes.first) { next() }
      return true
    }
    if bytes.first == UInt8(ascii: "-") { next() }
    if bytes.first == UInt8(ascii: "0") {
      next()
      if isDigit(bytes.first) { return nil }
    } else if !digits() {
      return nil
    }
    var isDouble = false
    if bytes.first == UInt8(ascii: ".") {
      isDouble = true
      next()
      guard digits() else { return nil }
    }
    if bytes.first == UInt8(ascii: "e") || bytes.first == UInt8(ascii: "E") {
      isDouble = true
      next()
      if bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+") { next() }
      guard digits() else { return nil }
    }
    if isDouble {
      guard let value = Double(text), value.isFinite else { return nil }
      return .double(value)
    }
    return Int64(text).map { .integer($0) } ?? UInt64(text).map { Value($0) }
  }

  private mutating func text() -> String? {
    guard take("\"") else { return nil }
    var content: [UInt8] = []
    while let byte = bytes.popFirst() {
      switch byte {
      case UInt8(ascii: "\""): return String(validating: content, as: UTF8.self)
      case UInt8(ascii: "\\"):
        guard let scalar = escape() else { return nil }
        content += Array(String(Character(scalar)).utf8)
      case 0..<0x20: return nil
      default: content.append(byte)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard let byte = bytes.popFirst() else { return nil }
    let plain: [UInt8: Unicode.Scalar] = [
      0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n", 0x72: "\r",
      0x74: "\t",
    ]
    if let scalar = plain[byte] { return scalar }
    guard byte == UInt8(ascii: "u"), let unit = unit() else { return nil }
    guard unit >= 0xD800, unit < 0xDC00 else { return Unicode.Scalar(unit) }
    guard take("\\"), take("u"), let low = self.unit(), (0xDC00..<0xE000).contains(low) else {
      return nil
    }
    return Unicode.Scalar(0x10000 + (unit - 0xD800) * 0x400 + low - 0xDC00)
  }

  private mutating func unit() -> UInt32? {
    let digits = bytes.prefix(4)
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else {
      return nil
    }
    bytes = bytes.dropFirst(4)
    return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
