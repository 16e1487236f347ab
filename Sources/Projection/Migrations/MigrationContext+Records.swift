public import Journal

extension MigrationContext {
  /// Inserts a record, unless there is one under its key: that one is left as it is.
  ///
  /// A collection comes to be with its first record. Before the step has read anything, its inserts are
  /// the same edits on every device: key and entry id follow from the migration and the number of the
  /// insert, the server takes them once, and fields must not come from a clock or a random number.
  /// After that, what is inserted may differ from device to device: without a key it gets a fresh one.
  ///
  /// - Returns: The record's key.
  /// - Throws: `JournalError.invalidInput` for names and fields a journal refuses.
  @discardableResult
  public mutating func insert(
    _ collection: String, key: String? = nil, _ fields: Fields
  ) throws -> String {
    try insert(collection, key: key, Self.encoded(fields))
  }

  /// Inserts a record of a type under its id, as ``insert(_:key:_:)`` does.
  ///
  /// Give it an id of your own: one that was made by `RecordID()` is another on each device.
  public mutating func insert<R: Record>(_ record: R) throws {
    let fields = try FieldEncoder().encoded(record, omittingID: true)
    _ = try insert(
      R.schema.collection, key: record.id.key, schema: R.schema.version, fields)
  }

  /// Creates or replaces a whole record.
  public mutating func put(_ collection: String, _ key: String, _ fields: Fields) throws {
    try add(.put(fields: Self.encoded(fields)), collection, key)
  }

  /// Deletes a record, if it exists.
  public mutating func delete(_ collection: String, _ key: String) throws {
    // Whether it did is not told: what a step inserts next would depend on this device.
    guard try stored(collection, key) != nil else { return }
    try add(.delete, collection, key)
  }

  /// Deletes the records of a collection that a filter means.
  ///
  /// ```swift
  /// try tx.delete("fighters", where: .compare(.init("color", .equal, "blue")))
  /// ```
  ///
  /// - Returns: How many there were.
  /// - Throws: `JournalError.invalidInput` for a filter that looks at no field.
  @discardableResult
  public mutating func delete(_ collection: String, where filter: Filter) throws -> Int {
    guard filter.looksAtField else {
      throw JournalError.invalidInput(
        "an empty filter would delete all of \(collection); name a field, or call "
          + "`dropCollection`")
    }
    return try deleteAll(collection, filter)
  }

  /// Deletes all records of a collection; returns how many there were.
  @discardableResult
  public mutating func dropCollection(_ collection: String) throws -> Int {
    try deleteAll(collection, .all([]))
  }

  private mutating func deleteAll(_ collection: String, _ filter: Filter) throws -> Int {
    let keys = try keys(collection, filter)
    for key in keys { try add(.delete, collection, key) }
    return keys.count
  }

  /// Changes records of a collection, all of them or those a filter means.
  ///
  /// What differs afterwards is written, and nothing else.
  ///
  /// - Parameter change: Gets a record's fields; may throw, and then nothing of the step happens.
  /// - Returns: How many were changed.
  @discardableResult
  public mutating func update(
    _ collection: String, where filter: Filter = .all([]),
    _ change: (inout Fields) throws -> Void
  ) throws -> Int {
    var count = 0
    for key in try keys(collection, filter) {
      guard let before = try stored(collection, key) else { continue }
      var fields = try Snapshot.decode(before)
      try change(&fields)
      let after = try Self.encoded(fields)
      let difference = try before.withUnsafeBytes { before in
        try after.withUnsafeBytes { try FieldMap.difference(from: before, to: $0) }
      }
      guard difference.set != nil || !difference.unset.isEmpty else { continue }
      try add(.update(set: difference.set, unset: difference.unset), collection, key)
      count += 1
    }
    return count
  }

  /// Changes all records of a type; fields it does not know stay. Returns how many were changed.
  ///
  /// - Throws: What the closure throws; `JournalError.invalidInput` when it has changed an id;
  ///   `JournalError.typeMismatch` when a record does not fit the type.
  @discardableResult
  public mutating func update<R: Record>(
    _ type: R.Type, _ change: (inout R) throws -> Void
  ) throws -> Int {
    var count = 0
    for key in try keys(R.schema.collection, .all([])) {
      guard let before = try stored(R.schema.collection, key),
        let update = try TypedUpdate(type, RecordID(key), before, change)
      else { continue }
      try add(
        .update(set: update.set, unset: update.unset), R.schema.collection, key,
        schema: R.schema.version)
      count += 1
    }
    return count
  }

  /// Gives a field another name in all records that have it; returns how many there were.
  ///
  /// Where a record has a field of the new name already, that one stays and the old one goes.
  @discardableResult
  public mutating func renameField(
    _ old: String, to new: String, in collection: String
  ) throws -> Int {
    try update(collection) { fields in
      guard let value = fields[old] else { return }
      fields[old] = nil
      if fields[new] == nil { fields[new] = value }
    }
  }

  /// Takes a field out of all records that have it; returns how many there were.
  @discardableResult
  public mutating func dropField(_ name: String, in collection: String) throws -> Int {
    try update(collection) { $0[name] = nil }
  }

  private static func encoded(_ fields: Fields) throws -> [UInt8] {
    var writer = CBORWriter(reserving: 256)
    try writer.fields(fields)
    return writer.bytes
  }
}

extension Filter {
  /// Whether any part of it looks at a record.
  fileprivate var looksAtField: Bool {
    switch self {
    case .compare, .prefix, .absent: true
    case .all(let filters), .any(let filters): filters.contains(where: \.looksAtField)
    case .not(let filter): filter.looksAtField
    }
  }
}
