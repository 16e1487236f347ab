import Journal

/// A step that has run and waits to be appended.
struct MigrationStep: Sendable {
  /// Another write came between; what the step has seen is not what is there.
  struct Overtaken: Error {}

  let id: MigrationID
  let isUndo: Bool
  /// What the journal has come to with this step.
  let reached: MigrationID
  /// The last entry that the step has seen.
  let through: SequenceNumber
  let changes: [MigrationContext.Change]

  /// Appends the step's edits and, behind them, the entry that says so, in the caller's transaction.
  ///
  /// - Throws: ``Overtaken``, and what appending an edit throws: then nothing was appended.
  func append(_ context: AppendContext) throws {
    guard context.head.lastSequence == through else { throw Overtaken() }
    var sequences: [SequenceNumber] = []
    for group in groups {
      for case .new(let sequence) in try context.appendGroup(group) { sequences.append(sequence) }
    }
    var body = BodyBuilder()
    if !sequences.isEmpty { body.add(.entries) { $0.ranges(sequences) } }
    body.add(.migration, text: id.text)
    if isUndo { body.add(.undone) { $0.bool(true) } }
    body.add(.reached, text: reached.text)
    try context.append(Draft(.migration, body: body.finish()))
  }

  /// The edits in groups that keep to the limits of one; an edit that other devices make as well
  /// stands alone, for the server may know it already.
  private var groups: [[Draft]] {
    var groups: [[Draft]] = []
    var (bytes, visibleBytes, mayGrow) = (0, 0, false)
    for change in changes {
      let isShared = change.draft.id != nil
      let fits =
        (groups.last?.count ?? 0) < Limits.groupEntries
        && bytes + change.draft.body.count <= Limits.groupBytes
        && visibleBytes + change.visibleBytes <= Limits.groupStateBytes
      if !isShared, mayGrow, fits {
        groups[groups.count - 1].append(change.draft)
      } else {
        groups.append([change.draft])
        (bytes, visibleBytes) = (0, 0)
      }
      bytes += change.draft.body.count
      visibleBytes += change.visibleBytes
      mayGrow = !isShared
    }
    return groups
  }
}
