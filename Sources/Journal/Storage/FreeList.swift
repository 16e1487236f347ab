/// LMDB's list of unused pages: a tree from the transaction that freed them, a native 64-bit
/// integer, to a count and that many page numbers in descending order.
struct FreeList {
  struct Record {
    let transactionID: UInt64
    let pages: [UInt64]
  }

  private let source: PageSource

  init(_ source: PageSource) {
    self.source = source
  }

  /// Visits the records in ascending order; stops at the first that is none.
  func forEachRecord(
    _ body: (Record) throws(JournalError) -> Void
  ) throws(JournalError) {
    let place = "the free list"
    var cursor = TreeCursor(source, source.meta.freeTree, place)
    var before: UInt64?
    try cursor.seekFirst()
    while let (page, node) = try cursor.current() {
      let transactionID = try page.page.load(node.key.lowerBound, as: UInt64.self)
      guard node.key.count == 8, before.map({ $0 < transactionID }) ?? true else {
        throw page.page.damage("records of free pages are out of order")
      }
      before = transactionID
      let pages: [UInt64]?
      do {
        pages = try source.withValue(node, page, Self.pages)
      } catch let error as JournalError {
        throw error
      } catch {
        throw .storage("reading the free list of \(source.file.path): \(error)")
      }
      guard let pages else { throw page.page.damage("not a record of free pages") }
      try body(Record(transactionID: transactionID, pages: pages))
      try cursor.next()
    }
  }

  /// The page numbers of one record; nil when it is not one. LMDB may leave room at its end.
  private static func pages(_ bytes: UnsafeRawBufferPointer) -> [UInt64]? {
    guard bytes.count >= 8, bytes.count % 8 == 0 else { return nil }
    let count = bytes.loadUnaligned(as: UInt64.self)
    guard count <= UInt64(bytes.count / 8 - 1) else { return nil }
    return (0..<Int(count)).map {
      bytes.loadUnaligned(fromByteOffset: 8 + 8 * $0, as: UInt64.self)
    }
  }
}
