package import Journal

/// Keys that servers give: a record moves from the key it was created under to the server's.
extension RecordFolder {
  /// The row key of the record that a body names, wherever it stands now; nil where it names none.
  func currentKey(named body: Body, _ state: any FoldState) throws -> [UInt8]? {
    try body.record().map { try currentKey($0.rowKey, state) }
  }

  func currentKey(_ rowKey: [UInt8], _ state: any FoldState) throws -> [UInt8] {
    try Aliases(state).currentKey(of: rowKey, before: .max)
  }

  /// The row of the record that is known under a key, and the row key it stands under; an empty row
  /// where nothing is known of it.
  func currentRow(
    _ rowKey: [UInt8], _ state: any FoldState
  ) throws -> (rowKey: [UInt8], row: RecordRow) {
    let row = try state.record(rowKey).map { try RecordRow($0) } ?? RecordRow()
    guard row.moved != nil else { return (rowKey, row) }
    let current = try currentKey(rowKey, state)
    return (current, try state.record(current).map { try RecordRow($0) } ?? RecordRow())
  }

  package func currentKey(
    _ rowKey: [UInt8], before limit: SequenceNumber, in storage: any StorageReader
  ) throws -> [UInt8] {
    try Aliases(storage).currentKey(of: rowKey, before: limit)
  }

  /// What was under both keys becomes one record under the server's: its base there counts before one
  /// under the other key, and the edits lie on top in the order they were made.
  func foldAssignment(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws -> FoldOutcome {
    guard let named = try body.record()?.rowKey, let assigned = try body.text(.newKey),
      let remote = try body.text(.remote)
    else { throw JournalError.damaged("id assignment \(header.sequence) is incomplete") }
    let oldKey = try currentKey(named, state)
    let address = RecordAddress(rowKey: named)
    let newKey = try currentKey(
      RecordAddress(collection: address.names.collection, key: assigned).rowKey, state)
    var row = try state.record(newKey).map { try RecordRow($0) } ?? RecordRow()
    var outcome = FoldOutcome()
    outcome.previous = row.last
    row.last = header.sequence
    if oldKey != newKey {
      try join(oldKey, to: &row, newKey, by: header, from: remote, state)
    }
    try state.putRecord(newKey, row.encoded)
    return outcome
  }

  /// Takes what is under the old key over into the row, and leaves there where it went.
  private func join(
    _ oldKey: [UInt8], to row: inout RecordRow, _ newKey: [UInt8], by header: EntryHeader,
    from remote: String, _ state: any FoldState
  ) throws {
    let old = try state.record(oldKey).map { try RecordRow($0) } ?? RecordRow()
    let prefix = try RecordAddress.prefixBytes(inRowKey: oldKey)
    row.formerKeys += old.formerKeys + [Array(oldKey.dropFirst(prefix))]
    guard row.formerKeys.count <= FormerKeys.limit else {
      throw JournalError.damaged("entry \(header.sequence) gives a record too many keys")
    }
    var overlay = Overlay(try Overlay(row, state), try Overlay(old, state))
    if row.base == nil {
      row.base = old.base
      row.baseFields = old.baseFields
    }
    if let base = row.base {
      try settle(&overlay, row, from: remote, through: base.version, state)
    }
    try overlay.store(in: &row, state)
    var moved = RecordRow()
    moved.last = old.last
    moved.moved = RecordRow.Moved(since: header.sequence, key: Array(newKey.dropFirst(prefix)))
    try state.putRecord(oldKey, moved.encoded)
  }

  package func canAssign(
    _ assigned: [UInt8], to rowKey: [UInt8], by edit: SequenceNumber, at version: ServerVersion,
    of remote: String, in state: any FoldState
  ) throws -> Bool {
    func row(_ rowKey: [UInt8]) throws -> RecordRow {
      try state.record(rowKey).map { try RecordRow($0) } ?? RecordRow()
    }
    var (own, other) = (try row(rowKey), try row(assigned))
    // What an earlier generation had is not what the server has.
    let cursor = try state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }
    if own.base?.generation != cursor?.generation ?? 0 { (own.base, own.baseFields) = (nil, nil) }
    let names = try RecordAddress(rowKey: rowKey).names
    let key = try RecordAddress(rowKey: assigned).names.key
    func refusal(_ reason: String) -> JournalError {
      .invalidInput("\(names.collection)/\(names.key) is given the key \"\(key)\", but \(reason)")
    }
    // Somebody has brought the deleted record back under its key, after this edit was taken in under
    // another one: they are two there, and the feed shows both.
    if let base = own.base, own.baseFields != nil, base.version > version { return false }
    // What a server has deleted may come back under another key; what it has may not change its key.
    guard try !isOnServer(own, before: edit, state) else {
      throw refusal("the server has it under this one already")
    }
    guard other.moved == nil else {
      throw refusal("another record was created here under that one")
    }
    // Only a server's own key may be given to two: it has found them to be one.
    guard other.openCount == 0 || other.base != nil || !other.formerKeys.isEmpty else {
      throw refusal("another record was created here under that one and is not yet answered")
    }
    guard own.formerKeys.count + other.formerKeys.count < FormerKeys.limit else {
      throw refusal("no record has more than \(FormerKeys.limit) keys")
    }
    return true
  }

  /// Whether a record existed for the server when it came to an edit: by its feed, and by the earlier
  /// edits it has accepted.
  private func isOnServer(
    _ row: RecordRow, before edit: SequenceNumber, _ state: any FoldState
  ) throws -> Bool {
    var fields = row.baseFields
    for member in try Overlay(row, state).members where member.sequence < edit {
      guard case .accepted = member.state.delivery else { continue }
      fields = try Overlay.apply(member, to: fields, state)
    }
    return fields != nil
  }
}
