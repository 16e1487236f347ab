/// Writes a pack anew without what it holds of one record.
struct PackEraser {
  private let path: String
  /// Every key the record is known under.
  private let rowKeys: Set<[UInt8]>
  private let reader: JournalReader
  /// The same file, its rows as they lie, encrypted or not.
  private let stored: PackReader
  /// The entries about the record.
  private let sequences: Set<SequenceNumber>

  /// Opens the pack and finds what it holds of the record; changes nothing.
  ///
  /// - Throws: ``JournalError``, also for a pack of another journal.
  init(
    _ rowKeys: Set<[UInt8]>, path: String, journal: EntryID, keys: KeyRing
  ) throws {
    self.path = path
    self.rowKeys = rowKeys
    reader = try JournalReader(PackReader(path: path))
    guard reader.identity.journal == journal else {
      throw JournalError.invalidInput("\(path) is an archive of another journal; leave it out")
    }
    try keys.unlock(reader)
    stored = try PackReader(path: path)
    var sequences: Set<SequenceNumber> = []
    try reader.scanEntries(from: 1) { entry in
      guard entry.encoding == StoredEntry.plainEncoding else { return true }
      let key = try entry.plainBody.withUnsafeBytes { try Body($0).record() }?.rowKey
      if let key, rowKeys.contains(key) { sequences.insert(entry.header.sequence) }
      return true
    }
    self.sequences = sequences
  }

  /// Replaces the file; what it proves stays, its bodies about the record go.
  ///
  /// - Returns: SHA-256 of the new file.
  /// - Throws: ``JournalError``; the old file then stands as it was.
  func run() throws -> TreeHash {
    let writer = try PackWriter(replacing: path)
    let baseline = try changedBaseline()
    for table in Table.allCases {
      try stored.scan(table, from: nil) { key, payload in
        let row = try changed(table, key, payload, baseline)
        if let row { try row.withUnsafeBytes { try writer.add(table, key: key, payload: $0) } }
        return true
      }
    }
    return try writer.finish()
  }

  /// The baseline's rows that change: to other bytes, or to nothing; and its digest then.
  private struct ChangedBaseline {
    var rows: [[UInt8]: [UInt8]?] = [:]
    var digest = TreeHash.empty
  }

  private func changedBaseline() throws -> ChangedBaseline {
    let generation = reader.horizon.generation
    var changed = ChangedBaseline()
    var counts = try reader.storage.value(
      .baseline, Baseline.key(.meta, [UInt8](MetaKey.fold.utf8), generation: generation)
    ).map { try $0.withUnsafeBytes { try FoldCounts($0) } }
    try Baseline.scan(reader.storage, generation: generation) { table, key, payload in
      let tableKey = Baseline.key(table, key, generation: generation)
      if table == .records, rowKeys.contains([UInt8](key)) {
        changed.rows[tableKey] = .some(nil)
      }
      if table == .edits, sequences.contains(try JournalReader.sequence(ofKey: key)) {
        counts?.count(try EditState(payload).delivery, by: -1)
        changed.rows[tableKey] = .some(nil)
      }
      return true
    }
    if let counts, !changed.rows.isEmpty {
      let key = Baseline.key(.meta, [UInt8](MetaKey.fold.utf8), generation: generation)
      changed.rows[key] = counts.encoded
    }
    var digest = Baseline.Digest()
    try Baseline.scan(reader.storage, generation: generation) { table, key, payload in
      switch changed.rows[Baseline.key(table, key, generation: generation)] {
      case .some(.some(let row)):
        row.withUnsafeBytes { digest.add(table, key, $0) }
      case .some(.none): break
      case .none: digest.add(table, key, payload)
      }
      return true
    }
    changed.digest = digest.finish()
    return changed
  }

  /// A row as it goes into the new file; nil leaves it out.
  private func changed(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    _ baseline: ChangedBaseline
  ) throws -> [UInt8]? {
    switch table {
    case .entries where sequences.contains(try JournalReader.sequence(ofKey: key)):
      return try StoredEntry.withoutBody(payload, encoding: StoredEntry.erasedEncoding)
    case .baseline:
      if let row = baseline.rows[[UInt8](key)] { return row }
    case .meta where key.elementsEqual(MetaKey.horizon.utf8) && !baseline.rows.isEmpty:
      var horizon = reader.horizon
      // The entry that vouches for the new baseline is in the journal, not in this file.
      horizon.digestEntry = .max
      horizon.baselineDigest = baseline.digest
      return horizon.encoded
    default: break
    }
    return [UInt8](payload)
  }
}
