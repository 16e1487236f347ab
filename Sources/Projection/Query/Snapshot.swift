public import Journal

/// A visible record as its collection, key and fields.
public struct UntypedRecord: Sendable, Hashable {
  public var collection: String
  public var key: String
  public var fields: Fields
}

/// One consistent view of all records, at present or at an earlier moment.
///
/// Lent to a closure; not thread-safe and not to be kept.
public final class Snapshot {
  package let reader: JournalReader
  /// The last sequence this view knows of.
  package let through: SequenceNumber
  /// Looked up by the first query.
  private var catalog: IndexCatalog?
  /// Set once more, before the view is lent, where records in memory lie on top.
  var source: any RecordSource
  /// The fold of an earlier moment; nil where the stored rows are what is shown.
  let folded: MemoryFoldState?
  /// Decodes records of a type; kept for what it needs to look through one.
  let decoder = FieldDecoder()

  /// The present view of a journal's own tables.
  package init(_ reader: JournalReader) {
    self.reader = reader
    through = reader.head.lastSequence
    source = StoredRecords(reader: reader)
    folded = nil
  }

  /// The same view with its records read from elsewhere.
  init(_ snapshot: Snapshot, source: any RecordSource) {
    reader = snapshot.reader
    through = snapshot.through
    folded = snapshot.folded
    self.source = source
  }

  /// The view at an earlier sequence: exactly the entries 1…sequence folded, also inside a group.
  ///
  /// Linear in the entries between the nearest saved state, or the horizon, and the sequence.
  ///
  /// - Throws: `JournalError.belowHorizon`, `JournalError.invalidInput` beyond the last.
  package init(_ reader: JournalReader, at sequence: SequenceNumber) throws {
    self.reader = reader
    through = sequence
    if sequence == reader.head.lastSequence, reader.storage.holdsFold {
      source = StoredRecords(reader: reader)
      folded = nil
    } else {
      let state = try Replay.restore(reader, through: sequence, with: RecordFolder())
      source = FoldedRecords(state)
      folded = state
    }
  }

  package init(_ reader: JournalReader, state: MemoryFoldState) {
    self.reader = reader
    through = state.counts.through
    source = FoldedRecords(state)
    folded = state
  }

  /// The indexes that can be read here.
  func indexes(of collection: String) throws -> [IndexCatalog.Index] {
    guard let storage = source.indexRows(under: try Self.prefix(collection)) else { return [] }
    let known = try catalog ?? IndexCatalog(storage)
    catalog = known
    return known.indexes(of: collection)
  }

  /// One record's fields, or nil when it does not exist.
  ///
  /// The key may be one that the record had before a server gave it its own.
  ///
  /// - Throws: `JournalError` for a name outside 1–128 bytes or a damaged row.
  public func get(_ collection: String, _ key: String) throws -> Fields? {
    try encoded(collection, key).map { try Self.decode($0) }
  }

  /// One record's fields as a deterministic CBOR map.
  package func encoded(_ collection: String, _ key: String) throws -> [UInt8]? {
    try source.withCurrent(RecordAddress(collection: collection, key: key).rowKey) { [UInt8]($1) }
  }

  /// Visible records in the order of collection, then key, both bytewise; `body` returns false to
  /// stop.
  package func scan(
    _ collection: String? = nil,
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ fields: [UInt8]) throws -> Bool
  ) throws {
    try scanLent(collection) { try body($0, [UInt8]($1)) }
  }

  /// Like ``scan(_:_:)``, with the fields lent where they lie: nothing is copied.
  package func scanLent(
    _ collection: String? = nil,
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ fields: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try source.scan(prefix: Self.prefix(collection), after: nil, body)
  }

  static func prefix(_ collection: String?) throws -> [UInt8] {
    guard var collection else { return [] }
    return try collection.withUTF8 { bytes in
      guard (1...RecordAddress.maximumNameBytes).contains(bytes.count) else {
        throw JournalError.invalidInput("a collection's name has 1 to 128 bytes")
      }
      return RecordAddress.prefix(collection: UnsafeRawBufferPointer(bytes))
    }
  }

  package static func decode(_ fields: [UInt8]) throws -> Fields {
    try fields.withUnsafeBytes { try decode($0) }
  }

  static func decode(_ fields: UnsafeRawBufferPointer) throws -> Fields {
    var reader = CBORReader(fields)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
      throw JournalError.damaged("a record's fields are not a map; run `journal verify`")
    }
    return fields
  }
}
