/// Reads deterministic CBOR from bytes it borrows; anything else is refused.
///
/// Refused are heads and floats that are not the shortest, indefinite lengths, tags other than the
/// reference's, simple values other than false, true and null, floats that are not finite, negative
/// integers below Int64, text that is not UTF-8, and lengths that run over the end. Every error is
/// ``JournalError/damaged(_:)`` and names the byte. Ranges count from the start of the bytes.
package struct CBORReader {
  package let bytes: UnsafeRawBufferPointer
  /// Where the next item begins.
  package internal(set) var offset = 0

  /// The bytes must outlive the reader.
  package init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  package var isAtEnd: Bool { offset == bytes.count }

  var remaining: Int { bytes.count - offset }

  /// The major type of the next item, 0 to 7.
  package mutating func peekMajor() throws(JournalError) -> UInt8 {
    guard offset < bytes.count else { throw failure("the input ends before an item") }
    return bytes[offset] >> 5
  }

  package mutating func unsigned() throws(JournalError) -> UInt64 {
    try head(expecting: CBORMajor.unsigned)
  }

  package mutating func integer() throws(JournalError) -> Int64 {
    let start = offset
    let (major, value) = try head()
    guard let value = Int64(exactly: value) else {
      throw failure("the integer does not fit 64 bits with a sign", at: start)
    }
    switch major {
    case CBORMajor.unsigned: return value
    case CBORMajor.negative: return ~value
    default: throw mismatch("an integer", found: major, at: start)
    }
  }

  /// The range of a text's UTF-8, which is checked.
  package mutating func text() throws(JournalError) -> Range<Int> {
    let start = offset
    let range = try take(try head(expecting: CBORMajor.text))
    guard TextScan.isUTF8(bytes.part(range)) else {
      throw failure("the text is not UTF-8", at: start)
    }
    return range
  }

  package mutating func string() throws(JournalError) -> String {
    String(decoding: bytes.part(try text()), as: UTF8.self)
  }

  /// The range of a byte string's content.
  package mutating func data() throws(JournalError) -> Range<Int> {
    try take(try head(expecting: CBORMajor.data))
  }

  /// The number of items that follow; never more than there are bytes left.
  package mutating func arrayCount() throws(JournalError) -> Int {
    try count(try head(expecting: CBORMajor.array), bytesPerElement: 1)
  }

  /// The number of members that follow; never more than the bytes left can hold. The order of the
  /// keys is the caller's to check; ``skip(maxDepth:)`` checks it.
  package mutating func mapCount() throws(JournalError) -> Int {
    try count(try head(expecting: CBORMajor.map), bytesPerElement: 2)
  }

  package mutating func bool() throws(JournalError) -> Bool {
    guard offset < bytes.count else { throw failure("the input ends before a boolean") }
    let byte = bytes[offset]
    guard byte == CBORMajor.trueByte || byte == CBORMajor.falseByte else {
      throw mismatch("a boolean", found: byte >> 5, at: offset)
    }
    offset += 1
    return byte == CBORMajor.trueByte
  }

  /// Passes over a null; false when something else is next.
  package mutating func skipNull() -> Bool {
    guard offset < bytes.count, bytes[offset] == CBORMajor.nullByte else { return false }
    offset += 1
    return true
  }

  package mutating func double() throws(JournalError) -> Double {
    let start = offset
    guard start < bytes.count else { throw failure("the input ends before a float") }
    offset += 1
    let value: Double
    let isShortest: Bool
    switch bytes[start] {
    case CBORMajor.halfByte:
      value = CBORFloat.value(halfBits: try bigEndian(UInt16.self))
      isShortest = true
    case CBORMajor.singleByte:
      let single = Float(bitPattern: try bigEndian(UInt32.self))
      value = Double(single)
      isShortest = CBORFloat.halfBits(of: single) == nil
    case CBORMajor.doubleByte:
      value = Double(bitPattern: try bigEndian(UInt64.self))
      isShortest = Double(Float(value)) != value
    case let byte:
      throw mismatch("a float", found: byte >> 5, at: start)
    }
    guard value.isFinite else { throw failure("the float is not finite", at: start) }
    guard isShortest else { throw failure("the float has a shorter form", at: start) }
    return value
  }
}

extension CBORReader {
  /// The major type and argument of the next head; for major type 7 call ``double()`` and the like.
  mutating func head() throws(JournalError) -> (major: UInt8, value: UInt64) {
    let start = offset
    guard start < bytes.count else { throw failure("the input ends before an item") }
    let byte = bytes[start]
    offset += 1
    let value: UInt64
    let smallest: UInt64
    switch byte & 0x1F {
    case 0..<24: return (byte >> 5, UInt64(byte & 0x1F))
    case 24: (value, smallest) = (UInt64(try bigEndian(UInt8.self)), 24)
    case 25: (value, smallest) = (UInt64(try bigEndian(UInt16.self)), 1 << 8)
    case 26: (value, smallest) = (UInt64(try bigEndian(UInt32.self)), 1 << 16)
    case 27: (value, smallest) = (try bigEndian(UInt64.self), 1 << 32)
    case 31: throw failure("lengths must be definite", at: start)
    default: throw failure("the head is reserved", at: start)
    }
    guard value >= smallest else { throw failure("the head has a shorter form", at: start) }
    return (byte >> 5, value)
  }

  mutating func head(expecting expected: UInt8) throws(JournalError) -> UInt64 {
    guard offset < bytes.count else {
      throw failure("the input ends before \(CBORMajor.name(expected))")
    }
    guard bytes[offset] >> 5 == expected else {
      throw mismatch(CBORMajor.name(expected), found: bytes[offset] >> 5, at: offset)
    }
    return try head().value
  }

  /// Passes over the content of a string.
  mutating func take(_ length: UInt64) throws(JournalError) -> Range<Int> {
    guard let length = Int(exactly: length), length <= remaining else {
      throw failure("a string runs over the end")
    }
    defer { offset += length }
    return offset..<offset + length
  }

  func count(_ count: UInt64, bytesPerElement: Int) throws(JournalError) -> Int {
    guard let count = Int(exactly: count), count <= remaining / bytesPerElement else {
      throw failure("a count runs over the end")
    }
    return count
  }

  private mutating func bigEndian<T: FixedWidthInteger>(
    _ type: T.Type
  ) throws(JournalError) -> T {
    let size = MemoryLayout<T>.size
    guard size <= remaining else { throw failure("the input ends inside an item") }
    defer { offset += size }
    return T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }

  @inline(never)
  func failure(_ text: String, at position: Int? = nil) -> JournalError {
    .damaged("CBOR at byte \(position ?? offset): \(text)")
  }

  @inline(never)
  func mismatch(_ expected: String, found major: UInt8, at position: Int) -> JournalError {
    failure("expected \(expected), found \(CBORMajor.name(major))", at: position)
  }
}
