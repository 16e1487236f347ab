import Journal

/// Edits: what the user did to a record, on top of its base. The path every write takes: the row is
/// read where it lies and written once, nothing else is copied.
extension RecordFolder {
  func foldEdit(
    _ header: EntryHeader, _ edit: EditContent, _ key: UnsafeRawBufferPointer,
    _ precondition: Draft.Precondition, isReplay: Bool, _ state: any FoldState
  ) throws -> FoldOutcome {
    // Not captured by anything that could outlive the closure: it would move to the heap.
    var previous: SequenceNumber = 0
    var visibleBytes = 0
    var isMoved = false
    try state.withRecord(key) { stored in
      let row = try stored.map { try RecordRowView($0) } ?? RecordRowView()
      guard row.moved == nil else {
        isMoved = true
        return
      }
      try check(precondition, row, key)
      previous = row.last
      let effect = try EditRule.outcome(edit, on: row.visible)
      visibleBytes = try store(effect, in: row, header, key, isReplay: isReplay, state)
    }
    if isMoved {
      return try currentKey([UInt8](key), state).withUnsafeBytes {
        try foldEdit(header, edit, $0, precondition, isReplay: isReplay, state)
      }
    }
    var outcome = FoldOutcome()
    outcome.previous = previous
    outcome.visibleBytes = visibleBytes
    return outcome
  }

  /// Stores what an edit leaves; returns the bytes of the fields.
  private func store(
    _ effect: EditRule.Outcome, in row: RecordRowView, _ header: EntryHeader,
    _ key: UnsafeRawBufferPointer, isReplay: Bool, _ state: any FoldState
  ) throws -> Int {
    let bytes =
      switch effect {
      case .noEffect, .gone: 0
      case .replaced(let fields): fields.count
      case .merged(let fields): fields.count
      }
    if !isReplay, bytes > Limits.recordBytes {
      throw JournalError.invalidInput(
        "the record would have \(bytes) bytes, over the limit of 1 MiB - 16 KiB")
    }
    switch effect {
    case .noEffect: try store(row, nil, hasEffect: false, header, key, isReplay, state)
    case .gone: try store(row, nil, hasEffect: true, header, key, isReplay, state)
    case .replaced(let fields):
      try store(row, fields, hasEffect: true, header, key, isReplay, state)
    case .merged(let fields):
      try fields.withUnsafeBytes {
        try store(row, $0, hasEffect: true, header, key, isReplay, state)
      }
    }
    return bytes
  }

  private func store(
    _ row: RecordRowView, _ fields: UnsafeRawBufferPointer?, hasEffect: Bool,
    _ header: EntryHeader, _ key: UnsafeRawBufferPointer, _ isReplay: Bool, _ state: any FoldState
  ) throws {
    var row = row
    let isLocal = header.flags.contains(.local)
    var edit = EditState()
    row.last = header.sequence
    if isLocal {
      if hasEffect {
        let version = ServerVersion(
          timestamp: header.time.milliseconds, tieBreak: header.sequence)
        row.base = RecordRow.Base(version: version, born: row.base?.born ?? version)
        row.baseFields = fields
      }
    } else {
      if row.openCount > 0 {
        edit.base = .earlierEdit
      } else if let base = row.base {
        edit.base = .version(base.version)
      }
      edit.previousOpen = row.newestOpen
      guard row.openCount < .max else {
        throw JournalError.damaged(
          "the record of edit \(header.sequence) counts too many open edits; run `journal verify`")
      }
      row.newestOpen = header.sequence
      row.openCount += 1
      row.overlaid = fields
    }
    // The row first: it is read from where it lies, and any write may end that.
    try row.store(key, in: state, isChecked: !isReplay)
    if !isLocal { try state.putEdit(header.sequence, edit) }
    state.count(edit: isLocal)
  }

  private func check(
    _ precondition: Draft.Precondition, _ row: RecordRowView, _ key: UnsafeRawBufferPointer
  ) throws {
    let exists = row.visible != nil
    if let last = precondition.last, last != row.last {
      let names = try RecordAddress.names(inRowKey: key)
      throw JournalError.unexpectedVersion(
        "\(names.collection)/\(names.key) was last changed by entry \(row.last), not \(last); read it "
          + "again and decide anew")
    }
    guard let expected = precondition.exists, expected != exists else { return }
    let names = try RecordAddress.names(inRowKey: key)
    throw JournalError.invalidInput(
      exists
        ? "create of \(names.collection)/\(names.key), which exists; use put or update"
        : "\(names.collection)/\(names.key) does not exist; create it or use put")
  }
}
