/// One value of a field, in the types a journal keeps apart.
///
/// Equality is equality of what is stored: text by its UTF-8 bytes, never by canonical equivalence;
/// doubles by their bits, so that `0.0` and `-0.0` differ; `integer(1)` is not `double(1)`.
public enum Value: Sendable {
  /// A field that is there and has no value; not the same as no field.
  case null
  /// True or false.
  case bool(Bool)
  /// A whole number.
  case integer(Int64)
  /// A number above `Int64.max`. A smaller one is stored as, and equals, an `integer`.
  case unsigned(UInt64)
  /// A finite number; infinities and NaN are refused when the value is encoded.
  case double(Double)
  /// A text.
  case string(String)
  /// Bytes that are not text.
  case bytes([UInt8])
  /// Values in order.
  case array([Value])
  /// Values under names.
  case object(Fields)
  /// The record of a collection under a key, followed when the record's key changes.
  case reference(collection: String, key: String)

  /// A whole number in the one case that fits it.
  public init(_ number: UInt64) {
    self = Int64(exactly: number).map { .integer($0) } ?? .unsigned(number)
  }
}

extension Value: Hashable {
  /// Whether both are stored as the same bytes.
  public static func == (left: Value, right: Value) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.unsigned(let left), .unsigned(let right)): left == right
    case (.integer(let signed), .unsigned(let unsigned)),
      (.unsigned(let unsigned), .integer(let signed)):
      UInt64(exactly: signed) == unsigned
    case (.double(let left), .double(let right)): left.bitPattern == right.bitPattern
    case (.string(let left), .string(let right)): ByteOrder.compare(left, right) == 0
    case (.bytes(let left), .bytes(let right)): left == right
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    case (.reference(let leftCollection, let left), .reference(let rightCollection, let right)):
      ByteOrder.compare(left, right) == 0
        && ByteOrder.compare(leftCollection, rightCollection) == 0
    default: false
    }
  }

  /// Hashes what is stored, as `==` compares it.
  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null:
      hasher.combine(0)
    case .bool(let value):
      hasher.combine(1)
      hasher.combine(value)
    case .integer(let value):
      hasher.combine(2)
      hasher.combine(UInt64(bitPattern: value))
    case .unsigned(let value):
      hasher.combine(2)
      hasher.combine(value)
    case .double(let value):
      hasher.combine(3)
      hasher.combine(value.bitPattern)
    case .string(let text):
      hasher.combine(4)
      hasher.combine(text: text)
    case .bytes(let bytes):
      hasher.combine(5)
      hasher.combine(bytes)
    case .array(let values):
      hasher.combine(6)
      hasher.combine(values)
    case .object(let fields):
      hasher.combine(7)
      hasher.combine(fields)
    case .reference(let collection, let key):
      hasher.combine(8)
      hasher.combine(text: collection)
      hasher.combine(text: key)
    }
  }
}

extension Hasher {
  /// Adds the UTF-8 of a text; `combine` itself would fold canonically equivalent texts together.
  mutating func combine(text: String) {
    combine(text.utf8.count)
    ByteOrder.withUTF8(of: text) { combine(bytes: $0) }
  }
}

extension Value: CustomStringConvertible {
  /// The value as JSON text.
  public var description: String { JSONText.string(self) }
}

extension Value: ExpressibleByNilLiteral {
  /// The null; where an optional value is expected, `nil` means no value instead.
  public init(nilLiteral: ()) { self = .null }
}

extension Value: ExpressibleByBooleanLiteral {
  /// A `bool`.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension Value: ExpressibleByIntegerLiteral {
  /// An `integer`, also where a `double` of the same value was meant.
  public init(integerLiteral value: Int64) { self = .integer(value) }
}

extension Value: ExpressibleByFloatLiteral {
  /// A `double`.
  public init(floatLiteral value: Double) { self = .double(value) }
}

extension Value: ExpressibleByStringLiteral {
  /// A `string`.
  public init(stringLiteral value: String) { self = .string(value) }
}

extension Value: ExpressibleByArrayLiteral {
  /// An `array`.
  public init(arrayLiteral elements: Value...) { self = .array(elements) }
}

extension Value: ExpressibleByDictionaryLiteral {
  /// An object; of a name given twice the last value stays.
  public init(dictionaryLiteral elements: (String, Value)...) {
    self = .object(Fields(elements))
  }
}
