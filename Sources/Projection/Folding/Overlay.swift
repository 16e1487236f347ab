import Journal

/// The open edits of one record, oldest first: what lies on top of its base.
struct Overlay {
  struct Member {
    var sequence: SequenceNumber
    var state: EditState
    var isChanged = false
    /// What a decision being folded puts in the edit's place: its entry is not stored yet.
    var replacement: ConflictOutcome?
  }

  private(set) var members: [Member] = []

  /// Walks the record's chain of open edits. Linear in their number.
  init(_ row: RecordRow, _ state: any FoldState) throws {
    var sequence = row.newestOpen
    // Nothing is reserved: the count is what a row says, and a damaged one may say four thousand
    // million.
    while members.count < Int(row.openCount) {
      guard let edit = try state.edit(sequence) else {
        throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`")
      }
      guard edit.previousOpen < sequence else {
        throw JournalError.damaged(
          "open edit \(sequence) is linked to the later \(edit.previousOpen); run `journal verify`")
      }
      members.append(Member(sequence: sequence, state: edit))
      sequence = edit.previousOpen
    }
    members.reverse()
  }

  /// The open edits of two records that turn out to be one, in the order they were made.
  init(_ one: Overlay, _ other: Overlay) {
    members = (one.members + other.members).sorted { $0.sequence < $1.sequence }
    var previous: SequenceNumber = 0
    for index in members.indices {
      if members[index].state.previousOpen != previous {
        members[index].state.previousOpen = previous
        members[index].isChanged = true
      }
      previous = members[index].sequence
    }
  }

  /// Takes edits out and links the rest anew.
  ///
  /// An edit that stood on one that is gone stands on the base's version from now on.
  mutating func remove(
    standingOn base: ServerVersion?, where shouldRemove: (Member) -> Bool
  ) -> [Member] {
    let removed = members.filter(shouldRemove)
    guard !removed.isEmpty else { return [] }
    members.removeAll(where: shouldRemove)
    var previous: SequenceNumber = 0
    for index in members.indices {
      if members[index].state.previousOpen != previous {
        members[index].state.previousOpen = previous
        if previous == 0, members[index].state.base == .earlierEdit {
          members[index].state.base = base.map { .version($0) } ?? .none
        }
        members[index].isChanged = true
      }
      previous = members[index].sequence
    }
    return removed
  }

  /// Puts an edit that had left the overlay back in its place, to be sent again.
  ///
  /// It stands on the edit before it, as the one behind it now stands on it; the first one on `base`.
  mutating func insert(
    _ sequence: SequenceNumber, _ state: EditState = EditState(), onto base: ServerVersion? = nil
  ) {
    guard members.count < Int(UInt32.max), !members.contains(where: { $0.sequence == sequence })
    else { return }
    let place = members.firstIndex { $0.sequence > sequence } ?? members.endIndex
    var member = Member(sequence: sequence, state: state, isChanged: true)
    member.state.delivery = .pending
    member.state.previousOpen = 0
    member.state.base = base.map { .version($0) } ?? .none
    if place > 0 {
      member.state.previousOpen = members[place - 1].sequence
      member.state.base = .earlierEdit
    }
    members.insert(member, at: place)
    guard place + 1 < members.count else { return }
    members[place + 1].state.previousOpen = sequence
    members[place + 1].state.base = .earlierEdit
    members[place + 1].isChanged = true
  }

  /// Takes note of what was decided about edits that are still to be sent; what was sent can only be kept.
  ///
  /// They stand on the version the decision was taken at from now on, or on the writer's edit before.
  mutating func decide(
    _ outcomes: [ConflictOutcome], by decision: SequenceNumber, at version: ServerVersion
  ) {
    for outcome in outcomes {
      guard let index = members.firstIndex(where: { $0.sequence == outcome.sequence }),
        members[index].state.delivery == .pending
      else { continue }
      members[index].isChanged = true
      members[index].state.isUndecided = outcome.decision == .open
      guard outcome.decision != .open else { continue }
      if outcome.decision == .replaceWith {
        members[index].state.decision = decision
        members[index].replacement = outcome
      }
      members[index].state.base =
        members[index].state.previousOpen == 0 ? .version(version) : .earlierEdit
    }
  }

  /// Writes changed members back and folds the visible state over the row's base.
  func store(in row: inout RecordRow, _ state: any FoldState) throws {
    for member in members where member.isChanged {
      try state.putEdit(member.sequence, member.state)
    }
    row.openCount = UInt32(truncatingIfNeeded: members.count)
    row.newestOpen = members.last?.sequence ?? 0
    row.overlaid = nil
    guard !members.isEmpty else { return }
    var fields = row.baseFields
    for member in members {
      fields = try Self.apply(member, to: fields, state)
    }
    row.overlaid = fields
  }

  /// The fields that some of the members leave of others.
  func fold(
    over fields: [UInt8]?, _ state: any FoldState, where isIncluded: (Member) throws -> Bool
  ) throws -> [UInt8]? {
    var fields = fields
    for member in members where try isIncluded(member) {
      fields = try Self.apply(member, to: fields, state)
    }
    return fields
  }

  /// The fields that all of the members leave, were this decided about them.
  func fold(
    over fields: [UInt8]?, _ outcomes: [SequenceNumber: ConflictOutcome], _ state: any FoldState
  ) throws -> [UInt8]? {
    var fields = fields
    for var member in members {
      switch outcomes[member.sequence]?.decision {
      case .supersede: continue
      case .replaceWith: member.replacement = outcomes[member.sequence]
      case .keep, .open, nil: break
      }
      fields = try Self.apply(member, to: fields, state)
    }
    return fields
  }

  /// What an edit leaves of the fields below it.
  static func apply(
    _ member: Member, to fields: [UInt8]?, _ state: any FoldState
  ) throws -> [UInt8]? {
    let edit = try decided(member, state).edit
    return try edit.body.withUnsafeBytes {
      try EditRule.apply(edit.kind, Body($0), to: fields).fields
    }
  }

  /// What an edit says by now, and its entry.
  static func decided(
    _ member: Member, _ state: any FoldState
  ) throws -> (entry: StoredEntry, edit: DecidedEdit) {
    let entry = try entry(member.sequence, state)
    let replacement =
      try member.replacement
      ?? replacement(of: member.sequence, in: member.state.decision, state)
    return (entry, try DecidedEdit(entry, replacement))
  }

  static func entry(_ sequence: SequenceNumber, _ state: any FoldState) throws -> StoredEntry {
    guard let entry = try state.entry(sequence) else {
      throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`")
    }
    return entry
  }

  /// What a conflict's decision put in the place of an edit; nil where there is none.
  static func replacement(
    of sequence: SequenceNumber, in decision: SequenceNumber, _ state: any FoldState
  ) throws -> ConflictOutcome? {
    guard decision != 0 else { return nil }
    return try ConflictOutcome.replacement(of: sequence, in: state.entry(decision))
  }
}
