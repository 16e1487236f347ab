/// The fold's state in memory: what a replay, a read in the past and `verify` fold into.
package final class MemoryFoldState: FoldState {
  package var counts = FoldCounts()
  package let isLocal: Bool
  package private(set) var records: [[UInt8]: [UInt8]] = [:]
  package private(set) var edits: [SequenceNumber: EditState] = [:]
  package private(set) var metaRows: [String: [UInt8]] = [:]
  private let reader: JournalReader

  /// Begins with the baseline, or with nothing where nothing was trimmed.
  package init(_ reader: JournalReader) throws {
    self.reader = reader
    isLocal = reader.identity.isLocal
    try Baseline.restore(from: reader, into: self)
  }

  package func record(_ key: [UInt8]) -> [UInt8]? { records[key] }
  package func putRecord(_ key: [UInt8], _ payload: [UInt8]) { records[key] = payload }
  package func edit(_ sequence: SequenceNumber) -> EditState? { edits[sequence] }
  package func putEdit(_ sequence: SequenceNumber, _ state: EditState) { edits[sequence] = state }
  package func removeEdit(_ sequence: SequenceNumber) { edits[sequence] = nil }

  package func openEdits() -> [(sequence: SequenceNumber, state: EditState)] {
    edits.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  package func meta(_ key: String) -> [UInt8]? { metaRows[key] }
  package func putMeta(_ key: String, _ payload: [UInt8]?) { metaRows[key] = payload }

  package func entry(_ sequence: SequenceNumber) throws -> StoredEntry? {
    try reader.entry(sequence)
  }
}
