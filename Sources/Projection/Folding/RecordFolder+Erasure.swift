package import Journal

/// Erasures: what is erased is gone from the rows already, its delivery is what is left to fold.
extension RecordFolder {
  package func erasable(
    _ target: ErasureTarget, in storage: any StorageReader
  ) throws -> ErasableRecord? {
    switch target {
    case .record(let address):
      return try storage.withValue(.records, address.rowKey) { payload in
        let row = try RecordRow(payload)
        return ErasableRecord(rowKey: address.rowKey, last: row.last, born: row.base?.born)
      }
    case .born(let born, _):
      var found: ErasableRecord?
      try storage.scan(.records, from: nil) { key, payload in
        let row = try RecordRow(payload)
        guard row.base?.born == born else { return true }
        found = ErasableRecord(rowKey: [UInt8](key), last: row.last, born: born)
        return false
      }
      return found
    }
  }

  /// An erasure of a record that a server has waits for its delivery like an edit.
  func foldErasure(_ header: EntryHeader, _ body: Body, _ state: any FoldState) throws {
    try foldErasedArchives(body, state)
    guard try body.text(.remote) != nil, body.raw(.born) != nil else { return }
    state.counts.pending += 1
    try state.putEdit(header.sequence, EditState())
  }

  /// Archives that were written anew have another digest from now on.
  private func foldErasedArchives(_ body: Body, _ state: any FoldState) throws {
    guard let raw = body.raw(.archives) else { return }
    var reader = CBORReader(raw)
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 3 else {
        throw JournalError.damaged("an erasure's archive is malformed; run `journal verify`")
      }
      let key = MetaKey.archive(try reader.unsigned())
      _ = try reader.string()
      if reader.skipNull() { continue }
      let digest = TreeHash(bytes: raw[try reader.data()])
      guard var archive = try state.meta(key).map({ try ArchiveName($0) }), let digest else {
        continue
      }
      archive.digest = digest
      try state.putMeta(key, archive.encoded)
    }
  }

  func isErasure(_ sequence: SequenceNumber, _ state: any FoldState) throws -> Bool {
    try state.entry(sequence)?.header.kind == .erased
  }
}
