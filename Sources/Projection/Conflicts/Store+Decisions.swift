public import Journal

/// What somebody decides about a conflict, once or once more.
public enum ConflictChoice: Sendable, Hashable {
  /// What was made here is to stand.
  case mine
  /// What the server has is to stand.
  case theirs
  /// These fields are to be set and unset.
  case fields(_ set: Fields, unset: [String] = [])
}

extension Store {
  /// Decides about a conflict: one that is open, or one that was decided before.
  ///
  /// ```swift
  /// for conflict in try store.openConflicts() {
  ///   try await store.decide(conflict, .mine, by: "mia")
  /// }
  /// ```
  ///
  /// Edits that were not sent yet are kept, given up or replaced. Where all of them were sent, a new edit brings the
  /// choice about, and names the decision as its cause; nothing is taken back. Either way the decision is an entry
  /// of its own.
  ///
  /// - Parameters:
  ///   - sequence: A conflict entry, or an edit: then the last conflict about it.
  ///   - choice: What is to stand of the contested fields.
  ///   - actor: An opaque id of who decides.
  ///   - reason: Why, in the actor's words.
  /// - Returns: The new entries, the decision first.
  /// - Throws: `JournalError.invalidInput` where the sequence is no conflict's, or the fields are no record's;
  ///   `JournalError.underWay` where a group is to be given up of which a part was sent. Nothing was changed then.
  @discardableResult
  public func decide(
    _ sequence: SequenceNumber, _ choice: ConflictChoice, by actor: String? = nil,
    because reason: String? = nil
  ) async throws -> [SequenceNumber] {
    let edit = EditDraft(actor: actor, reason: reason)
    return try await journal.transact { context in
      try LateDecision(about: sequence, by: edit, context).append(choice)
    }
  }

  /// The conflict entries some of whose edits wait for a decision, oldest first. Linear in the open edits, and where
  /// any waits in the entries held behind it.
  public func openConflicts() throws -> [SequenceNumber] {
    try journal.read { reader in
      var edits: [SequenceNumber] = []
      try reader.scanEdits { sequence, state in
        if state.isUndecided { edits.append(sequence) }
        return true
      }
      return try Set(edits.compactMap { try LateDecision.conflict(about: $0, reader) }).sorted()
    }
  }
}

/// A decision about a conflict that is taken behind it.
private struct LateDecision {
  /// The name such decisions are recorded under.
  static let decider = "app"

  let context: AppendContext
  /// Who decides, and why.
  let edit: EditDraft
  let conflict: StoredEntry
  let key: [UInt8]
  let row: RecordRow
  let overlay: Overlay
  let outcomes: [ConflictOutcome]
  /// The contested fields, as the conflict's entry has them; nil where it has none.
  let mine: Fields?
  let theirs: Fields?
  /// Whether the entry says nothing of how the record was shown here and there: that of an edit without effect, or of
  /// one that fell with its group.
  private let isOfEditsAlone: Bool

  init(about sequence: SequenceNumber, by edit: EditDraft, _ context: AppendContext) throws {
    let reader = try context.reader()
    (self.context, self.edit) = (context, edit)
    if sequence > 0, sequence <= reader.head.lastSequence, try reader.entry(sequence) == nil {
      throw JournalError.belowHorizon(
        "entry \(sequence) was trimmed, and so was what was decided about it; an archive made then has it. To change "
          + "the record write a new edit")
    }
    guard let found = try Self.conflict(about: sequence, reader),
      let conflict = try reader.entry(found), conflict.encoding == StoredEntry.plainEncoding
    else {
      throw JournalError.invalidInput(
        "entry \(sequence) is no conflict, nor an edit that ever was in one; `journal conflicts` lists them"
      )
    }
    self.conflict = conflict
    let folder = RecordFolder()
    let named: [UInt8]?
    (named, outcomes, mine, theirs, isOfEditsAlone) = try conflict.plainBody.withUnsafeBytes {
      bytes in
      let body = try Body(bytes)
      // What was superseded or absorbed is kept apart from what was shown.
      return (
        try body.record()?.rowKey, try ConflictOutcome.list(body),
        try (body.raw(.lost) ?? body.raw(.mine)).map { try Snapshot.decode($0) },
        try body.raw(.theirs).map { try Snapshot.decode($0) },
        body.raw(.mine) == nil && body.raw(.theirs) == nil
      )
    }
    (key, row) = try folder.currentRow(named ?? [], context.state)
    overlay = try Overlay(row, context.state)
  }

  /// The conflict entry itself, or the last one about an edit; nil where there is none.
  static func conflict(
    about sequence: SequenceNumber, _ reader: JournalReader
  ) throws -> SequenceNumber? {
    guard let entry = try reader.entry(sequence) else { return nil }
    if entry.header.kind == .conflict { return sequence }
    guard entry.header.kind.isEdit else { return nil }
    var found: SequenceNumber?
    try reader.scanHeld(from: sequence) { entry in
      guard entry.header.kind == .conflict, entry.encoding == StoredEntry.plainEncoding else {
        return true
      }
      if try ConflictOutcome.list(Body(entry.plainBody)).contains(where: {
        $0.sequence == sequence
      }) {
        found = entry.header.sequence
      }
      return true
    }
    return found
  }

  func append(_ choice: ConflictChoice) throws -> [SequenceNumber] {
    let named = Set(outcomes.map(\.sequence))
    let open = overlay.members.filter { named.contains($0.sequence) }
    let pending = open.filter(\.state.isUnsent)
    let first = context.head.lastSequence + 1
    if choice == .mine, isOfEditsAlone, mine == nil, row.visible == nil || pending.isEmpty {
      throw JournalError.invalidInput(
        "the record was gone at the server, so that nothing made here is in the conflict's entry; say with --set what "
          + "it is to have, or let go of it with --theirs")
    }
    let isDone = try pending.count == open.count && isEnough(choice, for: pending)
    // What waited for this goes on, whatever is laid on top of it.
    var decided = pending.map { ConflictOutcome(sequence: $0.sequence, decision: .keep) }
    var others: [SequenceNumber] = []
    if isDone { (decided, others) = try decide(choice, pending) }
    try context.append(draft(decided))
    try others.isEmpty ? () : appendOthers(others)
    // What was sent stays as it is; what is to stand instead is one edit more.
    if !isDone, let change = try change(choice) {
      var edit = edit
      edit.cause = first
      let names = try RecordAddress(rowKey: key).names
      var draft = try edit.draft(change, collection: names.collection, key: names.key)
      draft.precondition = .none
      try context.append(draft)
    }
    return Array(first...context.head.lastSequence)
  }

  /// Whether edits that were not sent can be made to say what was chosen: else they are kept, and an edit on top of
  /// them says it.
  private func isEnough(_ choice: ConflictChoice, for pending: [Overlay.Member]) throws -> Bool {
    guard !pending.isEmpty else { return false }
    switch choice {
    case .theirs: return true
    case .mine:
      // What was put in an edit's place is not what was made here.
      return pending.allSatisfy { $0.state.decision == 0 }
    case .fields:
      // A part of a group is not replaced, and there may be nothing left for an update to change.
      return try row.visible != nil
        && pending.allSatisfy { try Overlay.entry($0.sequence, context.state).header.group == 0 }
    }
  }

  /// What becomes of edits that were not sent, and the edits of other records that go with their groups.
  private func decide(
    _ choice: ConflictChoice, _ pending: [Overlay.Member]
  ) throws -> ([ConflictOutcome], [SequenceNumber]) {
    guard choice != .mine else {
      return (pending.map { ConflictOutcome(sequence: $0.sequence, decision: .keep) }, [])
    }
    var replaced: ConflictOutcome?
    if case .fields(let set, let unset) = choice, let last = pending.last {
      let kind = try Overlay.entry(last.sequence, context.state).header.kind
      replaced = try ConflictOutcome(replacing: last.sequence, kind, set, unset)
    }
    var gone: Set<SequenceNumber> = []
    for member in pending where member.sequence != replaced?.sequence {
      gone.insert(member.sequence)
      let group = try Overlay.entry(member.sequence, context.state).header.group
      guard group != 0 else { continue }
      guard let whole = try OverlayGroup.whole(group, context.state) else {
        throw JournalError.underWay(
          "edit \(member.sequence) belongs to a group of which a part was sent; sync first, then decide again"
        )
      }
      gone.formUnion(whole.map(\.sequence))
    }
    if let kept = replaced?.sequence { gone.remove(kept) }
    let own = Set(overlay.members.map(\.sequence))
    var outcomes = gone.intersection(own).map {
      ConflictOutcome(sequence: $0, decision: .supersede)
    }
    if let replaced { outcomes.append(replaced) }
    return (outcomes.sorted { $0.sequence < $1.sequence }, gone.subtracting(own).sorted())
  }

  private func draft(_ decided: [ConflictOutcome]) throws -> Draft {
    try conflict.plainBody.withUnsafeBytes { bytes in
      let before = try Body(bytes)
      let names = try RecordAddress(rowKey: key).names
      var body = BodyBuilder()
      body.add(.collection, text: names.collection)
      body.add(.key, text: names.key)
      // Where nothing is left for an edit to do, nothing else says them.
      if let actor = edit.actor { body.add(.actor, text: actor) }
      if let reason = edit.reason { body.add(.reason, text: reason) }
      body.add(
        .version, version: row.base?.version ?? ServerVersion(timestamp: 0, tieBreak: 0))
      body.add(.cause, unsigned: conflict.header.sequence)
      body.add(.decider, text: Self.decider)
      body.add(.outcomes) { ConflictOutcome.write(decided, into: &$0) }
      for member in [BodyKey.mine, .theirs, .lost] {
        if let raw = before.raw(member) { body.add(member, raw: raw) }
      }
      return try Draft(.conflict, body: body.finish())
    }
  }

  private func appendOthers(_ edits: [SequenceNumber]) throws {
    let decider = ConflictDecider(
      name: Self.decider, policy: nil, before: row, after: row, base: nil,
      version: row.base?.version ?? ServerVersion(timestamp: 0, tieBreak: 0),
      cause: conflict.header, record: RecordAddress(rowKey: key), state: context.state)
    // The ids have to differ from those of the decision before.
    let ordinal = Int(truncatingIfNeeded: context.head.lastSequence & 0xFFFF)
    let others = OtherRecords(
      decider: decider, ordinal: ordinal, actor: edit.actor, reason: edit.reason)
    for draft in try others.drafts(edits) {
      try context.append(draft)
    }
  }

  /// The edit that makes the record say what was chosen; nil where it does already.
  private func change(_ choice: ConflictChoice) throws -> EditDraft.Change? {
    let shown = try row.visible.map { try Snapshot.decode($0) }
    var wanted: Fields?
    switch choice {
    case .fields(let set, let unset):
      try ConflictOutcome.check(set, unset)
      wanted = shown ?? Fields()
      for name in unset { wanted?[name] = Value?.none }
      for (name, value) in set { wanted?[name] = value }
    case .mine where isOfEditsAlone && mine == nil: return nil
    case .mine: wanted = Self.with(mine, besides: theirs, on: shown)
    case .theirs where isOfEditsAlone: wanted = try currentTheirs(on: shown)
    case .theirs: wanted = Self.with(theirs, besides: mine, on: shown)
    }
    guard wanted != shown else { return nil }
    var writer = CBORWriter()
    if let wanted { try writer.fields(wanted) }
    return try ConflictDecider.change(from: row.visible, to: wanted.map { _ in writer.bytes })
  }

  /// The record with its contested fields as the server has them by now, where the entry does not say what it had then.
  private func currentTheirs(on shown: Fields?) throws -> Fields? {
    guard let base = try row.baseFields.map({ try Snapshot.decode($0) }) else { return nil }
    guard var fields = shown else { return base }
    for name in mine?.names ?? [] { fields[name] = base[name] }
    return fields
  }

  /// The record with one side's contested fields; those only the other side has go.
  private static func with(
    _ side: Fields?, besides other: Fields?, on shown: Fields?
  ) -> Fields? {
    guard let side else { return nil }
    var fields = shown ?? Fields()
    for name in other?.names ?? [] where side[name] == nil { fields[name] = Value?.none }
    for (name, value) in side { fields[name] = value }
    return fields
  }
}
