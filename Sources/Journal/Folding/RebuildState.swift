/// The fold's state while its tables are written anew: rows gather in memory and follow into the
/// table in large sorted slices, so that memory stays the same however many records there are.
///
/// Edits and meta rows go straight to their tables, which are empty when this begins.
final class RebuildState: FoldState {
  /// Bytes of rows that are gathered before they are written.
  static let sliceBytes = 64 << 20

  // SAFETY: used by the writer thread alone, one access after the other.
  @exclusivity(unchecked) var counts = FoldCounts()
  let isLocal: Bool
  private let storage: StorageFoldState
  private let sliceBytes: Int
  @exclusivity(unchecked) private var rows = FlatRows()
  @exclusivity(unchecked) private var hasWritten = false

  init(_ storage: StorageFoldState, sliceBytes: Int = RebuildState.sliceBytes) {
    self.storage = storage
    self.sliceBytes = sliceBytes
    isLocal = storage.isLocal
  }

  func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try rows.withPayload(key) { found in
      if found == nil, hasWritten { return try storage.withRecord(key, body) }
      try body(found)
    }
  }

  func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws {
    rows.put(key, payload)
    if rows.bytes > sliceBytes { try writeSlice() }
  }

  /// Writes the gathered rows; the first slice fills its pages.
  private func writeSlice() throws {
    try rows.forEachSorted { key, payload in
      if hasWritten {
        try storage.putRecord(key, payload)
      } else {
        try storage.transaction.putLast(.records, key: key, payload: payload)
      }
      return true
    }
    hasWritten = true
    rows = FlatRows()
  }

  /// Writes what is still gathered, and the counts.
  func finish() throws {
    try writeSlice()
    storage.counts = counts
  }

  func edit(_ sequence: SequenceNumber) throws -> EditState? { try storage.edit(sequence) }
  func putEdit(_ sequence: SequenceNumber, _ state: EditState) throws {
    try storage.putEdit(sequence, state)
  }
  func removeEdit(_ sequence: SequenceNumber) throws { try storage.removeEdit(sequence) }
  func openEdits() throws -> [(sequence: SequenceNumber, state: EditState)] {
    try storage.openEdits()
  }
  func count(edit isLocal: Bool) { counts.count(edit: isLocal) }

  func meta(_ key: String) throws -> [UInt8]? { try storage.meta(key) }
  func putMeta(_ key: String, _ payload: [UInt8]?) throws { try storage.putMeta(key, payload) }
  func metaRows(prefix: String) throws -> [(key: String, payload: [UInt8])] {
    try storage.metaRows(prefix: prefix)
  }
  func entry(_ sequence: SequenceNumber) throws -> StoredEntry? { try storage.entry(sequence) }
}
