import CLMDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The one write transaction of a file, lent by ``Environment/write(_:)``.
///
/// It reads its own writes. Pointers lent by a read end with the next write. Errors of writing:
/// ``JournalError/invalidInput(_:)`` for a key or payload of impossible length,
/// ``JournalError/storage(_:)`` from the system.
package final class WriteTransaction: Transaction {
  /// The first error of LMDB, after which the transaction can only be aborted.
  private(set) var failure: JournalError?
  /// Whether that error was a full map, to be enlarged.
  private(set) var isMapFull = false
  /// One cursor a table: it remembers its path, which makes ordered writes cheap. LMDB closes
  /// them with the transaction.
  private let cursors = UnsafeMutablePointer<OpaquePointer?>.allocate(
    capacity: Table.allCases.count)
  private let estimate = DirtyEstimate()
  /// What the transaction writes, by an upper estimate; 0 before it was asked for.
  private(set) var dirtyBytes = 0
  /// The length the head row will promise; nil before ``prepareCommit(estimatedDirtyBytes:)``.
  private(set) var reservedBytes: UInt64?

  init(_ handle: OpaquePointer, _ environment: Environment) {
    cursors.initialize(repeating: nil, count: Table.allCases.count)
    super.init(handle, environment, lease: nil)
  }

  deinit {
    cursors.deallocate()
  }

  /// Lends the payload of the row at `key`, or nil, by the cursor that writes: storing the row
  /// afterwards finds its page at once. The pointer ends with the next write.
  package func withRow(
    _ table: Table, _ key: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    guard Row.keyLengths.contains(key.count) else { return try body(nil) }
    var keyValue = MDB_val(key)
    var stored = MDB_val()
    let code = mdb_cursor_get(try cursor(table), &keyValue, &stored, MDB_SET)
    if code == MDB_NOTFOUND { return try body(nil) }
    guard code == 0 else { throw environment.failure(code, "reading \(table.name)") }
    try sealer.lend(table, key, try Row.payload(table, key, stored.bytes)) { try body($0) }
  }

  /// Stores a row, replacing one with the same key.
  package func put(
    _ table: Table, key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(JournalError) {
    try put(table, key: key, length: payload.count) { $0.copyMemory(from: payload) }
  }

  /// Stores a row of `length` bytes that `fill` writes straight into the page.
  ///
  /// `fill` has to write every byte, and must not use the transaction.
  package func put(
    _ table: Table, key: UnsafeRawBufferPointer, length: Int,
    fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(JournalError) {
    _ = try store(table, key, length, flags: 0, fill)
  }

  /// Stores a row whose key is above all others; fills pages fully.
  ///
  /// Throws ``JournalError/damaged(_:)`` when it is not: the caller's count of rows is wrong.
  package func append(
    _ table: Table, key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(JournalError) {
    try append(table, key: key, length: payload.count) { $0.copyMemory(from: payload) }
  }

  /// Appends a row of `length` bytes that `fill` writes straight into the page.
  package func append(
    _ table: Table, key: UnsafeRawBufferPointer, length: Int,
    fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(JournalError) {
    guard try store(table, key, length, flags: MDB_APPEND, fill) else {
      throw .damaged("key \(Row.hex(key)) is not above the last key of \(table.name)")
    }
  }

  /// Stores a row whose key usually is above all others: like `append`, else like `put`.
  package func putLast(
    _ table: Table, key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(JournalError) {
    try putLast(table, key: key, length: payload.count) { $0.copyMemory(from: payload) }
  }

  /// Like `putLast`, with `length` bytes that `fill` writes straight into the page.
  package func putLast(
    _ table: Table, key: UnsafeRawBufferPointer, length: Int,
    fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(JournalError) {
    if try store(table, key, length, flags: MDB_APPEND, fill) { return }
    _ = try store(table, key, length, flags: 0, fill)
  }

  /// Removes the row at `key`; false when there was none.
  @discardableResult
  package func delete(_ table: Table, key: UnsafeRawBufferPointer) throws(JournalError) -> Bool {
    guard Row.keyLengths.contains(key.count) else { return false }
    var keyValue = MDB_val(key)
    let code = mdb_del(handle, environment.handles[table.index], &keyValue, nil)
    if code == MDB_NOTFOUND { return false }
    guard code == 0 else { throw fail(code, "deleting from \(table.name)") }
    estimate.countScattered(table)
    return true
  }

  /// Removes every row of `table`; costs one visit per branch page.
  package func clear(_ table: Table) throws(JournalError) {
    let before = try statistics(table)
    let code = mdb_drop(handle, environment.handles[table.index], 0)
    guard code == 0 else { throw fail(code, "clearing \(table.name)") }
    estimate.countFreed(
      pages: before.ms_branch_pages + before.ms_leaf_pages + before.ms_overflow_pages)
  }

  /// Makes the file long enough for this commit and returns its length, for the head row.
  ///
  /// LMDB may leave a file shorter than its last page, so its length alone shows no truncation;
  /// the length in the head row does. Call it right before storing the head row.
  /// `estimatedDirtyBytes` is what the transaction writes, for callers who know more than this
  /// layer counted. Costs a system call or two; the new bytes take no disk space.
  package func prepareCommit(estimatedDirtyBytes: Int = 0) throws(JournalError) -> UInt64 {
    var dirtyBytes = estimate.flatBytes
    for table in Table.allCases where estimate.touches(table) {
      let statistics = try statistics(table)
      dirtyBytes += estimate.pages(of: table, statistics) * environment.pageBytes
    }
    self.dirtyBytes = dirtyBytes
    dirtyBytes = max(dirtyBytes, min(max(estimatedDirtyBytes, 0), 1 << 40))
    let committed = (Int(environment.info().me_last_pgno) + 1) * environment.pageBytes
    let unit = 64 << 10
    let wanted = (committed + 2 * dirtyBytes + (256 << 10) + unit - 1) / unit * unit
    var status = stat()
    guard fstat(environment.dataDescriptor, &status) == 0 else {
      throw LMDBFailure.systemError(environment.directory, "asking for the length of")
    }
    if Int(status.st_size) < wanted {
      // Only the holder of the write transaction changes the length, so this never shrinks.
      guard ftruncate(environment.dataDescriptor, off_t(wanted)) == 0 else {
        throw LMDBFailure.systemError(environment.directory, "enlarging")
      }
    }
    let reserved = UInt64(max(Int(status.st_size), wanted))
    reservedBytes = reserved
    return reserved
  }

  /// False when `MDB_APPEND` was asked for and the key is not the largest.
  private func store(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ length: Int, flags: Int32,
    _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(JournalError) -> Bool {
    guard Row.keyLengths.contains(key.count) else {
      throw .invalidInput("a key of \(key.count) bytes in \(table.name); allowed are 1 to 511")
    }
    if let sealer, let sealed = try Self.seal(table, key, length, fill, sealer) {
      return try storePlain(table, key, sealed.count, flags: flags) { $0.copyBytes(from: sealed) }
    }
    return try storePlain(table, key, length, flags: flags, fill)
  }

  /// What is stored of a row that lies encrypted; nil for one that does not.
  private static func seal(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ length: Int,
    _ fill: (UnsafeMutableRawBufferPointer) -> Void, _ sealer: any RowSealer
  ) throws(JournalError) -> [UInt8]? {
    guard length >= 0, sealer.seals(table, key) else { return nil }
    let payload = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
      fill(
        UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<length]))
      count = length
    }
    return try payload.withUnsafeBufferPointer { payload throws(JournalError) in
      try sealer.seal(table, key, UnsafeRawBufferPointer(payload))
    }
  }

  private func storePlain(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ length: Int, flags: Int32,
    _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(JournalError) -> Bool {
    guard length >= 0, length <= Row.maximumPayloadBytes else {
      throw .invalidInput("a row of \(length) bytes in \(table.name); the limit is 16 MiB")
    }
    let bytes = length + Row.checksumBytes
    var keyValue = MDB_val(key)
    var stored = MDB_val(mv_size: bytes, mv_data: nil)
    let code = mdb_cursor_put(
      try cursor(table), &keyValue, &stored, UInt32(flags | MDB_RESERVE))
    if code == MDB_KEYEXIST { return false }
    guard code == 0, let address = stored.mv_data else {
      throw fail(code, "writing to \(table.name)")
    }
    let slot = UnsafeMutableRawBufferPointer(start: address, count: bytes)
    fill(UnsafeMutableRawBufferPointer(rebasing: slot[..<length]))
    Row.seal(table, key, slot)
    estimate.countStored(
      table, rowBytes: key.count + bytes, pageBytes: environment.pageBytes,
      isScattered: flags & MDB_APPEND == 0)
    return true
  }

  private func cursor(_ table: Table) throws(JournalError) -> OpaquePointer {
    if let cursor = cursors[table.index] { return cursor }
    var cursor: OpaquePointer?
    let code = mdb_cursor_open(handle, environment.handles[table.index], &cursor)
    guard code == 0, let cursor else { throw fail(code, "writing to \(table.name)") }
    cursors[table.index] = cursor
    return cursor
  }

  private func fail(_ code: Int32, _ doing: String) -> JournalError {
    let error = environment.failure(code, doing)
    if failure == nil {
      failure = error
      isMapFull = code == MDB_MAP_FULL
    }
    return error
  }
}

extension WriteTransaction {
  /// Stores a row, replacing one with the same key.
  package func put(_ table: Table, key: [UInt8], payload: [UInt8]) throws(JournalError) {
    try key.withUnsafeBufferPointer { key throws(JournalError) in
      try payload.withUnsafeBufferPointer { payload throws(JournalError) in
        try put(
          table, key: UnsafeRawBufferPointer(key), payload: UnsafeRawBufferPointer(payload))
      }
    }
  }

  /// Stores a row under an eight-byte big-endian key.
  package func put(_ table: Table, sequence: UInt64, payload: [UInt8]) throws(JournalError) {
    try put(table, key: sequence.sequenceKey, payload: payload)
  }

  /// Stores a row whose key is above all others.
  package func append(_ table: Table, key: [UInt8], payload: [UInt8]) throws(JournalError) {
    try key.withUnsafeBufferPointer { key throws(JournalError) in
      try payload.withUnsafeBufferPointer { payload throws(JournalError) in
        try append(
          table, key: UnsafeRawBufferPointer(key), payload: UnsafeRawBufferPointer(payload))
      }
    }
  }

  /// Stores a row under an eight-byte big-endian key above all others.
  package func append(_ table: Table, sequence: UInt64, payload: [UInt8]) throws(JournalError) {
    try append(table, key: sequence.sequenceKey, payload: payload)
  }

  /// Stores a row whose key usually is above all others.
  package func putLast(_ table: Table, key: [UInt8], payload: [UInt8]) throws(JournalError) {
    try key.withUnsafeBufferPointer { key throws(JournalError) in
      try payload.withUnsafeBufferPointer { payload throws(JournalError) in
        try putLast(
          table, key: UnsafeRawBufferPointer(key), payload: UnsafeRawBufferPointer(payload))
      }
    }
  }

  /// Removes the row at `key`; false when there was none.
  @discardableResult
  package func delete(_ table: Table, key: [UInt8]) throws(JournalError) -> Bool {
    try key.withUnsafeBufferPointer { key throws(JournalError) in
      try delete(table, key: UnsafeRawBufferPointer(key))
    }
  }

  /// Removes the row under an eight-byte big-endian key; false when there was none.
  @discardableResult
  package func delete(_ table: Table, sequence: UInt64) throws(JournalError) -> Bool {
    try delete(table, key: sequence.sequenceKey)
  }
}
