import Crypto

/// The fold of everything below the horizon, stored so that a rebuild can start from it.
package enum Baseline {
  private static func key(_ table: Table, _ key: some Collection<UInt8>) -> [UInt8] {
    [table.rawValue] + key
  }

  /// Gives a fold in memory the state at the horizon.
  static func restore(from reader: JournalReader, into state: MemoryFoldState) throws {
    try reader.storage.scan(.baseline, from: nil) { key, payload in
      let rest = UnsafeRawBufferPointer(rebasing: key.dropFirst())
      switch key.first.flatMap(Table.init(rawValue:)) {
      case .records: state.putRecord([UInt8](rest), [UInt8](payload))
      case .edits:
        state.putEdit(try JournalReader.sequence(ofKey: rest), try EditState(payload))
      case .meta:
        let name = String(decoding: rest, as: UTF8.self)
        if name == MetaKey.fold {
          state.counts = try FoldCounts(payload)
        } else {
          state.putMeta(name, [UInt8](payload))
        }
      default: throw JournalError.damaged("the baseline has a row of no known table")
      }
      return true
    }
  }

  /// The digest that the `trimmed` entry names.
  package static func digest(_ storage: any StorageReader) throws -> TreeHash {
    var hash = SHA256()
    try storage.scan(.baseline, from: nil) { key, payload in
      withUnsafeBytes(of: UInt16(truncatingIfNeeded: key.count).bigEndian) {
        hash.update(bufferPointer: $0)
      }
      hash.update(bufferPointer: key)
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: payload.count).bigEndian) {
        hash.update(bufferPointer: $0)
      }
      hash.update(bufferPointer: payload)
      return true
    }
    return TreeHash(hash.finalize())
  }

  /// Replaces the baseline by the fold's present rows.
  static func storeCurrent(_ transaction: WriteTransaction) throws {
    try transaction.clear(.baseline)
    for table in [Table.meta, .edits, .records] {
      // Rows are copied in slices: a write ends the life of every pointer the scan lends.
      var next: [UInt8]? = []
      while let from = next {
        var slice: [(key: [UInt8], payload: [UInt8])] = []
        next = nil
        try transaction.scan(table, from: from) { rowKey, payload in
          if slice.count == 1_000 {
            next = [UInt8](rowKey)
            return false
          }
          slice.append(([UInt8](rowKey), [UInt8](payload)))
          return true
        }
        for row in slice where table != .meta || isFolded(row.key) {
          try transaction.putLast(.baseline, key: key(table, row.key), payload: row.payload)
        }
      }
    }
  }

  private static func isFolded(_ key: [UInt8]) -> Bool {
    key == [UInt8](MetaKey.fold.utf8) || key.starts(with: MetaKey.folded.utf8)
  }

  /// Replaces the baseline by a state folded in memory.
  static func store(_ state: MemoryFoldState, _ transaction: WriteTransaction) throws {
    try transaction.clear(.baseline)
    var meta = state.metaRows.map { (key: [UInt8]($0.key.utf8), payload: $0.value) }
    meta.append((key: [UInt8](MetaKey.fold.utf8), payload: state.counts.encoded))
    for row in meta.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      try transaction.putLast(.baseline, key: key(.meta, row.key), payload: row.payload)
    }
    for edit in state.openEdits() {
      try transaction.putLast(
        .baseline, key: key(.edits, [UInt8](sequence: edit.sequence)), payload: edit.state.encoded)
    }
    for rowKey in state.records.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      guard let payload = state.records[rowKey] else { continue }
      try transaction.putLast(.baseline, key: key(.records, rowKey), payload: payload)
    }
  }

  /// The edits that were open at the horizon, ascending.
  static func openEdits(_ storage: any StorageReader) throws -> [SequenceNumber] {
    var open: [SequenceNumber] = []
    try storage.scan(.baseline, from: [Table.edits.rawValue]) { key, _ in
      guard key.first == Table.edits.rawValue else { return false }
      open.append(
        try JournalReader.sequence(ofKey: UnsafeRawBufferPointer(rebasing: key.dropFirst())))
      return true
    }
    return open
  }
}
