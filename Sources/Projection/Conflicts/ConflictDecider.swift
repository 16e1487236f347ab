import Crypto
import Journal

/// Decides about a conflict once, and makes the entries that say what was decided.
///
/// What is appended is all a fold knows of it: nothing here runs when entries are folded again.
struct ConflictDecider {
  /// What decisions are recorded under where no policy was declared.
  static let undeclared = "keep"

  /// The policy's name in the journal.
  let name: String
  /// Nil where the program does not bring the policy that was declared.
  let policy: ConflictPolicy?
  /// The record before and behind the change.
  let before: RecordRow
  let after: RecordRow
  let base: [UInt8]?
  let version: ServerVersion
  let cause: EntryHeader
  let record: RecordAddress
  let state: any FoldState

  /// What was asked for, and what of it is done: what was sent can only be kept.
  private struct Choice {
    var wanted: [SequenceNumber: ConflictOutcome] = [:]
    var outcomes: [SequenceNumber: ConflictOutcome] = [:]
    /// Edits of other records that go with their group.
    var others: [SequenceNumber] = []
  }

  /// The conflict entry, one for each other record that loses edits of a superseded group, and an edit where the
  /// decision is about what was sent already.
  ///
  /// - Parameters:
  ///   - sequence: The sequence the first of them will have.
  ///   - ordinal: The number of the conflict among those of one cause.
  func drafts(
    _ contest: Contest, _ overlay: Overlay, at sequence: SequenceNumber, ordinal: Int = 0
  ) throws -> [Draft] {
    let choice = try choose(contest, overlay)
    var drafts = [
      try draft(contest, Array(choice.outcomes.values), overlay, ordinal: ordinal)
    ]
    try drafts += OtherRecords(decider: self, ordinal: ordinal).drafts(choice.others)
    if let edit = try amendment(choice, overlay, because: sequence, ordinal: ordinal) {
      drafts.append(edit)
    }
    return drafts
  }

  // MARK: Choosing

  private func choose(_ contest: Contest, _ overlay: Overlay) throws -> Choice {
    var choice = Choice()
    var groups: [SequenceNumber: [OverlayGroup.Member]?] = [:]
    let asked = try ask(contest)
    for ((member, _), decision) in zip(contest.members, asked) {
      let wanted = try outcome(decision, member)
      choice.wanted[member.sequence] = wanted
      var outcome = wanted
      if !member.state.isUnsent { outcome.decide(.keep) }
      if outcome.decision == .supersede {
        let group = try Overlay.entry(member.sequence, state).header.group
        if group != 0, groups[group] == nil {
          groups[group] = .some(try OverlayGroup.whole(group, state))
        }
        // A group is superseded whole or not at all.
        if group != 0, groups[group] == .some(nil) { outcome.decide(.keep) }
      }
      choice.outcomes[member.sequence] = outcome
    }
    let own = Set(overlay.members.map(\.sequence))
    for member in groups.values.compactMap({ $0 }).joined() {
      let outcome = ConflictOutcome(sequence: member.sequence, decision: .supersede)
      guard own.contains(member.sequence) else {
        choice.others.append(member.sequence)
        continue
      }
      choice.outcomes[member.sequence] = outcome
      choice.wanted[member.sequence] = outcome
    }
    choice.others.sort()
    return choice
  }

  private func ask(_ contest: Contest) throws -> [ConflictDecision] {
    guard let policy else { return contest.members.map { _ in .open } }
    let edits = try contest.members.map { try ContestedEdit($0.member, $0.names, state) }
    let names = try record.names
    let conflict = Conflict(
      collection: names.collection, key: names.key, base: try base.map { try Snapshot.decode($0) },
      mine: try before.visible.map { try Snapshot.decode($0) },
      theirs: try after.baseFields.map { try Snapshot.decode($0) }, version: version, edits: edits)
    return edits.map { policy.decide(conflict, $0) }
  }

  private func outcome(
    _ decision: ConflictDecision, _ member: Overlay.Member
  ) throws -> ConflictOutcome {
    var outcome = ConflictOutcome(sequence: member.sequence, decision: .keep)
    switch decision {
    case .keep: break
    case .supersede: outcome.decision = .supersede
    case .open: outcome.decision = .open
    case .replaceWith(let set, let unset):
      do {
        outcome = try ConflictOutcome(
          replacing: member.sequence, Overlay.entry(member.sequence, state).header.kind, set, unset)
      } catch JournalError.invalidInput {
        // What the policy wants cannot be written: somebody has to look.
        outcome.decision = .open
      }
    }
    return outcome
  }

  // MARK: Entries

  private func draft(
    _ contest: Contest, _ outcomes: [ConflictOutcome], _ overlay: Overlay, ordinal: Int
  ) throws -> Draft {
    let names = try contest.names ?? FieldSet.differing(after.baseFields, after.visible)
    let outcomes = outcomes.sorted { $0.sequence < $1.sequence }
    var body = BodyBuilder()
    let address = try record.names
    body.add(.collection, text: address.collection)
    body.add(.key, text: address.key)
    body.add(.version, version: version)
    body.add(.cause, unsigned: cause.sequence)
    body.add(.decider, text: name)
    body.add(.outcomes) { ConflictOutcome.write(outcomes, into: &$0) }
    if let mine = after.visible { body.add(.mine, raw: try FieldSet.subset(mine, names)) }
    if let theirs = after.baseFields { body.add(.theirs, raw: try FieldSet.subset(theirs, names)) }
    if let lost = try lost(outcomes, overlay) { body.add(.lost, raw: lost) }
    return try Self.derived(.conflict, body.finish(), from: cause, ordinal: ordinal)
  }

  /// What falls with edits that are superseded, as it was shown; nil where none is, or none had fields.
  private func lost(_ outcomes: [ConflictOutcome], _ overlay: Overlay) throws -> [UInt8]? {
    let superseded = Set(outcomes.filter { $0.decision == .supersede }.map(\.sequence))
    guard !superseded.isEmpty, let shown = after.visible ?? before.visible else { return nil }
    var names: Set<[UInt8]>? = []
    for member in overlay.members where superseded.contains(member.sequence) {
      let edit = try Overlay.decided(member, state).edit
      guard edit.kind != .delete else { continue }
      guard let touched = try Contest.touchedNames(member, state) else {
        names = nil
        break
      }
      names?.formUnion(touched)
    }
    guard let names else { return shown }
    return names.isEmpty ? nil : try FieldSet.subset(shown, names)
  }

  /// The edit that brings about what a decision wants of edits that were sent already; nil where nothing is left
  /// to bring about.
  private func amendment(
    _ choice: Choice, _ overlay: Overlay, because decision: SequenceNumber, ordinal: Int
  ) throws -> Draft? {
    guard let policy else { return nil }
    let shown = try overlay.fold(over: after.baseFields, choice.outcomes, state)
    var wanted = try overlay.fold(over: after.baseFields, choice.wanted, state)
    if policy.restoresDeleted, wanted == nil, after.baseFields == nil { wanted = before.visible }
    guard shown != wanted, wanted?.count ?? 0 <= Limits.recordBytes else { return nil }
    var edit = EditDraft(
      id: Self.id(from: cause, rule: "decided edit", ordinal: ordinal))
    edit.cause = decision
    var draft = try edit.draft(
      Self.change(from: shown, to: wanted), collection: record.names.collection,
      key: record.names.key)
    draft.precondition = .none
    draft.isDecided = true
    return draft
  }

  /// The change that makes one state of a record of another; they differ.
  static func change(from shown: [UInt8]?, to wanted: [UInt8]?) throws -> EditDraft.Change {
    guard let wanted else { return .delete }
    guard let shown else { return .put(fields: wanted) }
    let difference = try shown.withUnsafeBytes { shown in
      try wanted.withUnsafeBytes { try FieldMap.difference(from: shown, to: $0) }
    }
    return .update(set: difference.set, unset: difference.unset)
  }

  // MARK: Ids

  static func derived(
    _ kind: EntryKind, _ body: [UInt8], from cause: EntryHeader, rule: String = "conflict",
    ordinal: Int
  ) throws -> Draft {
    try Draft(kind, id: id(from: cause, rule: rule, ordinal: ordinal), body: body)
  }

  private static func id(from cause: EntryHeader, rule: String, ordinal: Int) -> EntryID {
    var hash = SHA256()
    hash.update(data: cause.id.bytes)
    hash.update(data: [UInt8](rule.utf8))
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: ordinal).bigEndian) {
      hash.update(bufferPointer: $0)
    }
    return .computed([UInt8](hash.finalize()))
  }
}

extension ConflictOutcome {
  fileprivate mutating func decide(_ decision: Decision) {
    self = ConflictOutcome(sequence: sequence, decision: decision)
  }
}
