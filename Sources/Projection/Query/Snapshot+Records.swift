import Journal

extension Snapshot {
  /// The record under an id, or nil when it does not exist.
  ///
  /// Decoded from the row where it lies. The id may be one that the record had before a server gave it
  /// its own; the record comes with the one it has.
  ///
  /// - Throws: `JournalError.typeMismatch` when its fields do not fit the type, and what
  ///   ``get(_:_:)`` throws.
  public func fetch<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws -> R? {
    let address = try RecordAddress(collection: R.schema.collection, key: id.key)
    return try source.withCurrent(address.rowKey) { rowKey, fields in
      let key = rowKey == address.rowKey ? id.key : try RecordAddress(rowKey: rowKey).names.key
      return try decode(type, key, fields)
    }
  }

  /// All records of a type in the order of their keys, bytewise.
  ///
  /// Linear in the collection. ``forEach(_:_:)-(R.Type,_)`` holds only one at a time.
  ///
  /// - Throws: as ``fetch(_:_:)`` does.
  public func all<R: Record>(_ type: R.Type) throws -> [R] {
    var records: [R] = []
    try forEach(type) { records.append($0) }
    return records
  }

  /// Calls a closure with each record of a type, in the order of their keys, bytewise.
  ///
  /// Linear in the collection.
  ///
  /// - Throws: as ``fetch(_:_:)`` does, and what the closure throws.
  public func forEach<R: Record>(_ type: R.Type, _ body: (R) throws -> Void) throws {
    let prefixBytes = try Self.prefix(R.schema.collection).count
    try forward(type).scanLent(R.schema.collection) { rowKey, fields in
      // The scan lends only keys that begin with the prefix.
      let key = String(
        decoding: UnsafeRawBufferPointer(rebasing: rowKey[prefixBytes...]), as: UTF8.self)
      try body(try decodeForward(type, key, fields))
      return true
    }
  }

  /// Decodes a record from its stored fields, in whatever form they are.
  func decode<R: Record>(
    _ type: R.Type, _ key: String, _ fields: UnsafeRawBufferPointer
  ) throws -> R {
    let schema = R.schema
    let forward =
      try schema.upcasts.isEmpty ? nil : schema.upcasts.forward(fields, schema.collection)
    guard let forward else { return try decodeForward(type, key, fields) }
    return try forward.withUnsafeBytes { try decodeForward(type, key, $0) }
  }

  /// Decodes a record from fields in the newest form, which ``forward(_:)`` shows.
  func decodeForward<R: Record>(
    _ type: R.Type, _ key: String, _ fields: UnsafeRawBufferPointer
  ) throws -> R {
    do {
      return try decoder.decode(type, from: fields, id: RecordID<R>(key))
    } catch JournalError.typeMismatch(let text) {
      throw JournalError.typeMismatch("\(R.schema.collection)/\(key): \(text)")
    }
  }
}
