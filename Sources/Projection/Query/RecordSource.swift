import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where reads find records: the stored rows, or a fold of an earlier moment.
///
/// Every read goes through this one interface, so that rows may follow the journal, with the
/// unwritten tail folded on top, without a query noticing.
///
/// Looks under the very key it is given; ``current(_:)`` says where a record stands that a server has
/// given another one.
protocol RecordSource {
  /// The visible fields of a record, as one CBOR map; nil when it does not exist.
  func visible(_ rowKey: [UInt8]) throws -> [UInt8]?
  /// Lends the visible fields of a record; nil when it does not exist.
  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R?
  /// Lends the visible fields of a record that exists. Without a result, whose type would be looked up for each
  /// record.
  func lend(_ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void) throws
  /// What is known under a row key of the keys a record has or had.
  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row
  /// The last entry about a record; 0 when nothing is known of it.
  func last(_ rowKey: [UInt8]) throws -> SequenceNumber
  /// Visible records in order of their row key among those that begin with `prefix`, behind `last`
  /// where it is given; `body` returns false to stop. Both are lent.
  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ fields: UnsafeRawBufferPointer) throws -> Bool
  ) throws
  /// Where the rows of indexes stand that find all records under a prefix; nil where there are none, as of an
  /// earlier moment.
  func indexRows(under prefix: [UInt8]) -> (any StorageReader)?
}

extension RecordSource {
  func indexRows(under prefix: [UInt8]) -> (any StorageReader)? { nil }

  func lend(_ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    _ = try withVisible(rowKey, body)
  }

  private var aliases: Aliases { Aliases(row: keys) }

  /// The row key a record stands under, whichever of its keys is given. Costs a look-up.
  func current(_ rowKey: [UInt8]) throws -> [UInt8] {
    try aliases.currentKey(of: rowKey, before: .max)
  }

  /// Every row key a record is known under, the one it stands under first. Costs a look-up.
  func allKeys(of rowKey: [UInt8]) throws -> [[UInt8]] {
    try aliases.allKeys(of: rowKey)
  }

  /// Lends the visible fields of a record and the row key it stands under, whichever of its keys is
  /// given; nil when it does not exist.
  func withCurrent<R>(
    _ rowKey: [UInt8], _ body: (_ rowKey: [UInt8], UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    // Most keys are what they were: only where nothing is found is asked whether it went elsewhere.
    if let found = try withVisible(rowKey, { try body(rowKey, $0) }) { return found }
    let current = try current(rowKey)
    return current == rowKey ? nil : try withVisible(current) { try body(current, $0) }
  }
}

/// The rows as they are stored.
struct StoredRecords: RecordSource {
  let reader: JournalReader

  func indexRows(under prefix: [UInt8]) -> (any StorageReader)? {
    reader.storage.holdsFold && reader.storage.sealer == nil ? reader.storage : nil
  }

  func visible(_ rowKey: [UInt8]) throws -> [UInt8]? {
    try reader.storage.withValue(.records, rowKey) {
      try RecordRowView($0).visible.map { [UInt8]($0) }
    } ?? nil
  }

  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    try reader.storage.withValue(.records, rowKey) { payload -> R? in
      guard let fields = try RecordRowView(payload).visible else { return nil }
      return try body(fields)
    } ?? nil
  }

  func lend(_ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    try rowKey.withUnsafeBytes { key in
      try reader.storage.lend(.records, key) { payload in
        guard let fields = try RecordRowView.visible(payload) else { return }
        try body(fields)
      }
    }
  }

  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row {
    try reader.storage.withValue(.records, rowKey) { try Aliases.Row($0) } ?? Aliases.Row()
  }

  func last(_ rowKey: [UInt8]) throws -> SequenceNumber {
    try reader.storage.withValue(.records, rowKey) { try RecordRow($0).last } ?? 0
  }

  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try reader.storage.scan(.records, from: last ?? prefix) { key, payload in
      guard key.begins(with: prefix) else { return false }
      if let last, key.elementsEqual(last) { return true }
      guard let fields = try RecordRowView.visible(payload) else { return true }
      return try body(key, fields)
    }
  }
}

extension UnsafeRawBufferPointer {
  /// `starts(with:)` by the machine's own comparison.
  @inline(__always)
  func begins(with prefix: [UInt8]) -> Bool {
    guard prefix.count <= count else { return false }
    guard let baseAddress, !prefix.isEmpty else { return true }
    return memcmp(baseAddress, prefix, prefix.count) == 0
  }

  /// `lexicographicallyPrecedes(_:)` by the machine's own comparison.
  @inline(__always)
  func precedes(_ other: [UInt8]) -> Bool {
    let common = Swift.min(count, other.count)
    guard let baseAddress, common > 0 else { return count < other.count }
    let order = memcmp(baseAddress, other, common)
    return order == 0 ? count < other.count : order < 0
  }
}

/// The rows of a fold in memory.
struct FoldedRecords: RecordSource {
  private let records: FlatRows

  init(_ state: MemoryFoldState) {
    records = state.records
  }

  func visible(_ rowKey: [UInt8]) throws -> [UInt8]? {
    try records[rowKey].map { try RecordRow($0) }?.visible
  }

  func withVisible<R>(
    _ rowKey: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    try visible(rowKey).map { try $0.withUnsafeBytes { try body($0) } }
  }

  func keys(_ rowKey: [UInt8]) throws -> Aliases.Row {
    try records[rowKey]?.withUnsafeBytes { try Aliases.Row($0) } ?? Aliases.Row()
  }

  func last(_ rowKey: [UInt8]) throws -> SequenceNumber {
    try records[rowKey].map { try RecordRow($0) }?.last ?? 0
  }

  func scan(
    prefix: [UInt8], after last: [UInt8]?,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    try records.forEachSorted(prefix: prefix) { key, payload in
      if let last, !last.lexicographicallyPrecedes(key) { return true }
      guard let fields = try RecordRowView(payload).visible else { return true }
      return try body(key, fields)
    }
  }
}
