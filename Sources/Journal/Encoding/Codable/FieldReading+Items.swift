/// Single items of a record's CBOR, read where they lie.
extension FieldReading {
  struct Head {
    var major: UInt8
    /// The low five bits of the first byte.
    var info: UInt8
    var value: UInt64
    /// Where what follows the head begins.
    var end: Int
  }

  @inline(__always)
  func head(at offset: Int) throws(ItemFault) -> Head {
    guard offset < bytes.count else { throw endFault }
    let byte = bytes[offset]
    let info = byte & 0x1F
    if info < 24 {
      return Head(major: byte >> 5, info: info, value: UInt64(info), end: offset + 1)
    }
    return try longHead(byte, at: offset)
  }

  private func longHead(_ byte: UInt8, at offset: Int) throws(ItemFault) -> Head {
    let info = byte & 0x1F
    guard info < 28 else { throw .corrupt("a length is not definite") }
    let size = 1 << Int(info - 24)
    guard bytes.count - offset > size else { throw endFault }
    let value: UInt64 =
      switch size {
      case 1: UInt64(bytes[offset + 1])
      case 2: UInt64(UInt16(bigEndian: load(offset + 1)))
      case 4: UInt64(UInt32(bigEndian: load(offset + 1)))
      default: UInt64(bigEndian: load(offset + 1))
      }
    return Head(major: byte >> 5, info: info, value: value, end: offset + 1 + size)
  }

  @inline(__always)
  private func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> T {
    bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
  }

  private var endFault: ItemFault {
    .corrupt(
      bytes.baseAddress == nil
        ? "the decoder was used after its record was decoded" : "the bytes end inside an item")
  }

  /// Where the item after the one at `offset` begins. Does not recurse, however deep it is nested.
  @inline(__always)
  func skip(_ offset: Int) throws(ItemFault) -> Int {
    let head = try head(at: offset)
    if head.major < CBORMajor.data { return head.end }
    if head.major < CBORMajor.array {
      guard head.value <= UInt64(bytes.count - head.end) else { throw endFault }
      return head.end + Int(truncatingIfNeeded: head.value)
    }
    return head.major == CBORMajor.simple ? head.end : try skipNested(offset)
  }

  private func skipNested(_ offset: Int) throws(ItemFault) -> Int {
    var position = offset
    var items: UInt64 = 1
    while items > 0 {
      let head = try head(at: position)
      let left = UInt64(bytes.count - head.end)
      position = head.end
      items -= 1
      switch head.major {
      case CBORMajor.data, CBORMajor.text:
        guard head.value <= left else { throw endFault }
        position += Int(truncatingIfNeeded: head.value)
      case CBORMajor.array, CBORMajor.map:
        // No more items than bytes are left: with less than 2^31 of them no sum overflows.
        guard head.value <= left else { throw endFault }
        items += head.major == CBORMajor.map ? head.value * 2 : head.value
      case CBORMajor.tag: items += 1
      default: break
      }
    }
    return position
  }

  /// The range of a text's or byte string's content.
  @inline(__always)
  func content(_ major: UInt8, at offset: Int) throws(ItemFault) -> Range<Int> {
    let head = try head(at: offset)
    guard head.major == major else {
      throw mismatch(major == CBORMajor.text ? "a text" : "a byte string", at: offset)
    }
    guard head.value <= UInt64(bytes.count - head.end) else { throw endFault }
    return head.end..<head.end + Int(truncatingIfNeeded: head.value)
  }

  @inline(__always)
  func isNull(at offset: Int) -> Bool {
    offset < bytes.count && bytes[offset] == CBORMajor.nullByte
  }

  func bool(at offset: Int) throws(ItemFault) -> Bool {
    guard offset < bytes.count else { throw endFault }
    switch bytes[offset] {
    case CBORMajor.trueByte: return true
    case CBORMajor.falseByte: return false
    default: throw mismatch("a boolean", at: offset)
    }
  }

  /// A text, whose UTF-8 is checked while it is copied and at no other time.
  func string(at offset: Int) throws(ItemFault) -> String {
    let range = try content(CBORMajor.text, at: offset)
    let part = bytes.part(range)
    // This checks the UTF-8 while it copies, and repairs what is none: then other bytes come out.
    // `String(validating:)` is not specialised and takes three times as long.
    let text = part.withMemoryRebound(to: UInt8.self) { String(decoding: $0, as: UTF8.self) }
    let isSame = ByteOrder.withUTF8(of: text) { ByteOrder.isEqual($0, part) }
    guard isSame else { throw .corrupt("the text is not UTF-8") }
    return text
  }

  /// Lends a text's bytes, which nobody has checked.
  func textBytes(at offset: Int) throws(ItemFault) -> UnsafeRawBufferPointer {
    bytes.part(try content(CBORMajor.text, at: offset))
  }

  // Inlined, so that no type's metadata has to be looked up.
  @inline(__always)
  func integer<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) throws(ItemFault) -> T {
    let head = try head(at: offset)
    switch head.major {
    case CBORMajor.unsigned:
      guard head.value <= UInt64(truncatingIfNeeded: T.max) else { throw fitFault }
      return T(truncatingIfNeeded: head.value)
    case CBORMajor.negative:
      // -1 - n lies in the type when n does not exceed its largest value.
      guard T.isSigned, head.value <= UInt64(truncatingIfNeeded: T.max) else { throw fitFault }
      return ~T(truncatingIfNeeded: head.value)
    default: throw mismatch("an integer", at: offset)
    }
  }

  private var fitFault: ItemFault { .corrupt("the number does not fit the type") }

  /// A double; also an integer that is one exactly, since JSON writes `1` for both.
  func double(at offset: Int) throws(ItemFault) -> Double {
    guard offset < bytes.count else { throw endFault }
    let value: Double
    switch bytes[offset] {
    case CBORMajor.doubleByte:
      guard bytes.count - offset > 8 else { throw endFault }
      value = Double(bitPattern: UInt64(bigEndian: load(offset + 1)))
    case CBORMajor.singleByte:
      guard bytes.count - offset > 4 else { throw endFault }
      value = Double(Float(bitPattern: UInt32(bigEndian: load(offset + 1))))
    case CBORMajor.halfByte:
      guard bytes.count - offset > 2 else { throw endFault }
      value = CBORFloat.value(halfBits: UInt16(bigEndian: load(offset + 1)))
    default:
      return try exactDouble(at: offset)
    }
    guard value.isFinite else { throw .corrupt("the number is not finite") }
    return value
  }

  private func exactDouble(at offset: Int) throws(ItemFault) -> Double {
    let head = try head(at: offset)
    let value: Double?
    switch head.major {
    case CBORMajor.unsigned: value = Double(exactly: head.value)
    case CBORMajor.negative: value = Int64(exactly: head.value).flatMap { Double(exactly: ~$0) }
    default: throw mismatch("a number", at: offset)
    }
    guard let value else { throw .corrupt("the integer is no double exactly") }
    return value
  }

  func float(at offset: Int) throws(ItemFault) -> Float {
    let value = Float(try double(at: offset))
    guard value.isFinite else { throw .corrupt("the number does not fit Float") }
    return value
  }

  /// The number of elements of an array, and where the first begins.
  func array(at offset: Int) throws(ItemFault) -> (count: Int, first: Int) {
    let head = try head(at: offset)
    guard head.major == CBORMajor.array else { throw mismatch("an array", at: offset) }
    guard head.value <= UInt64(bytes.count - head.end) else {
      throw .corrupt("a count runs over the end")
    }
    return (Int(truncatingIfNeeded: head.value), head.end)
  }

  /// Collection and key of a reference.
  func reference(at offset: Int) throws(ItemFault) -> (collection: String, key: String) {
    let head = try head(at: offset)
    guard head.major == CBORMajor.tag else { throw mismatch("a reference", at: offset) }
    let pair = try array(at: head.end)
    guard head.value == CBORMajor.referenceTag, pair.count == 2 else {
      throw .corrupt("the reference is no tagged pair of texts")
    }
    let collection = try string(at: pair.first)
    return (collection, try string(at: try skip(pair.first)))
  }

  @inline(never)
  func mismatch(_ expected: String, at offset: Int) -> ItemFault {
    guard offset < bytes.count else { return endFault }
    if isNull(at: offset) { return .null }
    let found =
      switch bytes[offset] {
      case CBORMajor.falseByte, CBORMajor.trueByte: "a boolean"
      case CBORMajor.halfByte, CBORMajor.singleByte, CBORMajor.doubleByte: "a double"
      case let byte where byte >> 5 == CBORMajor.map: "an object"
      case let byte where byte >> 5 == CBORMajor.tag: "a reference"
      case let byte: CBORMajor.name(byte >> 5)
      }
    return .mismatch("expected \(expected), found \(found)")
  }
}
