import Journal

extension Changes {
  /// Creates a record, with an id of the schema's own making where it has none yet.
  ///
  /// ```swift
  /// let invoice = try tx.insert(Invoice(id: .unassigned, total: 12))
  /// print(invoice.id)
  /// ```
  ///
  /// The id is a UUIDv7, unless the schema says ``SchemaPart/sequentialIDs`` or ``SchemaPart/ids(_:)``.
  ///
  /// - Returns: The record as it will be read again, its id included.
  /// - Throws: as ``create(_:)`` does.
  @discardableResult
  public mutating func insert<R: Record>(_ record: R) throws -> R {
    guard record.id.isUnassigned else {
      try create(record)
      return record
    }
    return try create(R.self, fields: FieldEncoder().encoded(record, omittingID: true))
  }

  /// Creates or replaces a whole record; one without an id is created under a new one, as
  /// ``insert(_:)`` does.
  ///
  /// - Returns: The record as it will be read again, its id included.
  /// - Throws: as ``put(_:)`` does.
  @discardableResult
  public mutating func save<R: Record>(_ record: R) throws -> R {
    guard !record.id.isUnassigned else { return try insert(record) }
    try put(record)
    return record
  }

  /// Creates a copy of a record under a new id, with the fields its type does not know.
  ///
  /// - Returns: The copy.
  /// - Throws: `JournalError.invalidInput` when there is no such record.
  @discardableResult
  public mutating func duplicate<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws -> R {
    let address = try RecordAddress(collection: R.schema.collection, key: id.key)
    guard
      let fields = try withState({
        try $0.source.withCurrent(address.rowKey) { [UInt8]($1) }
      })
    else {
      throw JournalError.invalidInput(
        "\(R.schema.collection)/\(id) does not exist and cannot be copied")
    }
    return try create(type, fields: fields)
  }

  /// Creates a record under a new id.
  private mutating func create<R: Record>(_ type: R.Type, fields: [UInt8]) throws -> R {
    try checkIsRegistered(type)
    let id = RecordID<R>(try newKey(type))
    var draft = try edit.draft(
      .create(fields: fields), collection: R.schema.collection, key: id.key)
    draft.schema = R.schema.version
    // Whoever took the key meanwhile makes the write be done again, with the next one.
    if restsOnReads { draft.precondition.last = 0 }
    append(draft)
    return try TypedUpdate.current(type, id, fields)
  }

  private mutating func newKey<R: Record>(_ type: R.Type) throws -> String {
    switch store.registry[R.schema.collection]?.ids ?? .unique {
    case .unique:
      return RecordID<R>().key
    case .made(let next):
      restsOnReads = true
      for _ in 0..<100 {
        let key = try next()
        if try !isKnown(RecordAddress(collection: R.schema.collection, key: key)) { return key }
      }
      throw JournalError.invalidInput(
        "the ids made for \"\(R.schema.collection)\" are all taken already; make others")
    case .sequential:
      restsOnReads = true
      return try nextNumber(in: R.schema.collection).description
    }
  }

  /// Whether anything is or was known of a record: a create of it would not be the first.
  private func isKnown(_ record: RecordAddress) throws -> Bool {
    if drafts.contains(where: { $0.record == record }) { return true }
    return try store.read { try $0.source.last(record.rowKey) } > 0
  }

  private mutating func nextNumber(in collection: String) throws -> UInt64 {
    let prefix = try Snapshot.prefix(collection)
    var largest = try lastNumbers[prefix] ?? largestNumber(prefix)
    for draft in drafts {
      guard let rowKey = draft.record?.rowKey, rowKey.starts(with: prefix) else { continue }
      largest = max(largest, SequentialID.number(rowKey.dropFirst(prefix.count)) ?? 0)
    }
    guard largest < SequentialID.largest else {
      throw JournalError.invalidInput(
        "the ids of \"\(collection)\" have reached \(largest); give its records ids of another kind"
      )
    }
    lastNumbers[prefix] = largest + 1
    return largest + 1
  }

  /// Deleted records count as well: their rows are kept.
  private func largestNumber(_ prefix: [UInt8]) throws -> UInt64 {
    guard !store.ephemeral.prefixes.contains(prefix) else {
      return store.ephemeral.largestNumber(prefix)
    }
    var largest: UInt64 = 0
    try store.journal.read { reader in
      try reader.storage.scan(.records, from: prefix) { rowKey, _ in
        guard rowKey.starts(with: prefix) else { return false }
        largest = max(largest, SequentialID.number(rowKey.dropFirst(prefix.count)) ?? 0)
        return true
      }
    }
    return largest
  }
}

/// Ids that are decimal numbers.
enum SequentialID {
  /// The largest number that is counted from; larger ones are texts like others.
  static let largest: UInt64 = 999_999_999_999_999_999

  /// The number that a key is; nil for any other text, also with leading zeros.
  static func number(_ key: some Collection<UInt8>) -> UInt64? {
    guard (1...18).contains(key.count), key.first != 0x30 else { return nil }
    var number: UInt64 = 0
    for byte in key {
      guard (0x30...0x39).contains(byte) else { return nil }
      // Eighteen digits fit.
      number = number * 10 + UInt64(byte - 0x30)
    }
    return number
  }
}

extension Changes {
  /// A type whose schema says where or how its records are kept must be known to the store: else they
  /// would be kept, and sent, like any others.
  func checkIsRegistered<R: Record>(_ type: R.Type) throws {
    guard !R.schema.parts.isEmpty, R.schema.parts.contains(where: \.needsRegistration),
      store.registry[R.schema.collection] == nil
    else { return }
    throw JournalError.invalidInput(
      "the schema of \(type) says how \"\(R.schema.collection)\" is kept; open the store with it: "
        + "`Store.open(at:records: [\(type).self])`")
  }
}
