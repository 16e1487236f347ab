/// Names a migration: digits that say its place in the order, such as `20120610093000`.
///
/// 1 to 32 digits, not all of them zeros; the ids of one set have the same number of digits. Compares
/// as a number. Any text can be made one; ``Migrations`` refuses what is malformed.
public struct MigrationID: Sendable {
  /// The digits as they were given.
  public let text: String

  /// Stands before every migration: the target that undoes them all.
  public static let beginning = MigrationID("0")

  public init(_ text: String) {
    self.text = text
  }

  /// Whether it consists of 1 to 32 digits.
  var isWellFormed: Bool {
    (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Whether it stands before every migration, like ``beginning``.
  var isBeginning: Bool { text.utf8.allSatisfy { $0 == 0x30 } }
}

extension MigrationID: Hashable {
  /// Whether both have the same digits, leading zeros included.
  public static func == (left: Self, right: Self) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    for byte in text.utf8 { hasher.combine(byte) }
  }
}

extension MigrationID: Comparable {
  /// Compares the numbers; of equal ones the text with more leading zeros comes last.
  public static func < (left: Self, right: Self) -> Bool {
    let (one, other) = (left.text.utf8.drop { $0 == 0x30 }, right.text.utf8.drop { $0 == 0x30 })
    if one.count != other.count { return one.count < other.count }
    if !one.elementsEqual(other) { return one.lexicographicallyPrecedes(other) }
    return left.text.utf8.count < right.text.utf8.count
  }
}

extension MigrationID: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  public init(stringLiteral text: String) { self.init(text) }

  /// The id of these digits, without leading zeros.
  public init(integerLiteral number: UInt64) { self.init(String(number)) }
}

extension MigrationID: CustomStringConvertible {
  /// The digits.
  public var description: String { text }
}
