/// Encodes values of your own types as the fields of records.
///
/// ```swift
/// struct Note: Codable { var title: String, done: Bool }
/// let fields = try FieldEncoder().encode(Note(title: "Milk", done: false))
/// try await store.write { try $0.create("notes", "n1", fields) }
/// ```
///
/// A property that is nil is no field. What the journal has no type for is stored as follows, so that
/// other programs, queries and people can read it:
///
/// | type | stored as |
/// | --- | --- |
/// | `Date` | text, RFC 3339 in UTC, rounded to milliseconds: `2013-08-04T20:12:55.123Z`; texts order as times |
/// | `Data` | bytes |
/// | `UUID` | text in lower case |
/// | `URL` | text, the absolute string |
/// | `Decimal` | text, all digits: a double would change them |
/// | `Float` | double of the same value |
/// | an enumeration with raw values | the raw value |
/// | a dictionary with text keys | object |
///
/// Refused is what the journal refuses: numbers that are not finite, values nested more than 32 deep,
/// field names outside 1–128 bytes, more than 1 MiB.
///
/// Reuse an encoder for many records: its memory is kept for the next. Not safe for use by two
/// threads at once.
public final class FieldEncoder {
  private var spare: FieldWriting? = FieldWriting()

  /// An encoder; costs a few small allocations.
  public init() {}

  /// Encodes a value as the fields of a record.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)``, which names the field, for what a journal refuses;
  ///   any other error that the type's own `encode(to:)` throws.
  public func encode<T: Encodable>(_ value: T) throws -> Fields {
    try withEncoded(value) { bytes in
      var reader = CBORReader(bytes)
      guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
        throw JournalError.invalidInput("\(T.self) does not encode as an object")
      }
      return fields
    }
  }

  /// Encodes a value as one deterministic CBOR map.
  package func encoded<T: Encodable>(_ value: T, omittingID: Bool = false) throws -> [UInt8] {
    try withEncoded(value, omittingID: omittingID) { [UInt8]($0) }
  }

  /// Lends a value as one deterministic CBOR map; costs no allocation but those of the type and of
  /// Codable's containers.
  ///
  /// - Parameter omittingID: Whether the member `id` is left out.
  package func withEncoded<T: Encodable, R>(
    _ value: T, omittingID: Bool = false, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    // A type may encode another record while it is being encoded: that needs a state of its own.
    var writing = spare.take() ?? FieldWriting()
    defer {
      writing.end()
      // Somebody has kept a container: it must never write into the next record.
      spare = isKnownUniquelyReferenced(&writing) ? writing : FieldWriting()
    }
    do {
      try writing.begin(omitsID: omittingID).encode(value)
      return try body(try writing.finish())
    } catch let error as EncodingError {
      throw Self.error(error, T.self)
    }
  }

  /// The journal's error for one of Codable's.
  private static func error(_ error: EncodingError, _ type: any Any.Type) -> JournalError {
    guard case .invalidValue(_, let context) = error else {
      return .invalidInput("\(type) cannot be stored: \(error)")
    }
    let place =
      context.codingPath.isEmpty ? "" : "field `\(describe(context.codingPath))` of "
    return .invalidInput("\(place)\(type) cannot be stored: \(context.debugDescription)")
  }
}
