import CLMDB

/// What reading and writing transactions share: reads through LMDB's map, checksums compared.
///
/// Lent to a closure; using it afterwards traps. Not safe for use by two threads at once.
package class Transaction: StorageReader {
  final let environment: Environment
  package final var sealer: (any RowSealer)?
  /// Nil in a write transaction, which nobody else can end.
  private let lease: ReaderLease?
  // SAFETY: a transaction is used by one thread, which only reads this until the end.
  @exclusivity(unchecked) private var live: OpaquePointer?
  package final let transactionID: UInt64
  /// Rows a scan lends before a writer may end the read.
  private static let rowsPerAccess = 64

  init(_ handle: OpaquePointer, _ environment: Environment, lease: ReaderLease? = nil) {
    live = handle
    self.environment = environment
    self.lease = lease
    transactionID = UInt64(mdb_txn_id(handle))
  }

  package final var directory: String? { environment.directory }

  /// LMDB's transaction.
  final var handle: OpaquePointer {
    guard let live else { preconditionFailure("a transaction was used after its closure ended") }
    return live
  }

  /// Makes every later use a trap.
  final func end() {
    live = nil
  }

  package final func withValue<R>(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    guard Row.keyLengths.contains(key.count) else { return nil }
    try lease?.begin()
    defer { lease?.end() }
    var keyValue = MDB_val(key)
    var stored = MDB_val()
    let code = mdb_get(handle, environment.handles[table.index], &keyValue, &stored)
    if code == MDB_NOTFOUND { return nil }
    guard code == 0 else { throw environment.failure(code, "reading \(table.name)") }
    return try sealer.lend(table, key, try Row.payload(table, key, stored.bytes), body)
  }

  package final func lend(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    _ = try withValue(table, key, body)
  }

  package final func scan(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let isPlain = sealer == nil
    try withCursor(table) { cursor in
      var row = CursorRow()
      var code =
        if let from, !from.isEmpty {
          row.move(cursor, to: from)
        } else {
          row.move(cursor, MDB_FIRST)
        }
      var lent = 0
      while code == 0 {
        let key = row.key.bytes
        let payload = try Row.payload(table, key, row.stored.bytes)
        let goesOn =
          isPlain
          ? try body(key, payload) : try sealer.lend(table, key, payload) { try body(key, $0) }
        guard goesOn else { return }
        try letOthersIn(&lent)
        code = row.move(cursor, MDB_NEXT)
      }
      guard code == MDB_NOTFOUND else {
        throw environment.failure(code, "reading \(table.name)")
      }
    }
  }

  package final func scanBackward(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    if let from, from.isEmpty { return }
    let isPlain = sealer == nil
    try withCursor(table) { cursor in
      var row = CursorRow()
      var code =
        if let from {
          row.moveBackward(cursor, to: from)
        } else {
          row.move(cursor, MDB_LAST)
        }
      var lent = 0
      while code == 0 {
        let key = row.key.bytes
        let payload = try Row.payload(table, key, row.stored.bytes)
        let goesOn =
          isPlain
          ? try body(key, payload) : try sealer.lend(table, key, payload) { try body(key, $0) }
        guard goesOn else { return }
        try letOthersIn(&lent)
        code = row.move(cursor, MDB_PREV)
      }
      guard code == MDB_NOTFOUND else {
        throw environment.failure(code, "reading \(table.name)")
      }
    }
  }

  package final func count(_ table: Table) throws -> UInt64 {
    UInt64(try statistics(table).ms_entries)
  }

  /// LMDB's record of the table as this transaction sees it.
  final func statistics(_ table: Table) throws(JournalError) -> MDB_stat {
    try lease?.begin()
    defer { lease?.end() }
    var statistics = MDB_stat()
    let code = mdb_stat(handle, environment.handles[table.index], &statistics)
    guard code == 0 else { throw environment.failure(code, "counting \(table.name)") }
    return statistics
  }

  /// A cursor of its own for each scan: a read transaction never closes one by itself.
  private func withCursor(_ table: Table, _ body: (OpaquePointer) throws -> Void) throws {
    try lease?.begin()
    defer { lease?.end() }
    var cursor: OpaquePointer?
    let code = mdb_cursor_open(handle, environment.handles[table.index], &cursor)
    guard code == 0, let cursor else {
      throw environment.failure(code, "reading \(table.name)")
    }
    defer { mdb_cursor_close(cursor) }
    try body(cursor)
  }

  /// Between rows, from time to time, lets a writer end this read.
  private func letOthersIn(_ lent: inout Int) throws(JournalError) {
    lent += 1
    guard lent % Self.rowsPerAccess == 0 else { return }
    try lease?.pauseAccess()
  }
}

/// A consistent state, lent by ``Environment/read(_:)``.
package final class ReadTransaction: Transaction {}

/// Where a cursor stands.
private struct CursorRow {
  var key = MDB_val()
  var stored = MDB_val()

  mutating func move(_ cursor: OpaquePointer, _ operation: MDB_cursor_op) -> Int32 {
    mdb_cursor_get(cursor, &key, &stored, operation)
  }

  /// Moves to the first key ≥ `wanted`.
  mutating func move(_ cursor: OpaquePointer, to wanted: [UInt8]) -> Int32 {
    wanted.withUnsafeBytes { bytes in
      key = MDB_val(bytes)
      return mdb_cursor_get(cursor, &key, &stored, MDB_SET_RANGE)
    }
  }

  /// Moves to the last key ≤ `wanted`.
  mutating func moveBackward(_ cursor: OpaquePointer, to wanted: [UInt8]) -> Int32 {
    let code = move(cursor, to: wanted)
    if code == MDB_NOTFOUND { return move(cursor, MDB_LAST) }
    guard code == 0 else { return code }
    let isEqual = wanted.withUnsafeBytes { $0.elementsEqual(key.bytes) }
    return isEqual ? 0 : move(cursor, MDB_PREV)
  }
}

extension MDB_val {
  init(_ bytes: UnsafeRawBufferPointer) {
    self.init(
      mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
  }

  /// The bytes it points to; empty rather than trapping when a damaged size is negative.
  var bytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: mv_data, count: mv_data == nil ? 0 : max(0, Int(mv_size)))
  }
}
