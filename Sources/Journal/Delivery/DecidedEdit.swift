/// What an open edit says by now: its own words, or what a decision about a conflict put in their place.
///
/// The entry keeps what its writer said; a fold and a segment go by this.
package struct DecidedEdit: Sendable {
  package let kind: EntryKind
  /// A body of the kind.
  package let body: [UInt8]

  /// - Parameter replacement: What the decision puts in the edit's place; nil where there is none.
  package init(_ entry: StoredEntry, _ replacement: ConflictOutcome?) throws {
    guard let replacement, let patch = replacement.patch, entry.header.kind.isEdit else {
      (kind, body) = (entry.header.kind, try entry.plainBody)
      return
    }
    kind = Self.kind(replacing: entry.header.kind)
    body = try entry.plainBody.withUnsafeBytes { bytes in
      let own = try Body(bytes)
      var decided = BodyBuilder()
      for key in [BodyKey.collection, .key, .actor, .at, .reason] {
        if let raw = own.raw(key) { decided.add(key, raw: raw) }
      }
      // A create stays a create and a put a put; an update or a delete becomes an update.
      guard entry.header.kind == .update || entry.header.kind == .delete else {
        decided.add(.fields, raw: patch)
        return decided.finish()
      }
      decided.add(.set, raw: patch)
      if let unset = replacement.unset { decided.add(.unset, raw: unset) }
      return decided.finish()
    }
  }

  package static func kind(replacing kind: EntryKind) -> EntryKind {
    kind == .delete ? .update : kind
  }
}

extension ConflictOutcome {
  /// What a conflict's decision puts in the place of an edit; nil where it puts nothing there.
  ///
  /// - Parameter entry: The conflict entry.
  package static func replacement(
    of sequence: SequenceNumber, in entry: StoredEntry?
  ) throws -> ConflictOutcome? {
    guard let entry, entry.encoding != StoredEntry.erasedEncoding else { return nil }
    return try entry.plainBody.withUnsafeBytes { bytes in
      try list(Body(bytes)).first { $0.sequence == sequence && $0.decision == .replaceWith }
    }
  }
}

extension JournalReader {
  /// What an open edit says by now, and its entry.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` where the edit or the decision about it is missing.
  package func decided(
    _ sequence: SequenceNumber, _ state: EditState
  ) throws -> (entry: StoredEntry, edit: DecidedEdit) {
    guard let entry = try entry(sequence) else {
      throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`")
    }
    guard state.decision != 0 else { return (entry, try DecidedEdit(entry, nil)) }
    let replacement = try ConflictOutcome.replacement(
      of: sequence, in: self.entry(state.decision))
    return (entry, try DecidedEdit(entry, replacement))
  }

  /// The decisions that put something in the place of edits that are settled, by the edit, ascending.
  ///
  /// Linear in the entries held behind the first of them.
  package func replacements(
    of edits: [SequenceNumber]
  ) throws -> [(edit: SequenceNumber, decision: SequenceNumber)] {
    guard let first = edits.min() else { return [] }
    let wanted = Set(edits)
    var found: [SequenceNumber: SequenceNumber] = [:]
    try scanHeld(from: max(first, horizon.sequence)) { entry in
      guard entry.header.kind == .conflict, entry.encoding != StoredEntry.erasedEncoding else {
        return true
      }
      for outcome in try ConflictOutcome.list(Body(entry.plainBody))
      where outcome.decision == .replaceWith && wanted.contains(outcome.sequence) {
        found[outcome.sequence] = entry.header.sequence
      }
      return true
    }
    return found.sorted { $0.key < $1.key }.map { (edit: $0.key, decision: $0.value) }
  }
}
