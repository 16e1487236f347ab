/// The identity of an entry, made by its writer: appending it twice is one entry.
///
/// 128 bits, as text a lower-case UUID. Ids a journal makes are UUIDv7, so they sort by time.
public struct EntryID: Sendable, Hashable, Comparable {
  private let bits: UUIDBits

  /// The most significant 64 bits.
  public var high: UInt64 { bits.high }
  /// The least significant 64 bits.
  public var low: UInt64 { bits.low }

  init(_ bits: UUIDBits) {
    self.bits = bits
  }

  /// An id of any 128 bits.
  public init(high: UInt64, low: UInt64) {
    bits = UUIDBits(high: high, low: low)
  }

  /// Nil unless there are 16 bytes.
  public init?(bytes: UnsafeRawBufferPointer) {
    guard let bits = UUIDBits(bytes: bytes) else { return nil }
    self.bits = bits
  }

  /// Nil unless there are 16 bytes.
  public init?(bytes: [UInt8]) {
    guard let bits = bytes.withUnsafeBytes({ UUIDBits(bytes: $0) }) else { return nil }
    self.bits = bits
  }

  /// Reads the text of a UUID in either case; nil for any other spelling.
  package init?(utf8: UnsafeRawBufferPointer) {
    guard let bits = UUIDBits(utf8: utf8) else { return nil }
    self.bits = bits
  }

  /// The 16 bytes, most significant first.
  public var bytes: [UInt8] { bits.bytes }

  /// Appends the 16 bytes.
  public func write(into bytes: inout [UInt8]) {
    bits.write(into: &bytes)
  }

  /// Orders ids by their bytes.
  public static func < (left: EntryID, right: EntryID) -> Bool {
    left.bits < right.bits
  }
}

extension EntryID: LosslessStringConvertible {
  /// Reads the text of a UUID in either case; nil for any other spelling.
  public init?(_ text: String) {
    guard let bits = ByteOrder.withUTF8(of: text, { UUIDBits(utf8: $0) }) else { return nil }
    self.bits = bits
  }

  /// The UUID in lower case.
  public var description: String { bits.text }
}

extension EntryID {
  /// The UUID's version, 0 to 15; it means something only for ids that follow RFC 9562.
  public var version: Int { bits.version }

  /// When a UUIDv7 was made, in milliseconds since 1970; nil for every other id.
  public var unixMilliseconds: UInt64? {
    bits.version == 7 && bits.isStandard ? high >> 16 : nil
  }

  /// The id computed from a digest: its first 16 bytes as a UUIDv8, the same wherever it is
  /// computed. A digest shorter than 16 bytes is a programmer's error.
  public static func computed(_ digest: [UInt8]) -> EntryID {
    let bits = digest.withUnsafeBytes {
      UUIDBits(bytes: UnsafeRawBufferPointer(rebasing: $0.prefix(16)))
    }
    guard let bits else {
      preconditionFailure("an id is computed from at least 16 bytes, not \(digest.count)")
    }
    return EntryID(bits.marked(version: 8))
  }
}
