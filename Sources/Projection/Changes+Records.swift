import Journal

extension Changes {
  /// Creates a record that does not exist yet.
  ///
  /// - Throws: `JournalError.invalidInput`, which names the field, for what a journal refuses.
  public mutating func create<R: Record>(_ record: R) throws {
    try add(.create, record)
  }

  /// Creates or replaces a whole record, with the fields its type does not know: they are gone then.
  ///
  /// - Throws: as ``create(_:)`` does.
  public mutating func put<R: Record>(_ record: R) throws {
    try add(.put, record)
  }

  /// Deletes an existing record, and does what the rules of links say with records that refer to it.
  public mutating func delete<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws {
    try checkIsRegistered(type)
    try delete(R.schema.collection, id.key)
    drafts[drafts.count - 1].schema = R.schema.version
  }

  /// Changes an existing record: what the closure changes is written, and nothing else.
  ///
  /// ```swift
  /// try await store.write(by: "mia") { tx in
  ///   try tx.update(Person.self, id) { $0.name = "Ada Lovelace" }
  /// }
  /// ```
  ///
  /// The closure gets the record as it is after the earlier changes of this write. When somebody else
  /// changes it before the write is appended, the whole write is made again from the new state, so
  /// that a counter counts every time. Fields the type does not know stay as they are; a record of an
  /// older form is written in the new one. A closure that changes nothing makes no entry.
  ///
  /// - Returns: Whether anything was changed.
  /// - Throws: What the closure throws; `JournalError.invalidInput` when there is no such record or
  ///   the closure has changed its id; `JournalError.typeMismatch` when it does not fit the type.
  @discardableResult
  public mutating func update<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, _ change: (inout R) throws -> Void
  ) throws -> Bool {
    try checkIsRegistered(type)
    let address = try RecordAddress(collection: R.schema.collection, key: id.key)
    let (fields, last) = try state(of: address)
    guard let fields else {
      throw JournalError.invalidInput(
        "\(R.schema.collection)/\(id) does not exist and cannot be updated; create it first")
    }
    return try update(type, id, from: fields, expecting: last, change)
  }

  /// Changes a record whose fields were read; what was read is expected still to hold.
  mutating func update<R: Record>(
    _ type: R.Type, _ id: RecordID<R>, from fields: [UInt8], expecting last: SequenceNumber?,
    _ change: (inout R) throws -> Void
  ) throws -> Bool {
    guard let update = try TypedUpdate(type, id, fields, change) else { return false }
    var draft = try edit.draft(
      .update(set: update.set, unset: update.unset), collection: R.schema.collection,
      key: id.key)
    draft.schema = R.schema.version
    draft.precondition.last = last
    drafts.append(draft)
    return true
  }

  private mutating func add<R: Record>(_ kind: EntryKind, _ record: R) throws {
    try checkIsRegistered(R.self)
    var drafted = try FieldEncoder().withEncoded(record, omittingID: true) { fields in
      try edit.draft(kind, collection: R.schema.collection, key: record.id.key) {
        writer throws(JournalError) in writer.raw(fields)
      }
    }
    drafted.schema = R.schema.version
    append(drafted)
  }

  /// The record's fields after the changes made so far, and the last entry about it that the next
  /// change has to expect; nil where an earlier change of this write expects it.
  mutating func state(
    of address: RecordAddress
  ) throws -> (fields: [UInt8]?, last: SequenceNumber?) {
    restsOnReads = true
    let seen = try store.read { snapshot in
      let rowKeys = try snapshot.source.allKeys(of: address.rowKey)
      return (
        fields: try snapshot.source.visible(rowKeys[0]), last: try snapshot.source.last(rowKeys[0]),
        rowKeys: rowKeys
      )
    }
    var fields = seen.fields
    var expected: SequenceNumber? = seen.last
    for index in drafts.indices {
      guard let record = drafts[index].record, seen.rowKeys.contains(record.rowKey) else {
        continue
      }
      // Of several changes the first one makes sure that nothing came between.
      if let last = expected, drafts[index].precondition.last == nil {
        drafts[index].precondition.last = last
      }
      expected = nil
      let draft = drafts[index]
      fields = try draft.body.withUnsafeBytes { bytes in
        let effect = try EditRule.apply(draft.kind, try Body(bytes), to: fields)
        return effect.hasEffect ? effect.fields : fields
      }
    }
    return (fields, expected)
  }
}
