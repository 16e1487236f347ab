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

  package func decide(
    _ edits: [SequenceNumber], because cause: EntryHeader, at sequence: SequenceNumber,
    in state: any FoldState
  ) throws -> [Draft] {
    var drafts: [Draft] = []
    for (index, key) in try recordKeys(of: edits, state).enumerated() {
      guard let row = try state.record(key).map({ try RecordRow($0) }), let base = row.base else {
        continue
      }
      let overlay = try Overlay(row, state)
      var contest = Contest()
      // What stands on the base already is only to be sent again.
      var isBehind = false
      for member in overlay.members {
        if member.state.base != .earlierEdit {
          isBehind = member.state.base != .version(base.version)
        }
        guard isBehind, edits.contains(member.sequence), member.state.delivery == .pending,
          !member.state.isUndecided
        else { continue }
        let touched = try Contest.touchedNames(member, state)
        try contest.add(member, touched, touched)
      }
      guard !contest.members.isEmpty else { continue }
      drafts += try decider(
        key, row, row, base: nil, cause: cause, version: base.version, state
      )
      .drafts(contest, overlay, at: sequence + UInt64(drafts.count), ordinal: index)
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
