import Crypto

/// Writes a pack: tables in their order, rows in ascending order of their keys.
final class PackWriter {
  private let file: NewFile
  private var digest = SHA256()
  private var offset: UInt64 = 0
  private var blocks: [PackFormat.Block] = []
  private var table: Table?
  private var rows: [UInt8] = []
  private var rowCount: UInt32 = 0
  private var firstKey: [UInt8] = []

  /// - Throws: ``JournalError/alreadyExists(_:)``, ``JournalError/storage(_:)``.
  init(path: String) throws(JournalError) {
    file = try NewFile(path: path)
    try put(PackFormat.magic)
  }

  /// Writes a pack that takes another's place at the end.
  init(replacing path: String) throws(JournalError) {
    file = try NewFile(path: path, replaces: true)
    try put(PackFormat.magic)
  }

  /// Adds a row behind those added before.
  func add(
    _ table: Table, key: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) throws(JournalError) {
    if table != self.table || rows.count >= PackFormat.blockBytes { try endBlock() }
    if rowCount == 0 {
      self.table = table
      firstKey = [UInt8](key)
    }
    PackFormat.appendRow(key: key, payload: payload, to: &rows)
    rowCount += 1
  }

  func add(
    _ table: Table, key: [UInt8], payload: [UInt8]
  ) throws(JournalError) {
    let added: Result<Void, JournalError> = key.withUnsafeBytes { key in
      payload.withUnsafeBytes { payload in
        Result { () throws(JournalError) in try add(table, key: key, payload: payload) }
      }
    }
    try added.get()
  }

  /// Writes index and trailer and puts the file in its place, durably.
  ///
  /// - Returns: SHA-256 of the file.
  func finish() throws(JournalError) -> TreeHash {
    try endBlock()
    let index = PackFormat.encode(blocks)
    var trailer: [UInt8] = []
    trailer.appendBigEndian(offset)
    trailer.appendBigEndian(UInt64(index.count))
    let checksum = index.withUnsafeBytes { index in
      trailer.withUnsafeBytes { Checksum.crc32c($0, seed: Checksum.crc32c(index)) }
    }
    trailer.appendBigEndian(checksum)
    try put(index)
    try put(trailer + PackFormat.endMagic)
    try file.place()
    return TreeHash(digest.finalize())
  }

  private func endBlock() throws(JournalError) {
    guard rowCount > 0, let table else { return }
    let compressed = try Deflate.compress(rows)
    let stored = compressed ?? rows
    blocks.append(
      PackFormat.Block(
        table: table, encoding: compressed == nil ? .plain : .deflate, offset: offset,
        storedBytes: UInt32(truncatingIfNeeded: stored.count),
        plainBytes: UInt32(truncatingIfNeeded: rows.count),
        checksum: stored.withUnsafeBytes { Checksum.crc32c($0) }, rows: rowCount,
        firstKey: firstKey))
    try put(stored)
    rows.removeAll(keepingCapacity: true)
    rowCount = 0
  }

  private func put(_ bytes: [UInt8]) throws(JournalError) {
    try file.write(bytes)
    digest.update(data: bytes)
    offset += UInt64(bytes.count)
  }
}
