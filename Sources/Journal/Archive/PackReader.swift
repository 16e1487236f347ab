/// Reads a pack like a journal's tables. Tables a pack does not hold are empty.
///
/// For files that may be damaged or hostile: whatever the bytes, the outcome is rows or a
/// ``JournalError``. A few blocks are kept decompressed, about 4 MiB; not safe for use by two
/// threads at once.
package final class PackReader: StorageReader {
  private static let cachedBytes = 4 << 20

  let path: String
  package var sealer: (any RowSealer)?
  private let file: PageFile
  private var blocks: [Table: [PackFormat.Block]] = [:]
  private var cache: [UInt64: PackRows] = [:]
  private var cachedOffsets: [UInt64] = []
  private var cacheBytes = 0

  package var transactionID: UInt64 { 0 }
  /// A pack holds what was appended, not what was folded from it.
  package var holdsFold: Bool { false }

  /// Opens a pack and checks its index.
  ///
  /// - Throws: ``JournalError/cannotOpen(_:)`` for what is no pack, ``JournalError/damaged(_:)``,
  ///   ``JournalError/unsupported(_:)`` for one of a later release.
  package init(path: String) throws(JournalError) {
    self.path = path
    file = try PageFile(path: path)
    let length = try file.length()
    let least = UInt64(PackFormat.magic.count + PackFormat.trailerBytes)
    let start = try Self.read(file, 0, min(Int(clamping: length), PackFormat.magic.count))
    guard start == PackFormat.magic else {
      if start.starts(with: "sync-journal pack ".utf8) {
        throw .unsupported("\(path) is a pack of a later release; use that release")
      }
      throw .cannotOpen("\(path) is neither a journal's directory nor a pack")
    }
    guard length >= least else { throw Self.cut(path) }
    let trailer = try Self.read(
      file, length - UInt64(PackFormat.trailerBytes), PackFormat.trailerBytes)
    guard trailer.suffix(4).elementsEqual(PackFormat.endMagic) else { throw Self.cut(path) }
    let index = try Self.index(file, trailer, length: length, path)
    var end = UInt64(PackFormat.magic.count)
    for block in try PackFormat.decodeBlocks(index.bytes) {
      // Blocks stand one behind the other, so no byte of the file is outside a checksum.
      guard block.offset == end else { throw .damaged("the blocks of \(path) do not join") }
      end += UInt64(block.storedBytes)
      blocks[block.table, default: []].append(block)
    }
    guard end == index.offset else { throw .damaged("the blocks of \(path) do not join") }
    for (table, own) in blocks {
      for (index, next) in own.enumerated().dropFirst() {
        guard own[index - 1].firstKey.lexicographicallyPrecedes(next.firstKey) else {
          throw .damaged("the blocks of \(path) are out of order")
        }
        blocks[table]?[index - 1].nextKey = next.firstKey
      }
    }
  }

  private static func index(
    _ file: PageFile, _ trailer: [UInt8], length: UInt64, _ path: String
  ) throws(JournalError) -> (bytes: [UInt8], offset: UInt64) {
    func integer<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      trailer.withUnsafeBytes {
        T(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: type))
      }
    }
    let offset = integer(0, UInt64.self)
    let count = integer(8, UInt64.self)
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard !overflow, end == length - UInt64(PackFormat.trailerBytes), count < 1 << 30 else {
      throw .damaged("the trailer of \(path) does not fit its length; use another copy")
    }
    let bytes = try read(file, offset, Int(count))
    let checksum = bytes.withUnsafeBytes { bytes in
      trailer.withUnsafeBytes {
        Checksum.crc32c(
          UnsafeRawBufferPointer(rebasing: $0[..<16]), seed: Checksum.crc32c(bytes))
      }
    }
    guard checksum == integer(16, UInt32.self) else {
      throw .damaged("the index of \(path) does not agree with its checksum; use another copy")
    }
    return (bytes, offset)
  }

  private static func cut(_ path: String) -> JournalError {
    .damaged("\(path) ends early; use another copy")
  }

  private static func read(
    _ file: PageFile, _ offset: UInt64, _ count: Int
  ) throws(JournalError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let result: Result<Void, JournalError> = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(JournalError) in try file.read(buffer, at: offset) }
    }
    try result.get()
    return bytes
  }

  // MARK: Rows

  private func rows(_ block: PackFormat.Block) throws(JournalError) -> PackRows {
    if let rows = cache[block.offset] { return rows }
    let stored = try Self.read(file, block.offset, Int(block.storedBytes))
    guard stored.withUnsafeBytes({ Checksum.crc32c($0) }) == block.checksum else {
      throw .damaged(
        "a block of \(block.table.name) at byte \(block.offset) of \(path) does not agree with its "
          + "checksum; use another copy")
    }
    let plain =
      switch block.encoding {
      case .plain: stored
      case .deflate: try Deflate.decompress(stored, count: Int(block.plainBytes))
      }
    let rows = try PackRows(plain, block)
    // By bytes, not blocks: a block of a few bytes may decompress to the largest there is.
    while !cachedOffsets.isEmpty, cacheBytes + plain.count > Self.cachedBytes {
      cacheBytes -= cache.removeValue(forKey: cachedOffsets.removeFirst())?.bytes.count ?? 0
    }
    cacheBytes += plain.count
    cache[block.offset] = rows
    cachedOffsets.append(block.offset)
    return rows
  }

  /// The last block whose first key is not above `key`.
  private func blockIndex(_ blocks: [PackFormat.Block], _ key: UnsafeRawBufferPointer) -> Int? {
    var low = 0
    var high = blocks.count
    while low < high {
      let middle = (low + high) / 2
      if key.lexicographicallyPrecedes(blocks[middle].firstKey) {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return low == 0 ? nil : low - 1
  }

  package func withValue<R>(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    guard let blocks = blocks[table], let index = blockIndex(blocks, key) else { return nil }
    let rows = try rows(blocks[index])
    let place = rows.lowerBound(key)
    guard place < rows.places.count else { return nil }
    return try rows.withRow(place) { found, payload in
      found.elementsEqual(key) ? try sealer.lend(table, key, payload, body) : nil
    }
  }

  package func scan(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    guard let blocks = blocks[table] else { return }
    let from = from ?? []
    let first = from.withUnsafeBytes { blockIndex(blocks, $0) } ?? 0
    for block in blocks[first...] {
      let rows = try rows(block)
      let start = from.withUnsafeBytes { rows.lowerBound($0) }
      for index in start..<rows.places.count {
        guard try visit(rows, index, table, body) else { return }
      }
    }
  }

  private func visit(
    _ rows: PackRows, _ index: Int, _ table: Table,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
  ) throws -> Bool {
    try rows.withRow(index) { key, payload in
      try sealer.lend(table, key, payload) { try body(key, $0) }
    }
  }

  package func scanBackward(
    _ table: Table, from: [UInt8]?,
    _ body: (_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    guard let blocks = blocks[table] else { return }
    var last = blocks.count - 1
    if let from {
      guard let index = from.withUnsafeBytes({ blockIndex(blocks, $0) }) else { return }
      last = index
    }
    for block in blocks[...last].reversed() {
      let rows = try rows(block)
      var end = rows.places.count
      if let from {
        end = from.withUnsafeBytes { rows.lowerBound($0) }
        if end < rows.places.count, rows.withRow(end, { key, _ in key.elementsEqual(from) }) {
          end += 1
        }
      }
      for index in (0..<end).reversed() {
        guard try visit(rows, index, table, body) else { return }
      }
    }
  }

  /// The length of the file.
  package var byteCount: UInt64 { get throws { try file.length() } }

  package func count(_ table: Table) throws -> UInt64 {
    blocks[table, default: []].reduce(0) { $0 + UInt64($1.rows) }
  }

  /// Reads every block: each byte of the file is then covered.
  func checkBlocks() throws(JournalError) {
    for table in Table.allCases {
      for block in blocks[table] ?? [] { _ = try rows(block) }
    }
  }
}
