import Journal

/// A change of a segment, as a server of plain records is asked for it.
struct RESTEdit {
  enum What {
    case create(Fields)
    case put(Fields)
    case update(Fields)
    case delete
  }

  let id: EntryID
  let collection: String
  let key: String
  let rowKey: [UInt8]
  /// The version its writer had seen.
  let base: ServerVersion?
  /// Whether it is to be carried out only where the record has not moved on.
  let isStrict: Bool
  private(set) var edit: RecordEdit
  /// The version its record has in the journal by now.
  var known: ServerVersion?

  /// As it is asked for: in a merge patch what is taken away is null.
  var what: What {
    switch edit {
    case .create(let fields): .create(fields)
    case .put(let fields): .put(fields)
    case .update(let set, let unset): .update(Fields(set.map { $0 } + unset.map { $0 }))
    case .delete, .nothing: .delete
    }
  }

  /// Whether it makes the record where there is none.
  var isCreate: Bool {
    switch what {
    case .create, .put: true
    case .update, .delete: false
    }
  }

  /// The records it refers to; what is no key refers to none.
  var references: [RecordAddress] {
    switch edit {
    case .create(let fields), .put(let fields), .update(let fields, _):
      var found: [RecordAddress] = []
      for field in fields { Self.addReferences(in: field.value, to: &found) }
      return found
    case .delete, .nothing: return []
    }
  }

  private static func addReferences(in value: Value, to found: inout [RecordAddress]) {
    switch value {
    case .reference(let collection, let key):
      if let record = try? RecordAddress(collection: collection, key: key) { found.append(record) }
    case .array(let values): for value in values { addReferences(in: value, to: &found) }
    case .object(let fields): for field in fields { addReferences(in: field.value, to: &found) }
    default: return
    }
  }

  /// - Throws: `RecordEdit.Unsupported`; `JournalError` for a body that is damaged.
  init(_ change: SegmentChange) throws {
    id = change.id
    isStrict = change.isStrict
    if case .version(let version) = change.base { base = version } else { base = nil }
    (collection, key, rowKey, edit) = try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, let rowKey = try body.record()?.rowKey else {
        throw RecordEdit.Unsupported(
          message: "a server of records cannot be asked for an erasure: delete the record there")
      }
      return (names.collection, names.key, rowKey, try RecordEdit(change.kind, body))
    }
  }

  /// This edit and the next one of the same record as one; nil where each has to be asked for by itself.
  func followed(by next: RESTEdit) -> RESTEdit? {
    guard rowKey == next.rowKey, isStrict == next.isStrict else { return nil }
    switch (edit, next.edit) {
    case (.create, .update), (.create, .put), (.put, .update), (.put, .put), (.update, .update),
      (.update, .put):
      var both = self
      both.edit = edit.followed(by: next.edit, isNew: false)
      return both
    // A create of a record that is there is an update of it; what a deletion leaves has a version of its own.
    default: return nil
    }
  }
}
