package import Journal

/// Conflicts: who decides about new ones, and what a decision does to the overlay.
extension RecordFolder {
  /// Folds what was decided. No policy is asked.
  func foldConflict(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws -> FoldOutcome {
    guard let named = try body.record()?.rowKey, let version = try body.version(.version) else {
      throw JournalError.damaged("conflict entry \(header.sequence) is incomplete")
    }
    var (key, row) = try currentRow(named, state)
    var outcome = FoldOutcome()
    outcome.previous = row.last
    row.last = header.sequence
    let decided = try ConflictOutcome.list(body)
    if !decided.isEmpty, row.openCount > 0 {
      var overlay = try Overlay(row, state)
      let superseded = Set(decided.filter { $0.decision == .supersede }.map(\.sequence))
      let gone = overlay.remove(standingOn: row.base?.version) {
        superseded.contains($0.sequence) && $0.state.delivery == .pending
      }
      for member in gone {
        try state.removeEdit(member.sequence)
        state.counts.count(member.state.delivery, by: -1)
        state.counts.superseded += 1
      }
      overlay.decide(decided, by: header.sequence, at: version)
      try overlay.store(in: &row, state)
    }
    try state.putRecord(key, row.encoded)
    return outcome
  }

  /// Who decides about a record's conflict.
  func decider(
    _ rowKey: [UInt8], _ before: RecordRow, _ after: RecordRow, base: [UInt8]?,
    cause: EntryHeader, version: ServerVersion, _ state: any FoldState
  ) throws -> ConflictDecider {
    let record = RecordAddress(rowKey: rowKey)
    let collection = try record.names.collection
    let declared = try state.meta(MetaKey.collection(collection)).flatMap { settings in
      try settings.withUnsafeBytes {
        try CollectionDeclaration(name: collection, settings: $0)
      }.policy
    }
    let policy =
      declared.map { policies.policy(named: $0, of: collection) } ?? ConflictPolicy.rebase
    return ConflictDecider(
      name: declared ?? ConflictDecider.undeclared, policy: policy, before: before, after: after,
      base: base, version: version, cause: cause, record: record, state: state)
  }

  /// Keeps everything, whatever the collection's policy: what a policy would hold against an edit is not
  /// another writer's doing.
  func keeper(
    _ rowKey: [UInt8], _ before: RecordRow, _ after: RecordRow, base: [UInt8]?,
    cause: EntryHeader, version: ServerVersion, _ state: any FoldState
  ) -> ConflictDecider {
    ConflictDecider(
      name: ConflictDecider.undeclared, policy: .rebase, before: before, after: after, base: base,
      version: version, cause: cause, record: RecordAddress(rowKey: rowKey), state: state)
  }

  package func decide(
    _ edits: [SequenceNumber], areContested: Bool, because cause: EntryHeader,
    at sequence: SequenceNumber, in state: any FoldState
  ) throws -> [Draft] {
    var drafts: [Draft] = []
    for key in try recordKeys(of: edits, state) {
      guard let row = try state.record(key).map({ try RecordRow($0) }), let base = row.base else {
        continue
      }
      let overlay = try Overlay(row, state)
      // What stands on the base already is only to be sent again.
      var isBehind = false
      var contest = Contest()
      var kept = Contest()
      for member in overlay.members {
        if member.state.base != .earlierEdit {
          isBehind = member.state.base != .version(base.version)
        }
        guard isBehind, edits.contains(member.sequence), member.state.delivery == .pending,
          !member.state.isUndecided
        else { continue }
        let touched = try Contest.touchedNames(member, state)
        try contest.add(member, touched, touched)
        try kept.add(member, nil, nil)
      }
      guard !kept.members.isEmpty else { continue }
      // An edit that touches nothing has nothing a policy could hold against it, and must not come to conflict for ever.
      let asksPolicy = areContested && !contest.members.isEmpty
      let decider =
        try asksPolicy
        ? decider(key, row, row, base: nil, cause: cause, version: base.version, state)
        : keeper(key, row, row, base: nil, cause: cause, version: base.version, state)
      let first = sequence + UInt64(drafts.count)
      // Counted from the cause: one answer may be decided about more than once.
      drafts += try decider.drafts(
        asksPolicy ? contest : kept, overlay, at: first,
        ordinal: Int(truncatingIfNeeded: first - cause.sequence))
    }
    return drafts
  }

  /// The conflict entry that keeps the fields of an edit which changed nothing on the server.
  static func lost(
    _ sequence: SequenceNumber, cause: EntryHeader, version: ServerVersion, ordinal: Int,
    _ state: any FoldState
  ) throws -> Draft? {
    guard let edit = try state.edit(sequence) else { return nil }
    let decided = try Overlay.decided(Overlay.Member(sequence: sequence, state: edit), state).edit
    guard decided.kind == .update else { return nil }
    return try decided.body.withUnsafeBytes { bytes in
      let edit = try Body(bytes)
      guard let collection = edit.raw(.collection), let key = edit.raw(.key) else { return nil }
      var body = BodyBuilder()
      body.add(.collection, raw: collection)
      body.add(.key, raw: key)
      body.add(.version, version: version)
      body.add(.cause, unsigned: cause.sequence)
      body.add(.decider, text: "absorbed")
      body.add(.outcomes) {
        ConflictOutcome.write([ConflictOutcome(sequence: sequence, decision: .keep)], into: &$0)
      }
      if let set = edit.raw(.set) { body.add(.lost, raw: set) }
      return try ConflictDecider.derived(
        .conflict, body.finish(), from: cause, ordinal: ordinal)
    }
  }
}
