import Journal

/// What a closure's change of a record of a type comes to in its stored fields.
struct TypedUpdate {
  let set: [UInt8]?
  let unset: [String]

  /// - Parameter stored: The record's fields as they are stored, in whatever form.
  /// - Returns: nil when the closure changed nothing.
  /// - Throws: What the closure throws; `JournalError.invalidInput` when it has changed the id;
  ///   `JournalError.typeMismatch` when the record does not fit the type.
  init?<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, _ stored: [UInt8], _ change: (inout R) throws -> Void
  ) throws {
    let schema = R.schema
    let forward = try stored.withUnsafeBytes { try schema.upcasts.forward($0, schema.collection) }
    var record = try Self.decode(type, id, forward ?? stored)
    let encoder = FieldEncoder()
    let before = try encoder.encoded(record, omittingID: true)
    try change(&record)
    guard record.id == id else {
      throw JournalError.invalidInput(
        "\(schema.collection)/\(id): a record's id cannot be changed; create another record")
    }
    let after = try encoder.encoded(record, omittingID: true)
    // Both are encoded by the type: what it does not know, or writes in another form than is stored,
    // is no change.
    let changed = try Self.difference(before, after)
    guard changed.set != nil || !changed.unset.isEmpty else { return nil }
    guard let forward else {
      (set, unset) = changed
      return
    }
    // What was brought forward is written with the change, else the change would stand in a record of
    // two forms.
    let own = try EditDraft().draft(
      .update(set: changed.set, unset: changed.unset), collection: schema.collection, key: id.key)
    let result = try own.body.withUnsafeBytes {
      try EditRule.apply(.update, Body($0), to: forward).fields
    }
    (set, unset) = try Self.difference(stored, result ?? forward)
    if set == nil, unset.isEmpty { return nil }
  }

  /// A record as the present form of its type.
  static func current<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, _ stored: [UInt8]
  ) throws -> R {
    let schema = R.schema
    let forward = try stored.withUnsafeBytes { try schema.upcasts.forward($0, schema.collection) }
    return try decode(type, id, forward ?? stored)
  }

  private static func difference(
    _ old: [UInt8], _ new: [UInt8]
  ) throws -> (set: [UInt8]?, unset: [String]) {
    try old.withUnsafeBytes { old in
      try new.withUnsafeBytes { try FieldMap.difference(from: old, to: $0) }
    }
  }

  private static func decode<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, _ fields: [UInt8]
  ) throws -> R {
    do {
      return try fields.withUnsafeBytes {
        try FieldDecoder().decode(type, from: $0, id: id)
      }
    } catch JournalError.typeMismatch(let text) {
      throw JournalError.typeMismatch("\(R.schema.collection)/\(id): \(text)")
    }
  }
}
