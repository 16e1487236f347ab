/// Writes a pack anew without what it holds of one record.
enum PackEraser {
  /// Replaces the file at `path`; what it proves stays, its bodies about the record go.
  ///
  /// - Returns: SHA-256 of the new file.
  /// - Throws: ``JournalError``; the old file then stands as it was.
  static func erase(_ rowKey: [UInt8], from path: String, keys: KeyRing) throws -> TreeHash {
    let reader = try JournalReader(PackReader(path: path))
    try keys.unlock(reader)
    // Rows that stay are copied as they lie, encrypted or not.
    let stored = try PackReader(path: path)
    let generation = reader.horizon.generation
    let writer = try PackWriter(replacing: path)
    var digest = Baseline.Digest()
    let recordKey = Baseline.key(.records, rowKey, generation: generation)
    try Baseline.scan(reader.storage, generation: generation) { table, key, payload in
      if table == .records, key.elementsEqual(rowKey) { return true }
      digest.add(table, key, payload)
      return true
    }
    for table in Table.allCases {
      try stored.scan(table, from: nil) { key, payload in
        switch table {
        case .entries:
          guard let entry = try reader.entry(JournalReader.sequence(ofKey: key)),
            entry.encoding == StoredEntry.plainEncoding,
            try entry.plainBody.withUnsafeBytes({ try Body($0).record() })?.rowKey == rowKey
          else { break }
          let row = try StoredEntry.withoutBody(payload, encoding: StoredEntry.erasedEncoding)
          try row.withUnsafeBytes { try writer.add(table, key: key, payload: $0) }
          return true
        case .baseline where key.elementsEqual(recordKey):
          return true
        case .meta where key.elementsEqual(MetaKey.horizon.utf8):
          var horizon = reader.horizon
          if horizon.entry != 0, try !reader.isRedacted {
            let changed = digest.finish()
            // The entry that vouches for the new baseline is in the journal, not in this file.
            if changed != horizon.baselineDigest { horizon.digestEntry = .max }
            horizon.baselineDigest = changed
          }
          try horizon.encoded.withUnsafeBytes { try writer.add(table, key: key, payload: $0) }
          return true
        default: break
        }
        try writer.add(table, key: key, payload: payload)
        return true
      }
    }
    return try writer.finish()
  }
}
