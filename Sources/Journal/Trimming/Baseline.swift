import Crypto

/// The fold of everything below the horizon, stored so that a rebuild can start from it.
///
/// The table has two halves. The next baseline is written into the one not in force, in slices
/// and beside other writers; one transaction then puts it in force.
package enum Baseline {
  /// One row: its table, its key there, its payload.
  struct Row: Sendable {
    var table: Table
    var key: [UInt8]
    var payload: [UInt8]
  }

  private static let generationBit: UInt8 = 0x80

  static func key(_ table: Table, _ key: some Collection<UInt8>, generation: UInt8) -> [UInt8] {
    [table.rawValue | (generation == 0 ? 0 : generationBit)] + key
  }

  /// The table a key of the baseline begins with, whichever half it stands in.
  static func table(tagged tag: UInt8) -> Table? {
    Table(rawValue: tag & ~generationBit)
  }

  /// Lends the rows of one half, in order: table, key in that table, payload.
  package static func scan(
    _ storage: any StorageReader, generation: UInt8, from first: Table = .meta,
    _ start: [UInt8] = [],
    _ body: (Table, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try storage.scan(.baseline, from: key(first, start, generation: generation)) { key, payload in
      guard let number = key.first, (number & generationBit != 0) == (generation != 0) else {
        return false
      }
      guard let table = table(tagged: number) else {
        throw JournalError.damaged("the baseline has a row of no known table")
      }
      return try body(table, UnsafeRawBufferPointer(rebasing: key.dropFirst()), payload)
    }
  }

  /// A record's row as it was at the horizon; nil when there was none.
  package static func record(_ rowKey: [UInt8], _ reader: JournalReader) throws -> [UInt8]? {
    try reader.storage.value(
      .baseline, key(.records, rowKey, generation: reader.horizon.generation))
  }

  /// Lends the rows of records at the horizon from a key on; `body` returns false to stop.
  package static func scanRecords(
    _ reader: JournalReader, from rowKey: [UInt8],
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try scan(reader.storage, generation: reader.horizon.generation, from: .records, rowKey) {
      table, key, payload in
      guard table == .records else { return false }
      return try body(key, payload)
    }
  }

  /// Gives a fold in memory the state at the horizon.
  static func restore(from reader: JournalReader, into state: any FoldState) throws {
    try scan(reader.storage, generation: reader.horizon.generation) { table, key, payload in
      try restore(table, key, payload, into: state)
      return true
    }
  }

  /// Gives a fold in memory the state at the horizon, of all records these alone.
  static func restore(
    from reader: JournalReader, only rowKeys: [[UInt8]], into state: any FoldState
  ) throws {
    try scan(reader.storage, generation: reader.horizon.generation) { table, key, payload in
      guard table != .records else { return false }
      try restore(table, key, payload, into: state)
      return true
    }
    for rowKey in rowKeys {
      if let row = try record(rowKey, reader) { try state.putRecord(rowKey, row) }
    }
  }

  /// Gives a fold one row of a state that was stored.
  static func restore(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    into state: any FoldState
  ) throws {
    switch table {
    case .records: try state.putRecord(key, payload)
    case .edits:
      try state.putEdit(try JournalReader.sequence(ofKey: key), try EditState(payload))
    case .meta:
      let name = String(decoding: key, as: UTF8.self)
      if name == MetaKey.fold {
        state.counts = try FoldCounts(payload)
      } else {
        try state.putMeta(name, [UInt8](payload))
      }
    default: throw JournalError.damaged("a stored fold has a row of no known table")
    }
  }

  /// The digest that the `trimmed` entry names.
  package static func digest(of reader: JournalReader) throws -> TreeHash {
    var digest = Digest()
    try scan(reader.storage, generation: reader.horizon.generation) { table, key, payload in
      digest.add(table, key, payload)
      return true
    }
    return digest.finish()
  }

  /// SHA-256 over rows as the format page says; which half they stand in does not enter.
  struct Digest {
    private var hash = SHA256()

    mutating func add(
      _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
    ) {
      withUnsafeBytes(of: UInt16(truncatingIfNeeded: key.count + 1).bigEndian) {
        hash.update(bufferPointer: $0)
      }
      withUnsafeBytes(of: table.rawValue) { hash.update(bufferPointer: $0) }
      hash.update(bufferPointer: key)
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: payload.count).bigEndian) {
        hash.update(bufferPointer: $0)
      }
      hash.update(bufferPointer: payload)
    }

    mutating func add(_ row: Row) {
      row.key.withUnsafeBytes { key in row.payload.withUnsafeBytes { add(row.table, key, $0) } }
    }

    func finish() -> TreeHash { TreeHash(hash.finalize()) }
  }

  /// The edits that were open at the horizon, ascending.
  static func openEdits(_ reader: JournalReader) throws -> [SequenceNumber] {
    var open: [SequenceNumber] = []
    try scan(reader.storage, generation: reader.horizon.generation, from: .edits) {
      table, key, _ in
      guard table == .edits else { return false }
      open.append(try JournalReader.sequence(ofKey: key))
      return true
    }
    return open
  }

  /// Deletes up to `limit` rows of one half; true when none is left.
  static func clear(
    _ context: AppendContext, generation: UInt8, limit: Int
  ) throws -> Bool {
    var keys: [[UInt8]] = []
    try scan(context.transaction, generation: generation) { table, key, _ in
      keys.append(Self.key(table, key, generation: generation))
      return keys.count <= limit
    }
    for key in keys.prefix(limit) { try context.delete(.baseline, key) }
    return keys.count <= limit
  }
}

/// The rows of a baseline to be, in order, a slice at a time.
///
/// Either the rows a view holds, read as they are asked for, or those of a fold in memory.
struct BaselineRows {
  private enum Source {
    case view(JournalReader)
    case fold([Baseline.Row])
  }

  private static let sliceRows = 500
  private static let sliceBytes = 256 << 10
  private static let tables: [Table] = [.meta, .edits, .records]

  private let source: Source
  private var tableIndex = 0
  private var next: [UInt8]? = []
  private var offset = 0

  /// The fold as a view has it stored.
  init(view: JournalReader) {
    source = .view(view)
  }

  init(_ state: MemoryFoldState) {
    var rows: [Baseline.Row] = []
    var meta = state.metaRows.map {
      Baseline.Row(table: .meta, key: [UInt8]($0.key.utf8), payload: $0.value)
    }
    meta.append(
      Baseline.Row(
        table: .meta, key: [UInt8](MetaKey.fold.utf8), payload: state.counts.encoded))
    rows += meta.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    rows += state.openEdits().map {
      Baseline.Row(table: .edits, key: [UInt8](sequence: $0.sequence), payload: $0.state.encoded)
    }
    for key in state.records.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      if let payload = state.records[key] {
        rows.append(Baseline.Row(table: .records, key: key, payload: payload))
      }
    }
    source = .fold(rows)
  }

  /// The next rows, few enough for one short transaction; empty at the end.
  mutating func nextSlice() throws -> [Baseline.Row] {
    switch source {
    case .fold(let rows):
      var slice: [Baseline.Row] = []
      var bytes = 0
      while offset < rows.count, slice.count < Self.sliceRows, bytes < Self.sliceBytes {
        bytes += rows[offset].payload.count
        slice.append(rows[offset])
        offset += 1
      }
      return slice
    case .view(let view):
      while tableIndex < Self.tables.count {
        let slice = try nextSlice(of: Self.tables[tableIndex], view)
        if !slice.isEmpty { return slice }
      }
      return []
    }
  }

  private mutating func nextSlice(
    of table: Table, _ view: JournalReader
  ) throws -> [Baseline.Row] {
    var slice: [Baseline.Row] = []
    var bytes = 0
    var end: [UInt8]?
    try view.storage.scan(table, from: next) { key, payload in
      guard slice.count < Self.sliceRows, bytes < Self.sliceBytes else {
        end = [UInt8](key)
        return false
      }
      let row = Baseline.Row(table: table, key: [UInt8](key), payload: [UInt8](payload))
      if table == .meta, !Self.isFolded(row.key) { return true }
      bytes += row.payload.count
      slice.append(row)
      return true
    }
    next = end
    if end == nil {
      tableIndex += 1
      next = []
    }
    return slice
  }

  private static func isFolded(_ key: [UInt8]) -> Bool {
    key == [UInt8](MetaKey.fold.utf8) || key.starts(with: MetaKey.folded.utf8)
  }
}
