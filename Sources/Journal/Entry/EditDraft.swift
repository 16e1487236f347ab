/// Makes the drafts of edits: the one place that knows how an edit's body is laid out.
package struct EditDraft {
  package var actor: String?
  /// The time the change claims, RFC 3339 as given.
  package var at: String?
  package var reason: String?
  package var id: EntryID?
  /// The decision about a conflict that the edit carries out. Stays here: nobody else could look it up.
  package var cause: SequenceNumber?

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
    switch change {
    case .create(let fields), .put(let fields):
      return try draft(change.kind, collection: collection, key: key) {
        writer throws(JournalError) in
        try Self.checkNames(fields)
        writer.raw(fields)
      }
    case .update(let set, let unset):
      guard let set else {
        return try draft(.update, collection: collection, key: key, unset: unset, content: nil)
      }
      return try draft(.update, collection: collection, key: key, unset: unset) {
        writer throws(JournalError) in
        try Self.checkNames(set)
        writer.raw(set)
      }
    case .delete:
      return try draft(.delete, collection: collection, key: key, content: nil)
    }
  }

  /// Makes the draft of an edit whose `fields` or `set` a closure writes into the body.
  ///
  /// The closure writes one deterministic CBOR map and checks its names: it is not parsed again.
  package func draft(
    _ kind: EntryKind, collection: String, key: String, unset: [String] = [],
    content: ((inout CBORWriter) throws(JournalError) -> Void)?
  ) throws(JournalError) -> Draft {
    let record = try RecordAddress(collection: collection, key: key)
    for name in unset { try Self.check(name.utf8.count) }
    var body = BodyBuilder()
    body.add(.collection, text: collection)
    body.add(.key, text: key)
    if let actor { body.add(.actor, text: actor) }
    if let at { body.add(.at, text: at) }
    if let reason { body.add(.reason, text: reason) }
    var range = 0..<0
    if let content {
      range = try body.addContent(kind == .update ? .set : .fields, content)
    }
    if !unset.isEmpty { body.add(.unset) { Self.write(names: unset, into: &$0) } }
    if let cause { body.add(.cause, unsigned: cause) }
    var draft = try Draft(kind, id: id, record: record, body: body.finish())
    if unset.isEmpty { draft.content = range }
    switch kind {
    case .create: draft.precondition = .absent
    case .update, .delete: draft.precondition = .present
    default: break
    }
    return draft
  }

  /// A field's name is held to the limit of every name.
  package static func checkNames(_ fields: Fields) throws(JournalError) {
    for field in fields { try check(field.name.utf8.count) }
  }

  package static func checkNames(_ fields: [UInt8]) throws(JournalError) {
    let checked: Result<Void, JournalError> = fields.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in
        var cursor = try FieldCursor(bytes, maxDepth: Limits.depth)
        while let member = try cursor.next() { try check(member.key.count) }
      }
    }
    try checked.get()
  }

  private static func check(_ bytes: Int) throws(JournalError) {
    guard (1...RecordAddress.maximumNameBytes).contains(bytes) else {
      throw .invalidInput("a field's name has \(bytes) bytes; 1 to 128 are allowed")
    }
  }

  /// Names of fields to unset, as an array for a body.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for a name that is too long or empty.
  package static func encoded(names: [String]) throws(JournalError) -> [UInt8] {
    for name in names { try check(name.utf8.count) }
    var writer = CBORWriter()
    write(names: names, into: &writer)
    return writer.bytes
  }

  private static func write(names: [String], into writer: inout CBORWriter) {
    let sorted = Set(names.map { [UInt8]($0.utf8) })
      .sorted { $0.lexicographicallyPrecedes($1) }
    writer.array(count: sorted.count)
    for name in sorted { name.withUnsafeBytes { writer.text(utf8: $0) } }
  }
}
