/// One consistent state of all tables, read through LMDB or through ``PagedReader``.
///
/// Every row is compared with its checksum before it is lent; a mismatch throws
/// ``JournalError/damaged(_:)``. Pointers are valid inside the closure only and may be unaligned.
/// Not safe for use by two threads at once.
package protocol StorageReader: AnyObject {
  /// Lends the payload of the row at `key`; nil when there is no such row.
  func withValue<R>(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R?

  /// Lends the payload of the row at `key` where there is one.
  ///
  /// ``withValue(_:_:_:)`` without a result, whose type would be looked up for each row.
  func lend(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws

  /// Lends rows in ascending order from the first key ≥ `from` until `body` returns false.
  ///
  /// In a write transaction, `body` must not write to the table it scans.
  func scan(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws

  /// Lends rows in descending order from the last key ≤ `from` (nil: the last row) until `body`
  /// returns false.
  func scanBackward(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws

  /// The number of rows in `table`, without reading them.
  func count(_ table: Table) throws -> UInt64

  /// The commit this state belongs to; in a write transaction the commit it will become.
  var transactionID: UInt64 { get }

  /// Whether the rows folded from the entries are there; else they have to be folded anew.
  var holdsFold: Bool { get }

  /// The journal's directory; nil for a file that lies elsewhere.
  var directory: String? { get }

  /// Opens rows that are stored encrypted, and in a write transaction seals them; nil lends and
  /// stores them as they are.
  var sealer: (any RowSealer)? { get set }
}

extension StorageReader {
  package var holdsFold: Bool { true }
  package var directory: String? { nil }

  package func lend(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    _ = try withValue(table, key, body)
  }
}

extension StorageReader {
  /// Lends the payload of the row at `key`; nil when there is no such row.
  package func withValue<R>(
    _ table: Table, _ key: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    try key.withUnsafeBytes { try withValue(table, $0, body) }
  }

  /// Lends the payload of the row whose key is `sequence`, eight bytes big-endian.
  package func withValue<R>(
    _ table: Table, sequence: UInt64, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    try withUnsafeBytes(of: sequence.bigEndian) { try withValue(table, $0, body) }
  }

  /// A copy of the payload at `key`; nil when there is no such row.
  package func value(_ table: Table, _ key: [UInt8]) throws -> [UInt8]? {
    try withValue(table, key) { Array($0) }
  }

  /// A copy of the payload whose key is `sequence`, eight bytes big-endian.
  package func value(_ table: Table, sequence: UInt64) throws -> [UInt8]? {
    try withValue(table, sequence: sequence) { Array($0) }
  }

  /// Whether a row stands at `key`; its checksum is compared.
  package func contains(_ table: Table, _ key: [UInt8]) throws -> Bool {
    try withValue(table, key) { _ in true } ?? false
  }

  /// The smallest key of `table`; nil when it is empty.
  package func firstKey(_ table: Table) throws -> [UInt8]? {
    var found: [UInt8]?
    try scan(table, from: nil) { key, _ in
      found = Array(key)
      return false
    }
    return found
  }

  /// The largest key of `table`; nil when it is empty.
  package func lastKey(_ table: Table) throws -> [UInt8]? {
    var found: [UInt8]?
    try scanBackward(table, from: nil) { key, _ in
      found = Array(key)
      return false
    }
    return found
  }

  /// The rows of ``Table/meta`` whose keys begin so, in order.
  package func metaRows(prefix: String) throws -> [(key: String, payload: [UInt8])] {
    var rows: [(key: String, payload: [UInt8])] = []
    let bytes = [UInt8](prefix.utf8)
    try scan(.meta, from: bytes) { key, payload in
      guard key.starts(with: bytes) else { return false }
      rows.append((String(decoding: key, as: UTF8.self), [UInt8](payload)))
      return true
    }
    return rows
  }

  /// The head row of this state; nil when there is none or it is too short.
  package func headRow() throws -> HeadRow? {
    try withValue(.meta, HeadRow.key) { HeadRow(payload: $0) } ?? nil
  }
}

extension UInt64 {
  /// The eight big-endian bytes by which tables keyed by sequence are ordered.
  package var sequenceKey: [UInt8] { Swift.withUnsafeBytes(of: bigEndian) { Array($0) } }

  /// The integer in exactly eight big-endian bytes; nil for any other length.
  package init?(sequenceKey bytes: UnsafeRawBufferPointer) {
    guard bytes.count == 8 else { return nil }
    self = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
  }
}
