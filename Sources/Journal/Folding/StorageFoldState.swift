/// The fold's state in the journal's own tables, inside a write transaction.
package final class StorageFoldState: FoldState {
  package let transaction: WriteTransaction
  // SAFETY: used by the writer thread alone, one access after the other.
  @exclusivity(unchecked) package var counts: FoldCounts
  package let isLocal: Bool
  private let devices: [DeviceID]
  private let folder: any InlineFolder
  /// Looked up when the first record changes, and again when a declaration does.
  @exclusivity(unchecked) private var follower: (any RowFollower)?
  @exclusivity(unchecked) private var knowsFollower = false
  /// Notes which rows are stored, while somebody watches.
  var recorder: RowRecorder?

  package init(
    _ transaction: WriteTransaction, identity: JournalIdentity, folder: any InlineFolder
  ) throws {
    self.transaction = transaction
    self.folder = folder
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
    if let follower = try currentFollower(), follower.follows(key) {
      try transaction.withRow(.records, key) { before in
        try follower.change(key, from: before, to: payload, in: transaction)
      }
    }
    try recorder?.note(key, payload) { try transaction.value(.records, [UInt8](key)) }
    try transaction.put(.records, key: key, payload: payload)
  }

  /// Removes a record's row, and what follows from it.
  package func removeRecord(_ key: [UInt8]) throws {
    try key.withUnsafeBytes { key in
      if let follower = try currentFollower(), follower.follows(key) {
        try transaction.withRow(.records, key) { before in
          try follower.change(key, from: before, to: nil, in: transaction)
        }
      }
      recorder?.noteRemoval([UInt8](key), before: try transaction.value(.records, [UInt8](key)))
      _ = try transaction.delete(.records, key: key)
    }
  }

  package func checkEdit(
    _ key: UnsafeRawBufferPointer, leaving payload: UnsafeRawBufferPointer
  ) throws {
    guard let follower = try currentFollower(), follower.follows(key) else { return }
    try follower.checkEdit(key, leaving: payload, in: transaction)
  }

  private func currentFollower() throws -> (any RowFollower)? {
    if knowsFollower { return follower }
    follower = try folder.follower(in: self)
    knowsFollower = true
    return follower
  }

  package func declarationsChanged() {
    follower = nil
    knowsFollower = false
  }

  /// Nothing follows the records until ``declarationsChanged()``.
  func suspendFollower() {
    follower = nil
    knowsFollower = true
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

  package func metaRows(prefix: String) throws -> [(key: String, payload: [UInt8])] {
    try transaction.metaRows(prefix: prefix)
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
