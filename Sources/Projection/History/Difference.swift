package import Journal

/// What became of one record between two moments.
public struct RecordDifference: Sendable, Hashable {
  /// What became of a record.
  public enum Kind: Sendable, Hashable {
    /// It was not there at the first moment.
    case created
    /// It was there at both.
    case changed
    /// It is not there at the second moment.
    case deleted
  }

  /// The record's collection.
  public var collection: String
  /// Its key there.
  public var key: String
  /// What became of it.
  public var kind: Kind
  /// The fields that differ, ordered by the names' bytes; of a record that came or went all it had.
  public var fields: [FieldChange]

  /// A difference, as a test may expect it.
  public init(collection: String, key: String, kind: Kind, fields: [FieldChange]) {
    (self.collection, self.key, self.kind, self.fields) = (collection, key, kind, fields)
  }
}

extension Store {
  /// What was created, changed and deleted between two moments, ordered by collection and key.
  ///
  /// ```swift
  /// let today = try store.diff(from: .date(midnight), in: "notes")
  /// ```
  ///
  /// The other way round, with the earlier moment last, it says how to get back. What came and went in
  /// between is not in it.
  ///
  /// - Parameters:
  ///   - start: The moment that is compared.
  ///   - end: With which; nil is the present.
  ///   - collection: Only records of this collection; nil is all.
  /// - Throws: `JournalError.belowHorizon` when a moment's entries were trimmed.
  /// - Complexity: One fold up to the later moment, from the nearest state that is held below the
  ///   earlier one; memory for that state and what changed.
  public func diff(
    from start: Moment, to end: Moment? = nil, in collection: String? = nil
  ) throws -> [RecordDifference] {
    try journal.read(span: .long) { reader in
      try Difference.between(
        start.sequence(in: reader), end?.sequence(in: reader) ?? reader.head.lastSequence,
        collection, reader)
    }
  }
}

package enum Difference {
  package static func between(
    _ start: SequenceNumber, _ end: SequenceNumber, _ collection: String?, _ reader: JournalReader
  ) throws -> [RecordDifference] {
    let prefix = try Snapshot.prefix(collection)
    try Replay.check(reader, through: start)
    try Replay.check(reader, through: end)
    guard start != end else { return [] }
    let isForward = start < end
    let state = WatchedFold(
      try Replay.restore(reader, through: min(start, end), with: RecordFolder()))
    try Replay.fold(reader, through: max(start, end), with: RecordFolder(), into: state)
    var differences: [RecordDifference] = []
    for key in state.touched.keys.sorted(by: { $0.lexicographicallyPrecedes($1) })
    where key.starts(with: prefix) {
      let earlier = try visible(state.touched[key] ?? nil)
      let later = try visible(state.rows[key])
      if let difference = try difference(
        key, isForward ? earlier : later, isForward ? later : earlier)
      {
        differences.append(difference)
      }
    }
    return differences
  }

  private static func visible(_ row: [UInt8]?) throws -> [UInt8]? {
    guard let row else { return nil }
    return try RecordRow(row).visible
  }

  private static func difference(
    _ rowKey: [UInt8], _ before: [UInt8]?, _ after: [UInt8]?
  ) throws -> RecordDifference? {
    guard before != after else { return nil }
    let names = try RecordAddress(rowKey: rowKey).names
    let (old, new) = (
      try before.map { try Snapshot.decode($0) }, try after.map { try Snapshot.decode($0) }
    )
    return RecordDifference(
      collection: names.collection, key: names.key,
      kind: old == nil ? .created : new == nil ? .deleted : .changed,
      fields: FieldChange.between(old, new))
  }
}

/// A fold in memory that keeps, of each record it changes, the row it found.
private final class WatchedFold: FoldState {
  private let state: MemoryFoldState
  /// The rows as they were when watching began; nil where there was none.
  private(set) var touched: [[UInt8]: [UInt8]?] = [:]

  init(_ state: MemoryFoldState) {
    self.state = state
  }

  var rows: FlatRows { state.records }
  var counts: FoldCounts {
    get { state.counts }
    set { state.counts = newValue }
  }
  var isLocal: Bool { state.isLocal }

  func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try state.withRecord(key, body)
  }

  func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
    let copy = [UInt8](key)
    if touched[copy] == nil { touched.updateValue(state.records[copy], forKey: copy) }
    state.putRecord(key, payload)
  }

  func edit(_ sequence: SequenceNumber) -> EditState? { state.edit(sequence) }
  func putEdit(_ sequence: SequenceNumber, _ edit: EditState) { state.putEdit(sequence, edit) }
  func removeEdit(_ sequence: SequenceNumber) { state.removeEdit(sequence) }
  func openEdits() -> [(sequence: SequenceNumber, state: EditState)] { state.openEdits() }
  func count(edit isLocal: Bool) { state.count(edit: isLocal) }
  func meta(_ key: String) -> [UInt8]? { state.meta(key) }
  func putMeta(_ key: String, _ payload: [UInt8]?) { state.putMeta(key, payload) }
  func metaRows(prefix: String) -> [(key: String, payload: [UInt8])] {
    state.metaRows(prefix: prefix)
  }
  func entry(_ sequence: SequenceNumber) throws -> StoredEntry? { try state.entry(sequence) }
}
