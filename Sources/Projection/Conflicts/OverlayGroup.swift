import Journal

/// The edits of a group, as far as a decision can take them out together.
enum OverlayGroup {
  struct Member: Equatable {
    var sequence: SequenceNumber
  }

  /// All edits of a group; nil where one of them was sent already, or is not open any more: what is done of a
  /// group cannot be taken back.
  ///
  /// Costs a look at each entry of the group.
  static func whole(_ group: SequenceNumber, _ state: any FoldState) throws -> [Member]? {
    var members: [Member] = []
    var sequence = group
    while let entry = try state.entry(sequence), entry.header.group == group {
      guard entry.header.kind.isEdit, entry.encoding != StoredEntry.erasedEncoding,
        try state.edit(sequence)?.isUnsent == true
      else { return nil }
      members.append(Member(sequence: sequence))
      sequence += 1
      guard entry.header.flags.contains(.moreOfGroup) else { break }
    }
    return members
  }
}

/// The entries by which other records lose their edits of a group that is superseded.
struct OtherRecords {
  let decider: ConflictDecider
  let ordinal: Int
  /// Who decided, and why, where somebody did.
  var actor: String?
  var reason: String?

  func drafts(_ edits: [SequenceNumber]) throws -> [Draft] {
    guard !edits.isEmpty else { return [] }
    let folder = RecordFolder()
    var keys: [[UInt8]] = []
    var byRecord: [[UInt8]: [SequenceNumber]] = [:]
    for edit in edits {
      guard let key = try folder.recordKeys(of: [edit], decider.state).first else { continue }
      if byRecord[key] == nil { keys.append(key) }
      byRecord[key, default: []].append(edit)
    }
    return try keys.enumerated().map { index, key in
      try draft(key, byRecord[key, default: []], index)
    }
  }

  private func draft(_ key: [UInt8], _ edits: [SequenceNumber], _ index: Int) throws -> Draft {
    let row = try decider.state.record(key).map { try RecordRow($0) } ?? RecordRow()
    let names = try RecordAddress(rowKey: key).names
    var body = BodyBuilder()
    body.add(.collection, text: names.collection)
    body.add(.key, text: names.key)
    if let actor { body.add(.actor, text: actor) }
    if let reason { body.add(.reason, text: reason) }
    body.add(
      .version, version: row.base?.version ?? ServerVersion(timestamp: 0, tieBreak: 0))
    body.add(.cause, unsigned: decider.cause.sequence)
    body.add(.decider, text: decider.name)
    body.add(.outcomes) { writer in
      ConflictOutcome.write(
        edits.map { ConflictOutcome(sequence: $0, decision: .supersede) }, into: &writer)
    }
    if let lost = try lost(edits, row) { body.add(.lost, raw: lost) }
    return try ConflictDecider.derived(
      .conflict, body.finish(), from: decider.cause, rule: "group",
      ordinal: ordinal << 12 | index)
  }

  private func lost(_ edits: [SequenceNumber], _ row: RecordRow) throws -> [UInt8]? {
    guard let shown = row.visible else { return nil }
    var names: Set<[UInt8]> = []
    for member in try Overlay(row, decider.state).members where edits.contains(member.sequence) {
      guard let touched = try Contest.touchedNames(member, decider.state) else { return shown }
      names.formUnion(touched)
    }
    return names.isEmpty ? nil : try FieldSet.subset(shown, names)
  }
}
