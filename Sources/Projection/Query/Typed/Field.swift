public import Foundation
import Journal

/// A field of a type's records, by its name and the type of its values.
///
/// Where a key path can be given, it is enough. A field is named where the type of a property cannot be
/// tried out, such as an enumeration with texts as raw values that is not `CaseIterable`:
///
/// ```swift
/// let open = try snapshot.fetch(Todo.where(Field("state") == State.open))
/// ```
public struct Field<R: Record, V: Codable & Sendable>: Sendable {
  let name: @Sendable () throws -> String

  /// The field under a name, as the type encodes it.
  public init(_ name: String) {
    self.name = { name }
  }

  /// The field a key path reads.
  ///
  /// Reads of records throw `JournalError.invalidInput` where the path is not that of one stored property.
  public init(_ path: any KeyPath<R, V> & Sendable) {
    name = { try FieldProbe<R>.shared().name(of: path) }
  }
}

/// A type whose values, as the journal stores them, have the order that Swift gives them.
///
/// Texts are compared by their bytes of UTF-8. `Decimal` is none: it is stored as text, and 9 would
/// come after 10.
public protocol OrderedField: Codable, Comparable, Sendable {}

extension Int: OrderedField {}
extension Int8: OrderedField {}
extension Int16: OrderedField {}
extension Int32: OrderedField {}
extension Int64: OrderedField {}
extension UInt: OrderedField {}
extension UInt8: OrderedField {}
extension UInt16: OrderedField {}
extension UInt32: OrderedField {}
extension UInt64: OrderedField {}
extension Double: OrderedField {}
extension Float: OrderedField {}
extension String: OrderedField {}
extension Date: OrderedField {}

/// A value alone, as a field is stored.
struct Alone<V: Codable>: Codable {
  var value: V

  /// The stored form of a value; `null` for nil.
  static func stored(_ value: V) throws -> Value {
    try FieldEncoder().encode(Alone(value: value))["value"] ?? .null
  }
}
