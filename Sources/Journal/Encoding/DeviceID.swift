/// The identity of a device, or of one copy of a journal. 128 bits, as text a lower-case UUID.
public struct DeviceID: Sendable, Hashable, Comparable {
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
  public static func < (left: DeviceID, right: DeviceID) -> Bool {
    left.bits < right.bits
  }
}

extension DeviceID: LosslessStringConvertible {
  /// Reads the text of a UUID in either case; nil for any other spelling.
  public init?(_ text: String) {
    guard let bits = ByteOrder.withUTF8(of: text, { UUIDBits(utf8: $0) }) else { return nil }
    self.bits = bits
  }

  /// The UUID in lower case.
  public var description: String { bits.text }
}

extension DeviceID {
  /// A new random id (UUIDv4) from two words of the given source.
  package static func random(_ random: () -> UInt64) -> DeviceID {
    DeviceID(UUIDBits(high: random(), low: random()).marked(version: 4))
  }
}
