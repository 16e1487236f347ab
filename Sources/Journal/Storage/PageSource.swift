/// Reads tree pages and large values of one commit.
final class PageSource {
  let file: PageFile
  let meta: MetaPage
  /// Off while every row is checked one by one anyway, each with its own message.
  var checksRows = true
  /// Pages a commit does not use still hold rows of older ones, whose checksums are right: one
  /// flipped bit in a page number leads to them. Off where a commit is only compared with its head
  /// row, which an opening must not pay for.
  var refusesFreePages = false
  fileprivate var freePages: PageSet?
  private var cache = PageCache(capacity: 4096)

  init(_ file: PageFile, _ meta: MetaPage) {
    self.file = file
    self.meta = meta
  }

  /// The branch or leaf page `number`, its header checked.
  func treePage(_ number: UInt64, _ place: String) throws(JournalError) -> TreePage {
    if let page = cache.page(number) { return page }
    try checkNumber(number, 1, place)
    let page = try TreePage(Page(number, meta.pageBytes, file, place: place))
    try checkInUse(number, 1, place)
    if page.isLeaf { try page.checkRows(of: checksRows ? Table.atPlace[place] : nil) }
    cache.insert(page)
    return page
  }

  /// The count of pages a large value owns, which can be more than its length needs.
  func overflowPageCount(_ number: UInt64, _ node: Node, _ place: String) throws(JournalError)
    -> UInt64
  {
    let needed = PageFormat.overflowPages(node.valueBytes, pageBytes: meta.pageBytes)
    try checkNumber(number, needed, place)
    let page = try Page(
      number, byteCount: PageFormat.headerBytes, at: number * UInt64(meta.pageBytes), file,
      place: place)
    guard try page.load(0, as: UInt64.self) == number,
      try page.load(10, as: UInt16.self) == PageFormat.overflow
    else { throw page.damage("its header is not that of an overflow page") }
    let count = UInt64(try page.load(12, as: UInt32.self))
    guard count >= needed else { throw page.damage("\(count) pages hold less than its value") }
    try checkNumber(number, count, place)
    guard try file.length() >= (number + count) * UInt64(meta.pageBytes) else {
      throw .damaged("\(file.path) is shorter than a value of \(place) on page \(number)")
    }
    try checkInUse(number, needed, place)
    return count
  }

  /// Lends the value of a leaf's node, read into memory first if it lies in overflow pages.
  func withValue<R>(
    _ node: Node, _ page: TreePage, _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    try withExtendedLifetime(page.page) {
      guard node.hasOverflow else { return try body(page.page.slice(node.value)) }
      let place = page.page.place
      // Before memory is taken for it: the largest file of zeros costs nothing.
      if Table.atPlace[place] != nil, node.valueBytes > Row.maximumPayloadBytes + Row.checksumBytes
      {
        throw page.page.damage("a row of \(node.valueBytes) bytes is larger than any row")
      }
      let number = try page.page.load(node.value.lowerBound, as: UInt64.self)
      // Also finds that the file holds as many bytes as are allocated for them.
      _ = try overflowPageCount(number, node, place)
      let offset = number * UInt64(meta.pageBytes) + UInt64(PageFormat.headerBytes)
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: node.valueBytes, alignment: 16)
      defer { buffer.deallocate() }
      try file.read(buffer, at: offset)
      return try body(UnsafeRawBufferPointer(buffer))
    }
  }

  private func checkNumber(
    _ number: UInt64, _ count: UInt64, _ place: String
  ) throws(JournalError) {
    guard number > 1, number <= meta.lastPage, count <= meta.lastPage - number + 1 else {
      throw .damaged(
        "\(place) of \(file.path) refers to page \(number), outside pages 2 to \(meta.lastPage)"
          + "; run `journal verify`")
    }
  }
}

extension PageSource {
  /// Throws where a table refers to pages that the commit has given up.
  private func checkInUse(
    _ number: UInt64, _ count: UInt64, _ place: String
  ) throws(JournalError) {
    guard refusesFreePages, checksRows, Table.atPlace[place] != nil else { return }
    let free = knownFreePages()
    for page in number..<number + count where free.contains(page) {
      throw .damaged(
        "\(place) of \(file.path) refers to page \(page), which is free; run `journal verify`")
    }
  }

  /// Read once, when the first page of a table is. A list that cannot be read hides no row: it
  /// counts as far as it goes, and `verify` names what is wrong with it.
  private func knownFreePages() -> PageSet {
    if let freePages { return freePages }
    var free = PageSet()
    try? FreeList(self).forEachRecord { record in
      for page in record.pages { _ = free.insert(page) }
    }
    freePages = free
    return free
  }

  /// Lends the node of `key` and its value; nil when the tree has no such key.
  func withValue<R>(
    of key: UnsafeRawBufferPointer, in tree: TreeRecord, _ place: String,
    _ body: (Node, UnsafeRawBufferPointer) throws -> R
  ) throws -> R? {
    var cursor = TreeCursor(self, tree, place)
    try cursor.seek(key)
    guard let (page, node) = try cursor.current(),
      KeyOrder.compare(try page.page.slice(node.key), key) == 0
    else { return nil }
    return try withValue(node, page) { try body(node, $0) }
  }

  /// The record of the named tree in the main tree; nil when there is none.
  func tableRecord(_ name: String) throws(JournalError) -> TreeRecord? {
    let place = "the main tree"
    var cursor = TreeCursor(self, meta.mainTree, place)
    let key = Array(name.utf8)
    try cursor.seek(key)
    guard let (page, node) = try cursor.current() else { return nil }
    guard try page.page.slice(node.key).elementsEqual(key) else { return nil }
    guard node.flags == Node.isTree, let tree = TreeRecord(try page.page.slice(node.value)),
      tree.flags == 0
    else { throw page.page.damage("the record of table \(name) is not one") }
    return tree
  }
}
