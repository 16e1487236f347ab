package import Journal

/// Erasures: what is erased is gone from the rows already, its delivery is what is left to fold.
extension RecordFolder {
  package func erasable(
    _ target: ErasureTarget, in storage: any StorageReader
  ) throws -> ErasableRecord? {
    switch target {
    case .record(let address):
      return try erasable(
        Aliases(storage).currentKey(of: address.rowKey, before: .max), in: storage)
    case .born(let born, _):
      var found: [UInt8]?
      try storage.scan(.records, from: nil) { key, payload in
        let row = try RecordRow(payload)
        guard row.base?.born == born else { return true }
        found = [UInt8](key)
        return false
      }
      return try found.flatMap { try erasable($0, in: storage) }
    }
  }

  private func erasable(
    _ rowKey: [UInt8], in storage: any StorageReader
  ) throws -> ErasableRecord? {
    guard let row = try storage.withValue(.records, rowKey, { try RecordRow($0) }) else {
      return nil
    }
    let former = try row.formerKeys.map { key in
      let former = try RecordAddress.rowKey(of: key, besides: rowKey)
      let last = try storage.withValue(.records, former) { try RecordRow($0).last } ?? 0
      return (rowKey: former, last: last)
    }
    return ErasableRecord(
      rowKey: rowKey, last: row.last, born: row.base?.born, former: former)
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
