/// Reads strict JSON from bytes it borrows, in one pass.
///
/// Refused are a byte order mark, text that is not UTF-8, names that stand twice in one object,
/// lone surrogates, raw control characters, integers outside −2^63…2^64−1 and doubles that are not
/// finite. Every error is ``JournalError/invalidInput(_:)`` and names the byte, counted from zero;
/// after one the scanner stands anywhere.
package struct JSONScanner {
  let input: UnsafeRawBufferPointer
  /// Where the next byte is read.
  package internal(set) var offset = 0
  /// Members of the objects that are open, the innermost last.
  var members: [MemberSpan] = []

  /// The bytes must outlive the scanner.
  package init(_ input: UnsafeRawBufferPointer) {
    self.input = input
  }

  /// The byte at ``offset``, be it white space or not.
  @inline(__always)
  package func peek() -> UInt8? {
    offset < input.count ? input[offset] : nil
  }

  @inline(__always)
  package mutating func skipWhitespace() {
    while offset < input.count {
      switch input[offset] {
      case 0x20, 0x0A, 0x0D, 0x09: offset += 1
      default: return
      }
    }
  }

  /// Passes over white space, after which nothing may follow.
  package mutating func expectEnd() throws(JournalError) {
    skipWhitespace()
    guard offset == input.count else { throw unexpected("the end") }
  }

  /// Reads an object, calling `member` for each member with its decoded name, which is lent for the
  /// call. The scanner stands at the value, and the closure must read exactly that.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)``, and what `member` throws.
  package mutating func object(
    _ member: (_ name: UnsafeRawBufferPointer, inout JSONScanner) throws -> Void
  ) throws {
    try open(UInt8(ascii: "{"), "an object")
    var seen = SeenNames()
    var isFirst = true
    while try hasNext(before: UInt8(ascii: "}"), isFirst: &isFirst) {
      let start = offset
      let name = try scanString(as: "a member name")
      var decoded: [UInt8] = []
      if name.hasEscapes { try decode(name, into: &decoded) }
      try expectColon()
      if name.hasEscapes {
        try check(seen.insert(UnsafeRawBufferPointer(start: nil, count: 0), copied: decoded), start)
        try decoded.withUnsafeBytes { try member($0, &self) }
      } else {
        let bytes = input.part(name.range)
        try check(seen.insert(bytes, copied: nil), start)
        try member(bytes, &self)
      }
    }
  }

  /// Reads an array, calling `element` for each element; the closure must read exactly that.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)``, and what `element` throws.
  package mutating func array(
    _ element: (inout JSONScanner) throws -> Void
  ) throws {
    try open(UInt8(ascii: "["), "an array")
    var isFirst = true
    while try hasNext(before: UInt8(ascii: "]"), isFirst: &isFirst) { try element(&self) }
  }

  private func check(_ duplicate: String?, _ start: Int) throws(JournalError) {
    if let duplicate { throw failure("duplicate member \(duplicate)", at: start) }
  }
}

extension JSONScanner {
  /// Passes over the opening bracket of a container.
  @inline(__always)
  mutating func open(_ bracket: UInt8, _ what: String) throws(JournalError) {
    skipWhitespace()
    guard peek() == bracket else { throw unexpected(what) }
    offset += 1
  }

  /// Passes over the comma before an element or the closing bracket after the last, and white
  /// space.
  @inline(__always)
  mutating func hasNext(before bracket: UInt8, isFirst: inout Bool) throws(JournalError) -> Bool {
    skipWhitespace()
    if peek() == bracket {
      offset += 1
      return false
    }
    if isFirst {
      isFirst = false
      return true
    }
    guard peek() == UInt8(ascii: ",") else {
      throw unexpected("a comma or \(Character(Unicode.Scalar(bracket)))")
    }
    offset += 1
    skipWhitespace()
    return true
  }

  @inline(__always)
  mutating func expectColon() throws(JournalError) {
    skipWhitespace()
    guard peek() == UInt8(ascii: ":") else { throw unexpected("a colon") }
    offset += 1
    skipWhitespace()
  }

  @inline(never)
  func failure(_ text: String, at position: Int? = nil) -> JournalError {
    .invalidInput("\(text) at byte \(position ?? offset)")
  }

  @inline(never)
  func unexpected(_ expected: String) -> JournalError {
    let rest = input.part(offset..<input.count)
    if rest.starts(with: [0xEF, 0xBB, 0xBF]) { return failure("byte order mark") }
    let found =
      switch rest.first ?? 0 {
      case _ where rest.isEmpty: "the end"
      case UInt8(ascii: "{"): "an object"
      case UInt8(ascii: "["): "an array"
      case UInt8(ascii: "\""): "a string"
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): "a number"
      case UInt8(ascii: "t") where rest.starts(with: "true".utf8): "true"
      case UInt8(ascii: "f") where rest.starts(with: "false".utf8): "false"
      case UInt8(ascii: "n") where rest.starts(with: "null".utf8): "null"
      case let byte where byte > 0x20 && byte < 0x7F: "'\(Character(Unicode.Scalar(byte)))'"
      case let byte: "byte 0x\(Hex.encode([byte]))"
      }
    return failure("expected \(expected), found \(found)")
  }
}
