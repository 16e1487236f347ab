import Journal

/// Declarations of collections.
extension RecordFolder {
  func foldCollection(_ header: EntryHeader, _ body: Body, _ state: any FoldState) throws {
    guard let name = try body.text(.name), let settings = body.raw(.settings),
      try !body.bool(.removed)
    else { throw JournalError.unsupported("a declaration only a later release knows") }
    let declaration = try CollectionDeclaration(name: name, settings: settings)
    try state.putMeta(MetaKey.collection(name), [UInt8](settings))
    if declaration.isLocalOnly { try settleAll(of: name, by: header, state) }
  }

  /// What still waited for a server becomes base: no server will ever have it.
  ///
  /// Linear in the open edits, once in a collection's life.
  private func settleAll(
    of collection: String, by header: EntryHeader, _ state: any FoldState
  ) throws {
    var collection = collection
    let prefix = collection.withUTF8 {
      RecordAddress.prefix(collection: UnsafeRawBufferPointer($0))
    }
    let version = ServerVersion(timestamp: header.time.milliseconds, tieBreak: header.sequence)
    var seen: Set<[UInt8]> = []
    for edit in try state.openEdits() where edit.state.isFolded {
      guard let entry = try state.entry(edit.sequence) else {
        throw JournalError.damaged("open edit \(edit.sequence) is missing; run `journal verify`")
      }
      // An erasure waits for its delivery like an edit, and names no record.
      guard entry.header.kind.isEdit,
        let key = try entry.plainBody.withUnsafeBytes({
          try currentKey(named: Body($0), state)
        }),
        key.starts(with: prefix), seen.insert(key).inserted,
        var row = try state.record(key).map({ try RecordRow($0) })
      else { continue }
      var overlay = try Overlay(row, state)
      row.base = RecordRow.Base(version: version, born: row.base?.born ?? version)
      row.baseFields = row.visible
      for member in overlay.remove(standingOn: nil, where: { _ in true }) {
        try state.removeEdit(member.sequence)
        state.counts.count(member.state.delivery, by: -1)
        state.counts.settled += 1
      }
      try overlay.store(in: &row, state)
      try state.putRecord(key, row.encoded)
    }
  }
}
