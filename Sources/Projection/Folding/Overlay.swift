import Journal

/// The open edits of one record, oldest first: what lies on top of its base.
struct Overlay {
  struct Member {
    var sequence: SequenceNumber
    var state: EditState
    var isChanged = false
    /// What a decision being folded puts in the edit's place: its entry is not stored yet.
    var patch: [UInt8]?
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

  /// Rebases members that are still to be sent onto the version a decision was taken at.
  mutating func rebase(_ sequences: Set<SequenceNumber>, onto version: ServerVersion) {
    for index in members.indices where sequences.contains(members[index].sequence) {
      guard members[index].state.delivery == .pending else { continue }
      members[index].state.base = .version(version)
      members[index].isChanged = true
    }
  }

  mutating func decide(
    _ sequence: SequenceNumber, by decision: SequenceNumber, patch: [UInt8]?
  ) {
    for index in members.indices where members[index].sequence == sequence {
      members[index].state.decision = decision
      members[index].patch = patch
      members[index].isChanged = true
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

  /// What an edit leaves of the fields below it.
  static func apply(
    _ member: Member, to fields: [UInt8]?, _ state: any FoldState
  ) throws -> [UInt8]? {
    guard let entry = try state.entry(member.sequence) else {
      throw JournalError.damaged("open edit \(member.sequence) is missing; run `journal verify`")
    }
    if member.state.decision != 0,
      let patch = try member.patch
        ?? replacement(of: member.sequence, in: member.state.decision, state)
    {
      guard let fields else { return nil }
      return try fields.withUnsafeBytes { base in
        try patch.withUnsafeBytes { try FieldMap.merge(base: base, set: $0, unset: []) }
      }
    }
    return try entry.plainBody.withUnsafeBytes {
      try EditRule.apply(entry.header.kind, Body($0), to: fields).fields
    }
  }

  /// The patch a conflict's decision put in the place of an edit.
  static func replacement(
    of sequence: SequenceNumber, in decision: SequenceNumber, _ state: any FoldState
  ) throws -> [UInt8]? {
    guard let entry = try state.entry(decision) else { return nil }
    return try entry.plainBody.withUnsafeBytes { bytes in
      try ConflictOutcome.list(Body(bytes)).first { $0.sequence == sequence }?.patch
    }
  }
}
