/// The fold's state in memory: what a replay, a read in the past and `verify` fold into.
package final class MemoryFoldState: FoldState {
  package var counts = FoldCounts()
  package let isLocal: Bool
  package let records = FlatRows()
  package private(set) var edits = OpenEdits()
  package private(set) var metaRows: [String: [UInt8]] = [:]
  /// What entries before the one being folded are read from.
  var reader: JournalReader
  /// Notes which rows are stored, for whoever wants to know.
  var recorder: RowRecorder?

  /// Begins with the baseline, or with nothing where nothing was trimmed.
  package init(_ reader: JournalReader) throws {
    self.reader = reader
    isLocal = reader.identity.isLocal
    try Baseline.restore(from: reader, into: self)
  }

  /// Begins with nothing, for rows that come from elsewhere.
  init(emptyFor reader: JournalReader) {
    self.reader = reader
    isLocal = reader.identity.isLocal
  }

  /// Begins with what the baseline holds of records under these keys, and of no other.
  package init(_ reader: JournalReader, only rowKeys: [[UInt8]]) throws {
    self.reader = reader
    isLocal = reader.identity.isLocal
    try Baseline.restore(from: reader, only: rowKeys, into: self)
  }

  package func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) rethrows {
    try records.withPayload(key, body)
  }

  package func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
    recorder?.note(key, payload) { records[[UInt8](key)] }
    records.put(key, payload)
  }

  package func edit(_ sequence: SequenceNumber) -> EditState? { edits[sequence] }
  package func putEdit(_ sequence: SequenceNumber, _ state: EditState) { edits[sequence] = state }
  package func removeEdit(_ sequence: SequenceNumber) { edits[sequence] = nil }

  package func openEdits() -> [(sequence: SequenceNumber, state: EditState)] {
    var all: [(sequence: SequenceNumber, state: EditState)] = []
    all.reserveCapacity(edits.count)
    edits.visit { all.append(($0, $1)) }
    return all
  }

  package func count(edit isLocal: Bool) { counts.count(edit: isLocal) }

  package func meta(_ key: String) -> [UInt8]? { metaRows[key] }
  package func putMeta(_ key: String, _ payload: [UInt8]?) { metaRows[key] = payload }

  package func metaRows(prefix: String) -> [(key: String, payload: [UInt8])] {
    metaRows.filter { $0.key.utf8.starts(with: prefix.utf8) }
      .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { ($0.key, $0.value) }
  }

  package func entry(_ sequence: SequenceNumber) throws -> StoredEntry? {
    try reader.entry(sequence)
  }
}
