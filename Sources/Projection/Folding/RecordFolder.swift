import Crypto
package import Journal

/// Folds entries into records: base by the server's feed, overlay by the user's edits.
///
/// Pure: the same entries give the same rows, byte for byte, on any machine.
package struct RecordFolder: InlineFolder {
  /// What the program brings to decide about new conflicts; folding needs none of it.
  let policies: ConflictPolicies

  package init(_ policies: ConflictPolicies = ConflictPolicies()) {
    self.policies = policies
  }

  package func replay(
    _ header: EntryHeader, body: UnsafeRawBufferPointer, in state: any FoldState
  ) throws -> FoldOutcome {
    try fold(header, body, .none, isReplay: true, state)
  }

  package func fold(
    _ header: EntryHeader, _ draft: Draft, in state: any FoldState
  ) throws -> FoldOutcome {
    try draft.body.withUnsafeBytes { body in
      if header.kind.isEdit, let content = draft.content, let record = draft.record {
        return try record.rowKey.withUnsafeBytes {
          try foldEdit(
            header, EditContent(draft, body, content), $0, draft.precondition,
            isReplay: draft.isDecided, state)
        }
      }
      return try fold(
        header, body, draft.precondition, isReplay: header.kind.isEdit && draft.isDecided, state)
    }
  }

  private func fold(
    _ header: EntryHeader, _ bytes: UnsafeRawBufferPointer,
    _ precondition: Draft.Precondition, isReplay: Bool, _ state: any FoldState
  ) throws -> FoldOutcome {
    guard header.kind.isFoldable else {
      throw JournalError.unsupported(
        "entry \(header.sequence) is of kind \(header.kind), which this release cannot fold; "
          + "use a newer release")
    }
    let body = try Body(bytes)
    guard body.isUnderstood else {
      throw JournalError.unsupported(
        "entry \(header.sequence) has members only a later release knows; use that release")
    }
    switch header.kind {
    case .create, .update, .put, .delete:
      let edit = EditContent(header.kind, body)
      var outcome = FoldOutcome()
      let isNamed = try body.withRowKey {
        outcome = try foldEdit(header, edit, $0, precondition, isReplay: isReplay, state)
      }
      guard isNamed else {
        throw JournalError.damaged("edit \(header.sequence) names no record")
      }
      return outcome
    case .remoteChange:
      return try foldRemoteChange(header, body, isReplay, state)
    case .conflict:
      return try foldConflict(header, body, state)
    case .idAssigned:
      return try foldAssignment(header, body, state)
    case .cursor:
      try foldCursor(header, body, state)
    case .sent, .accepted, .refused, .retried, .parked, .discarded, .deviceChanged:
      return try foldDelivery(header, body, isReplay, state)
    case .declared:
      try foldDeclaration(header, body, state)
    case .trimmed:
      try foldTrim(header, body, state)
    case .erased:
      try foldErasure(header, body, state)
    case .migration:
      try foldMigration(header, body, state)
    default:
      break
    }
    return FoldOutcome()
  }

  /// Keeps which archives there are: later messages and erasures name them.
  private func foldTrim(_ header: EntryHeader, _ body: Body, _ state: any FoldState) throws {
    guard let path = try body.text(.archive) else { return }
    guard let digest = try TreeHash(bytes: body.data(.archiveDigest) ?? []),
      let through = try body.unsigned(.throughSequence), through < .max
    else { throw JournalError.damaged("trim \(header.sequence) names its archive in part only") }
    let archive = ArchiveName(path: path, digest: digest, through: through)
    try state.putMeta(MetaKey.archive(through + 1), archive.encoded)
  }

  private func foldDeclaration(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws {
    if try body.text(.subject) == IndexDefinition.subject {
      return try foldIndexDeclaration(header, body, state)
    }
    if try body.text(.subject) == CollectionDeclaration.subject {
      return try foldCollection(header, body, state)
    }
    guard try body.text(.subject) == "remote", let name = try body.text(.name),
      let settings = body.raw(.settings)
    else { throw JournalError.unsupported("a declaration only a later release knows") }
    guard try body.bool(.removed) else {
      return try state.putMeta(MetaKey.remote(name), [UInt8](settings))
    }
    try state.putMeta(MetaKey.remote(name), nil)
    try forget(name, state)
  }

  /// A remote is gone: what it had not settled is pending again, and whoever comes under its name
  /// begins a new generation of base.
  private func forget(_ remote: String, _ state: any FoldState) throws {
    try returnToPending(remote, state)
    guard let cursor = try state.meta(MetaKey.cursor(remote)).map({ try RemoteCursor($0) }) else {
      return
    }
    let fresh = RemoteCursor(
      epoch: "", cursor: "", through: ServerVersion(timestamp: 0, tieBreak: 0),
      generation: cursor.generation &+ 1, entry: cursor.entry)
    try state.putMeta(MetaKey.cursor(remote), fresh.encoded)
  }

  // MARK: The server's order

  private func foldRemoteChange(
    _ header: EntryHeader, _ body: Body, _ isReplay: Bool, _ state: any FoldState
  ) throws -> FoldOutcome {
    // An erasure names no record: what it took away is gone when this entry is appended.
    if try body.unsigned(.state) == 2 { return FoldOutcome() }
    guard let named = try body.record()?.rowKey, let version = try body.version(.version),
      let remote = try body.text(.remote)
    else { throw JournalError.damaged("remote change \(header.sequence) is incomplete") }
    var (key, row) = try currentRow(named, state)
    let generation = try state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }?.generation
    var outcome = FoldOutcome()
    let shown = try body.unsigned(.state)
    let isWithdrawn = shown == 3
    guard shown ?? 0 <= 3 else {
      throw JournalError.unsupported(
        "remote change \(header.sequence) is in a state only a later release knows; use that release"
      )
    }
    // What repairs a record counts whatever is known of it.
    if let base = row.base, base.generation == generation ?? 0, version <= base.version,
      version < base.version || !row.isOtherSide(isWithdrawn: isWithdrawn),
      try !body.bool(.repair)
    {
      outcome.isRedundant = true
      return outcome
    }
    outcome.previous = row.last
    row.last = header.sequence
    let before = row
    row.base = RecordRow.Base(
      version: version, born: try body.version(.born) ?? version, generation: generation ?? 0,
      isWithdrawn: isWithdrawn)
    row.baseFields = shown == 0 ? body.raw(.fields).map { [UInt8]($0) } : nil
    guard row.openCount > 0 else {
      try state.putRecord(key, row.encoded)
      return outcome
    }
    var overlay = try Overlay(row, state)
    // Nobody else has done anything to a record that has only left what is taken.
    let isForeign = try !isReplay && body.unsigned(.own) == nil && !isWithdrawn
    // What the server took of this journal is no news to it.
    let expected =
      isForeign
      ? try overlay.fold(over: before.baseFields, state) { member in
        try isReached(member.state, from: remote, through: version, state)
      } : nil
    try settle(&overlay, row, from: remote, through: version, state)
    try overlay.store(in: &row, state)
    try state.putRecord(key, row.encoded)
    if isForeign, !isShownAgain(before, row) {
      let contest = try ConflictFinder(
        expected: expected, after: row, change: body, state: state
      )
      .contest(overlay.members)
      if let contest {
        // Of a server that went back nobody can say who changed what: nothing is given up for it. What waits for
        // a decision goes on waiting.
        let isAnew =
          before.base.map { $0.generation != row.base?.generation } ?? false
          && !contest.members.contains { $0.member.state.isUndecided }
        let decider =
          try isAnew
          ? keeper(key, before, row, base: expected, cause: header, version: version, state)
          : decider(key, before, row, base: expected, cause: header, version: version, state)
        outcome.derived = try decider.drafts(contest, overlay, at: header.sequence + 1)
      }
    }
    return outcome
  }

  private func foldCursor(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws {
    guard let remote = try body.text(.remote) else {
      throw JournalError.damaged("cursor entry \(header.sequence) names no remote")
    }
    let cursor = try RemoteCursor(body, entry: header.sequence)
    if let reason = try body.text(.reason) { try beginGeneration(of: remote, reason, state) }
    try state.putMeta(MetaKey.cursor(remote), cursor.encoded)
    guard state.counts.accepted > 0 else { return }
    let reached = try state.openEdits().filter { edit in
      try isReached(edit.state, from: remote, through: cursor.through, state)
    }
    try settle(reached.map(\.sequence), from: remote, through: cursor.through, state)
  }

  func recordKeys(
    of edits: [SequenceNumber], _ state: any FoldState
  ) throws -> [[UInt8]] {
    var keys: [[UInt8]] = []
    var seen: Set<[UInt8]> = []
    for sequence in edits {
      guard let entry = try state.entry(sequence),
        let key = try entry.plainBody.withUnsafeBytes({ try currentKey(named: Body($0), state) })
      else { throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`") }
      if seen.insert(key).inserted { keys.append(key) }
    }
    return keys
  }
}
