import Journal

extension ConflictOutcome {
  /// Puts fields in the place of an edit.
  ///
  /// - Throws: `JournalError.invalidInput` for names or values that no record has.
  init(
    replacing sequence: SequenceNumber, _ kind: EntryKind, _ set: Fields, _ unset: [String]
  ) throws {
    try Self.check(set, unset)
    var writer = CBORWriter()
    try writer.fields(set)
    guard writer.bytes.count <= Limits.recordBytes / 2 else {
      throw JournalError.invalidInput(
        "what a decision puts in an edit's place has \(writer.bytes.count) bytes; half a record's limit is "
          + "allowed")
    }
    var outcome = ConflictOutcome(sequence: sequence, decision: .replaceWith)
    outcome.patch = writer.bytes
    if !unset.isEmpty, kind == .update || kind == .delete {
      outcome.unset = try EditDraft.encoded(names: unset)
    }
    self = outcome
  }

  /// - Throws: `JournalError.invalidInput` for names no field has, and for a field that is to be both.
  static func check(_ set: Fields, _ unset: [String]) throws {
    let names = Set(set.names.map { Array($0.utf8) })
    for name in unset where names.contains(Array(name.utf8)) {
      throw JournalError.invalidInput("field \"\(name)\" is both set and unset")
    }
    try EditDraft.checkNames(set)
    _ = try EditDraft.encoded(names: unset)
  }
}

extension ContestedEdit {
  init(
    _ member: Overlay.Member, _ names: Set<[UInt8]>?, _ state: any FoldState
  ) throws {
    let (entry, edit) = try Overlay.decided(member, state)
    let (fields, unset, actor) = try edit.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      let content = EditContent(edit.kind, body)
      let unset = try EditRule.unset(body).map { String(decoding: $0, as: UTF8.self) }
      return (try content.fields.map { try Snapshot.decode($0) }, unset, try body.text(.actor))
    }
    self.init(
      sequence: member.sequence, kind: edit.kind, fields: fields ?? Fields(), unset: unset,
      contested: names?.sorted { $0.lexicographicallyPrecedes($1) }
        .map { String(decoding: $0, as: UTF8.self) },
      actor: actor, time: entry.header.time, isPending: member.state.isUnsent)
  }
}
