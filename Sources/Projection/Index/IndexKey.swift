import Journal

/// The values of an index's fields as bytes that order as the values do.
///
/// A tag per type in the order of ``SortOrder``, then the value: numbers of every kind by their value, texts by
/// their bytes of UTF-8. What has no short form, an array or an object, ends the key with its tag: rows of
/// such keys are put in order when they are read.
struct IndexKey {
  /// LMDB takes keys of up to 511 bytes; 6 are the index's number, up to 128 the record's key.
  static let maximumBytes = 340

  enum Tag {
    /// Of an index through an array: the record itself has to be asked.
    static let other: UInt8 = 0x00
    static let missing: UInt8 = 0x01
    static let null: UInt8 = 0x02
    static let no: UInt8 = 0x03
    static let yes: UInt8 = 0x04
    static let number: UInt8 = 0x10
    static let string: UInt8 = 0x20
    static let data: UInt8 = 0x28
    static let array: UInt8 = 0x30
    static let reference: UInt8 = 0x38
    static let object: UInt8 = 0x40
  }

  private(set) var bytes: [UInt8]
  /// False once a value was left out or cut: nothing more is appended then.
  private(set) var isExact = true
  private let limit: Int

  /// - Parameters:
  ///   - prefix: Bytes that stand before the values and do not count.
  ///   - capacity: The bytes to make room for.
  init(_ prefix: [UInt8] = [], reserving capacity: Int = 0) {
    bytes = []
    if capacity > 0 { bytes.reserveCapacity(capacity) }
    bytes += prefix
    limit = prefix.count + Self.maximumBytes
  }

  /// The bytes, to append to without a copy.
  consuming func takeBytes() -> [UInt8] {
    let taken = bytes
    bytes = []
    return taken
  }

  mutating func append(tag: UInt8) {
    guard isExact else { return }
    bytes.append(tag)
    cut()
  }

  /// Appends a field's value, which is nil where the record has none.
  mutating func append(_ value: Value?) throws {
    guard let value else { return append(tag: Tag.missing) }
    var writer = CBORWriter(reserving: 32)
    try writer.value(value)
    try writer.bytes.withUnsafeBytes { try append(encoded: $0) }
  }

  /// Appends a value as a record stores it.
  ///
  /// - Throws: `JournalError.damaged` for bytes that are not one.
  mutating func append(encoded: UnsafeRawBufferPointer) throws {
    guard isExact else { return }
    var reader = CBORReader(encoded)
    switch try reader.peekMajor() {
    case 0: append(number: Value(try reader.unsigned()))
    case 1: append(number: .integer(try reader.integer()))
    case 2: append(escaped: encoded, try reader.data(), Tag.data)
    case 3: append(escaped: encoded, try reader.text(), Tag.string)
    case 4: end(tag: Tag.array)
    case 5: end(tag: Tag.object)
    case 6:
      let (collection, key) = try reader.reference()
      append(escaped: encoded, collection, Tag.reference)
      append(escaped: encoded, key, nil)
    default:
      if reader.skipNull() { return append(tag: Tag.null) }
      switch try reader.value(maxDepth: 1) {
      case .bool(let value): append(tag: value ? Tag.yes : Tag.no)
      case let number: append(number: number)
      }
    }
    cut()
  }

  /// Appends the beginning of a text, for all texts that begin so.
  mutating func append(prefix: String) {
    guard isExact else { return }
    bytes.append(Tag.string)
    for byte in prefix.utf8 {
      bytes.append(byte)
      if byte == 0 { bytes.append(0xFF) }
    }
    cut()
  }

  /// Appends a tag whose value is not there in full.
  mutating func end(tag: UInt8) {
    guard isExact else { return }
    bytes.append(tag)
    isExact = false
  }

  private mutating func cut() {
    guard bytes.count > limit else { return }
    bytes.removeLast(bytes.count - limit)
    isExact = false
  }

  private mutating func append(
    escaped encoded: UnsafeRawBufferPointer, _ range: Range<Int>, _ tag: UInt8?
  ) {
    if let tag { bytes.append(tag) }
    // What would be cut is not copied.
    let content = UnsafeRawBufferPointer(rebasing: encoded[range].prefix(limit))
    if content.contains(0) {
      for byte in content {
        bytes.append(byte)
        if byte == 0 { bytes.append(0xFF) }
      }
    } else {
      bytes.append(contentsOf: content)
    }
    bytes.append(0)
    bytes.append(0)
  }

  /// A number as the largest double at or below it, and how far above that it is: exact for every
  /// integer, and the same bytes for 1 and 1.0.
  private mutating func append(number: Value) {
    let (double, rest) = Self.split(number)
    let bits = (double == 0 ? 0.0 : double).bitPattern
    let ordered = bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    bytes.append(Tag.number)
    withUnsafeBytes(of: ordered.bigEndian) { bytes.append(contentsOf: $0) }
    withUnsafeBytes(of: rest.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func split(_ number: Value) -> (Double, UInt16) {
    switch number {
    case .integer(let integer): split(integer)
    case .unsigned(let integer): split(integer)
    case .double(let double): (double, 0)
    default: (0, 0)
    }
  }

  private static func split<I: FixedWidthInteger>(_ integer: I) -> (Double, UInt16) {
    var double = Double(integer)
    // Rounded up, perhaps beyond what the type holds.
    if I(exactly: double).map({ $0 > integer }) ?? true { double = double.nextDown }
    guard let below = I(exactly: double) else { return (double, 0) }
    return (double, UInt16(clamping: integer &- below))
  }
}
