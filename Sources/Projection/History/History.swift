public import Journal

extension Snapshot {
  /// What happened to one record, oldest first: edits, remote changes and conflict decisions that
  /// are still held, and the server's giving it another key, whichever of its keys is asked for.
  ///
  /// Linear in their number.
  public func entries(about collection: String, _ key: String) throws -> [Entry] {
    try history(collection, key).map { try Entry($0) }
  }

  /// The last entry about a record; 0 when nothing is known of it.
  ///
  /// Given back as `expecting` with a write, it makes sure that nothing came between.
  public func lastSequence(about collection: String, _ key: String) throws -> SequenceNumber {
    try source.last(source.current(RecordAddress(collection: collection, key: key).rowKey))
  }

  /// The held entries about one record, oldest first: edits, remote changes and decisions.
  ///
  /// Of a view of the past those up to its sequence. Follows the record's chain; linear in its
  /// length, and in the number of islands below the horizon where the chain leads there.
  package func history(_ collection: String, _ key: String) throws -> [StoredEntry] {
    try heldHistory(collection, key).entries
  }

  /// The same, and the newest entry of them that was trimmed; nil where these are all.
  package func heldHistory(
    _ collection: String, _ key: String
  ) throws -> (entries: [StoredEntry], trimmed: SequenceNumber?) {
    let rowKey = try RecordAddress(collection: collection, key: key).rowKey
    let rowKeys = try source.allKeys(of: rowKey)
    var entries: [StoredEntry] = []
    var reachesBelow = false
    var trimmed: SequenceNumber?
    for rowKey in rowKeys {
      var sequence = try source.last(rowKey)
      while sequence >= reader.horizon.sequence, let entry = try reader.entry(sequence) {
        if sequence <= through { entries.append(entry) }
        guard entry.previous < sequence else {
          throw JournalError.damaged("entry \(sequence) links forward; run `journal verify`")
        }
        sequence = entry.previous
      }
      if sequence > 0 { reachesBelow = true }
      // What is kept below the horizon may be a part of the chain, or all of it.
      while sequence > trimmed ?? 0 {
        guard let entry = try reader.entry(sequence) else {
          trimmed = sequence
          break
        }
        guard entry.previous < sequence else { break }
        sequence = entry.previous
      }
    }
    entries.sort { $0.header.sequence < $1.header.sequence }
    return (try reachesBelow ? islands(of: Set(rowKeys)) + entries : entries, trimmed)
  }

  private func islands(of rowKeys: Set<[UInt8]>) throws -> [StoredEntry] {
    var islands: [StoredEntry] = []
    try reader.scanEntries(from: 1) { entry in
      guard entry.header.sequence < reader.horizon.sequence, entry.header.sequence <= through else {
        return false
      }
      let record = try entry.plainBody.withUnsafeBytes { try Body($0).record() }
      if let record, rowKeys.contains(record.rowKey) { islands.append(entry) }
      return true
    }
    return islands
  }
}
