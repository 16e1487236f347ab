/// The fold's state in the journal's own tables, inside a write transaction.
package final class StorageFoldState: FoldState {
  package let transaction: WriteTransaction
  // SAFETY: used by the writer thread alone, one access after the other.
  @exclusivity(unchecked) package var counts: FoldCounts
  package let isLocal: Bool
  private let devices: [DeviceID]
  /// Notes which rows are stored, while somebody watches.
  var recorder: RowRecorder?

  package init(_ transaction: WriteTransaction, identity: JournalIdentity) throws {
    self.transaction = transaction
    isLocal = identity.isLocal
    devices = identity.deviceIDs
    counts =
      try transaction.withValue(.meta, [UInt8](MetaKey.fold.utf8)) { try FoldCounts($0) }
      ?? FoldCounts()
  }

  package func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try transaction.withRow(.records, key, body)
  }

  package func putRecord(
    _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) throws {
    try recorder?.note(key, payload) { try transaction.value(.records, [UInt8](key)) }
    try transaction.put(.records, key: key, payload: payload)
  }

  package func edit(_ sequence: SequenceNumber) throws -> EditState? {
    try transaction.withValue(.edits, sequence: sequence) { try EditState($0) }
  }

  package func putEdit(_ sequence: SequenceNumber, _ state: EditState) throws {
    try withUnsafeBytes(of: sequence.bigEndian) { key in
      try transaction.putLast(.edits, key: key, length: state.encodedBytes) {
        state.encode(into: $0)
      }
    }
  }

  package func removeEdit(_ sequence: SequenceNumber) throws {
    _ = try transaction.delete(.edits, key: [UInt8](sequence: sequence))
  }

  package func openEdits() throws -> [(sequence: SequenceNumber, state: EditState)] {
    var edits: [(sequence: SequenceNumber, state: EditState)] = []
    try transaction.scan(.edits, from: nil) { key, payload in
      edits.append((try JournalReader.sequence(ofKey: key), try EditState(payload)))
      return true
    }
    return edits
  }

  package func count(edit isLocal: Bool) { counts.count(edit: isLocal) }

  package func meta(_ key: String) throws -> [UInt8]? {
    try transaction.withValue(.meta, [UInt8](key.utf8)) { [UInt8]($0) }
  }

  package func putMeta(_ key: String, _ payload: [UInt8]?) throws {
    if let payload {
      try transaction.put(.meta, key: [UInt8](key.utf8), payload: payload)
    } else {
      _ = try transaction.delete(.meta, key: [UInt8](key.utf8))
    }
  }

  package func entry(_ sequence: SequenceNumber) throws -> StoredEntry? {
    try transaction.withValue(.entries, sequence: sequence) {
      try StoredEntry.decode($0, sequence: sequence, devices: devices)
    }
  }

  package func storeCounts() throws {
    try transaction.put(.meta, key: [UInt8](MetaKey.fold.utf8), payload: counts.encoded)
  }
}
