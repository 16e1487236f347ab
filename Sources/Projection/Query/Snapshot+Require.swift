public import Journal

/// What was asked for is not there.
public struct MissingRecord: Error, Sendable, Hashable, CustomStringConvertible {
  public let collection: String
  public let key: String
  /// The field that is absent or null; nil where the record itself is missing.
  public let field: String?

  /// What is missing, and what to do.
  public var description: String {
    if let field {
      "\(collection)/\(key) has no value in its field \"\(field)\"; set it first, or ask with `get`"
    } else {
      "there is no record \(collection)/\(key); create it first, or ask with `get` or `fetch`"
    }
  }
}

extension Snapshot {
  /// One record's fields, which must exist.
  ///
  /// - Throws: ``MissingRecord`` where it does not, and what ``get(_:_:)`` throws.
  public func require(_ collection: String, _ key: String) throws -> Fields {
    guard let fields = try get(collection, key) else {
      throw MissingRecord(collection: collection, key: key, field: nil)
    }
    return fields
  }

  /// One field of a record, which must have a value: null counts as none.
  ///
  /// - Throws: ``MissingRecord`` where it has none, and what ``get(_:_:)`` throws.
  public func require(_ collection: String, _ key: String, _ field: String) throws -> Value {
    guard let value = try require(collection, key)[field], value != .null else {
      throw MissingRecord(collection: collection, key: key, field: field)
    }
    return value
  }

  /// The record under an id, which must exist.
  ///
  /// - Throws: ``MissingRecord`` where it does not, and what ``fetch(_:_:)`` throws.
  public func require<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws -> R {
    guard let record = try fetch(type, id) else {
      throw MissingRecord(collection: R.schema.collection, key: id.key, field: nil)
    }
    return record
  }
}
