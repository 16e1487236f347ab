/// Decodes values of your own types from the fields of records.
///
/// ```swift
/// struct Note: Codable { var title: String, done: Bool }
/// let note = try FieldDecoder().decode(Note.self, from: ["title": "Milk", "done": false])
/// ```
///
/// Fields the type does not know are ignored. A missing field and `null` are both nil where the type
/// has an optional. Texts, booleans and integers are taken as they are; a `Double` is also taken
/// from an integer it holds exactly. Which forms `Date`, `Data`, `UUID`, `URL` and `Decimal` have is
/// said at ``FieldEncoder``.
///
/// Reuse a decoder for many records: what it needs to look through one is kept for the next. Not safe
/// for use by two threads at once.
public final class FieldDecoder {
  private var spare: FieldReading? = FieldReading()

  /// A decoder; costs one small allocation.
  public init() {}

  /// Decodes a value from the fields of a record.
  ///
  /// - Throws: ``JournalError/typeMismatch(_:)``, which names the field, when they do not fit the
  ///   type; any other error that the type's own `init(from:)` throws.
  public func decode<T: Decodable>(_ type: T.Type, from fields: Fields) throws -> T {
    var writer = CBORWriter(reserving: 256)
    try writer.fields(fields)
    return try writer.bytes.withUnsafeBytes { try decode(type, from: $0) }
  }

  /// Decodes a value from a record's encoded fields.
  ///
  /// Checks whatever it reads and steps over the rest. One pass, and no allocation but those of the
  /// type and of Codable's containers.
  ///
  package func decode<T: Decodable>(
    _ type: T.Type, from map: UnsafeRawBufferPointer
  ) throws -> T {
    try decode(type, from: map, ownID: nil)
  }

  /// Decodes a record from its encoded fields, whose member `id` is given.
  package func decode<T: Decodable, ID>(
    _ type: T.Type, from map: UnsafeRawBufferPointer, id: ID
  ) throws -> T {
    try withUnsafePointer(to: id) { pointer in
      try decode(
        type, from: map, ownID: FieldReading.OwnID(type: ID.self, value: UnsafeRawPointer(pointer)))
    }
  }

  private func decode<T: Decodable>(
    _ type: T.Type, from map: UnsafeRawBufferPointer, ownID: FieldReading.OwnID?
  ) throws -> T {
    // A type may decode another record while it is being decoded: that needs a state of its own.
    var reading = spare.take() ?? FieldReading()
    defer { spare = reading }
    do {
      try reading.begin(map, ownID: ownID)
      defer {
        reading.end()
        // Somebody has kept a decoder: it must never see the next record.
        if !isKnownUniquelyReferenced(&reading) { reading = FieldReading() }
      }
      return try T(from: FieldItemDecoder(reading: reading, offset: 0, place: 0))
    } catch let error as DecodingError {
      throw Self.error(error, type)
    } catch let fault as ItemFault {
      throw Self.error(fault.error(type, []), type)
    }
  }

  /// The journal's error for one of Codable's.
  private static func error(_ error: DecodingError, _ type: any Any.Type) -> JournalError {
    let context: DecodingError.Context
    var path: [any CodingKey] = []
    switch error {
    case .keyNotFound(let key, let found):
      context = found
      path = [key]
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
      context = found
    @unknown default: return .typeMismatch("the record is no \(type): \(error)")
    }
    path = context.codingPath + path
    let place = path.isEmpty ? "the record" : "field `\(describe(path))`"
    return .typeMismatch(
      "\(place) does not fit \(type): \(context.debugDescription); change the type to what is "
        + "stored, or the record to what the type expects")
  }
}
