/// Makes the drafts of edits: the one place that knows how an edit's body is laid out.
package struct EditDraft {
  package var actor: String?
  /// The time the change claims, RFC 3339 as given.
  package var at: String?
  package var reason: String?
  package var id: EntryID?

  package init(
    actor: String? = nil, at: String? = nil, reason: String? = nil, id: EntryID? = nil
  ) {
    self.actor = actor
    self.at = at
    self.reason = reason
    self.id = id
  }

  /// What the edit changes; maps are deterministic CBOR.
  package enum Change {
    case create(fields: [UInt8])
    case update(set: [UInt8]?, unset: [String])
    case put(fields: [UInt8])
    case delete

    var kind: EntryKind {
      switch self {
      case .create: .create
      case .update: .update
      case .put: .put
      case .delete: .delete
      }
    }
  }

  /// - Throws: ``JournalError/invalidInput(_:)`` when a name or the entry is too long.
  package func draft(
    _ change: Change, collection: String, key: String
  ) throws(JournalError) -> Draft {
    let record = try RecordAddress(collection: collection, key: key)
    try Self.checkNames(change)
    var body = BodyBuilder()
    body.add(.collection, text: collection)
    body.add(.key, text: key)
    if let actor { body.add(.actor, text: actor) }
    if let at { body.add(.at, text: at) }
    if let reason { body.add(.reason, text: reason) }
    switch change {
    case .create(let fields), .put(let fields): body.add(.fields, raw: fields)
    case .update(let set, let unset):
      if let set { body.add(.set, raw: set) }
      if !unset.isEmpty { body.add(.unset) { Self.write(names: unset, into: &$0) } }
    case .delete: break
    }
    var draft = try Draft(change.kind, id: id, record: record, body: body.finish())
    switch change {
    case .create: draft.precondition = .absent
    case .update, .delete: draft.precondition = .present
    case .put: break
    }
    return draft
  }

  /// A field's name is held to the limit of every name.
  private static func checkNames(_ change: Change) throws(JournalError) {
    switch change {
    case .create(let fields), .put(let fields): try checkNames(fields)
    case .update(let set, let unset):
      if let set { try checkNames(set) }
      for name in unset { try check(name.utf8.count) }
    case .delete: break
    }
  }

  package static func checkNames(_ fields: [UInt8]) throws(JournalError) {
    let checked: Result<Void, JournalError> = fields.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in
        var reader = CBORReader(bytes)
        for _ in 0..<(try reader.mapCount()) {
          try check(try reader.text().count)
          _ = try reader.skip(maxDepth: Limits.depth)
        }
      }
    }
    try checked.get()
  }

  private static func check(_ bytes: Int) throws(JournalError) {
    guard (1...RecordAddress.maximumNameBytes).contains(bytes) else {
      throw .invalidInput("a field's name has \(bytes) bytes; 1 to 128 are allowed")
    }
  }

  private static func write(names: [String], into writer: inout CBORWriter) {
    let sorted = Set(names.map { [UInt8]($0.utf8) })
      .sorted { $0.lexicographicallyPrecedes($1) }
    writer.array(count: sorted.count)
    for name in sorted { name.withUnsafeBytes { writer.text(utf8: $0) } }
  }
}
