extension PagedReader {
  /// Walks every page of the pinned commit and returns what is wrong, at most `limit` messages.
  ///
  /// Checks meta pages, page headers, the order and bounds of keys, the counts in each tree's
  /// record, that every page has one owner, the free list, and the checksum of every row. An
  /// empty answer is a healthy file. Reads each used page once.
  package func checkStructure(limit: Int = 100) -> [String] {
    source.checksRows = false
    defer { source.checksRows = true }
    var check = StructureCheck(self, limit: limit)
    check.run()
    return check.problems
  }

  /// The bytes of the pages in use, the two meta pages among them, as the trees' records say.
  package var reachableBytes: UInt64 {
    get throws(JournalError) {
      var pages: UInt64 = 2
      for tree in [source.meta.freeTree, source.meta.mainTree] + (try tableTrees()) {
        let (sum, overflow) = pages.addingReportingOverflow(tree.pages)
        guard !overflow, sum <= source.meta.lastPage + 1 else {
          throw .damaged("\(source.file.path) counts more pages than it has; run `journal verify`")
        }
        pages = sum
      }
      return pages * UInt64(source.meta.pageBytes)
    }
  }

  /// The pages that later commits will use before they enlarge the file.
  package var freePages: UInt64 {
    get throws(JournalError) {
      var count: UInt64 = 0
      try FreeList(source).forEachRecord { record throws(JournalError) in
        count += UInt64(record.pages.count)
      }
      return count
    }
  }

  private func tableTrees() throws(JournalError) -> [TreeRecord] {
    if source.meta.mainTree.isEmpty { return [] }
    var trees: [TreeRecord] = []
    for table in Table.allCases { trees.append(try tree(table)) }
    return trees
  }
}

/// One pass over a commit, which goes on after a problem wherever it can.
private struct StructureCheck {
  private let reader: PagedReader
  private let source: PageSource
  private let limit: Int
  private(set) var problems: [String] = []
  private var used = PageSet()

  init(_ reader: PagedReader, limit: Int) {
    self.reader = reader
    source = reader.source
    self.limit = limit
  }

  mutating func run() {
    checkMetaPages()
    walk(source.meta.freeTree, .freeList)
    walk(source.meta.mainTree, .main)
    if !source.meta.mainTree.isEmpty {
      for table in Table.allCases {
        attempt { check throws(JournalError) in
          check.walk(try check.reader.tree(table), .table(table))
        }
      }
    }
    checkFreeList()
  }

  private mutating func checkMetaPages() {
    attempt { check throws(JournalError) in
      // The other page may be newer by now; only its own fields are looked at.
      for meta in [check.source.meta] + (try MetaPage.readBoth(check.source.file)) {
        let place = "meta page \(meta.number)"
        if meta.address != 0 { check.report("\(place): a fixed address is set") }
        let bytes = (meta.lastPage + 1) * UInt64(meta.pageBytes)
        if meta.mapBytes < bytes || meta.mapBytes > 1 << 47 {
          check.report("\(place): a map of \(meta.mapBytes) bytes is impossible")
        }
        if meta.mainTree.pad != 0 { check.report("\(place): the main tree has a pad") }
      }
    }
  }

  // MARK: Trees

  private struct Totals {
    var branchPages: UInt64 = 0
    var leafPages: UInt64 = 0
    var overflowPages: UInt64 = 0
    var rows: UInt64 = 0
  }

  private mutating func walk(_ tree: TreeRecord, _ owner: TreeOwner) {
    var totals = Totals()
    if tree.isEmpty {
      if tree.depth != 0 { report("\(owner.place): an empty tree has depth \(tree.depth)") }
    } else {
      visit(tree.root, level: 1, tree, owner, from: nil, to: nil, &totals)
    }
    let found = [
      ("branch pages", totals.branchPages, tree.branchPages),
      ("leaf pages", totals.leafPages, tree.leafPages),
      ("overflow pages", totals.overflowPages, tree.overflowPages),
      ("rows", totals.rows, tree.rows),
    ]
    for (what, count, recorded) in found where count != recorded {
      report("\(owner.place): \(count) \(what), its record says \(recorded)")
    }
    if case .table = owner, tree.pad != 0 { report("\(owner.place): its record has a pad") }
  }

  /// Checks a page and everything below it, whose keys lie in `from..<to`.
  private mutating func visit(
    _ number: UInt64, level: Int, _ tree: TreeRecord, _ owner: TreeOwner, from: [UInt8]?,
    to: [UInt8]?, _ totals: inout Totals
  ) {
    guard take(number, 1, owner.place) else { return }
    let read = attempt { check throws(JournalError) in
      try check.source.treePage(number, owner.place)
    }
    guard let page = read else { return }
    guard level < Int(tree.depth) ? !page.isLeaf : page.isLeaf && level == Int(tree.depth) else {
      return report(
        "page \(number) of \(owner.place): a \(page.isLeaf ? "leaf" : "branch") at level \(level)"
          + " of \(tree.depth)")
    }
    if page.isLeaf { totals.leafPages += 1 } else { totals.branchPages += 1 }
    var nodes: [Node] = []
    for index in 0..<page.nodeCount {
      guard let node = attempt({ _ throws(JournalError) in try page.node(index) }) else { return }
      nodes.append(node)
    }
    checkOverlap(nodes, page)
    guard let keys = checkKeys(nodes, page, owner, from, to) else { return }
    if page.isLeaf {
      totals.rows += UInt64(nodes.count)
      for (node, key) in zip(nodes, keys) { checkRow(node, key, page, owner, &totals) }
      return
    }
    if page.nodeCount < 2 { report("page \(number) of \(owner.place): a branch of one child") }
    for (index, node) in nodes.enumerated() {
      visit(
        node.child, level: level + 1, tree, owner, from: index == 0 ? from : keys[index],
        to: index + 1 < keys.count ? keys[index + 1] : to, &totals)
    }
  }

  private mutating func checkOverlap(_ nodes: [Node], _ page: TreePage) {
    let places = nodes.map { $0.offset..<$0.end }.sorted { $0.lowerBound < $1.lowerBound }
    for (place, next) in zip(places, places.dropFirst()) where place.upperBound > next.lowerBound {
      report("page \(page.page.number) of \(page.page.place): nodes overlap")
      return
    }
  }

  /// The keys of a page; nil when they cannot be read or lie outside the page's bounds.
  private mutating func checkKeys(
    _ nodes: [Node], _ page: TreePage, _ owner: TreeOwner, _ from: [UInt8]?, _ to: [UInt8]?
  ) -> [[UInt8]]? {
    var keys: [[UInt8]] = []
    for (index, node) in nodes.enumerated() {
      guard let key = attempt({ _ throws(JournalError) in Array(try page.page.slice(node.key)) })
      else { return nil }
      // The first key of a branch stands for everything below the second and may be left out.
      if page.isLeaf || index > 0 {
        let place = "page \(page.page.number) of \(owner.place)"
        let isFirst = page.isLeaf ? index == 0 : index == 1
        if !isFirst, let last = keys.last, owner.compare(last, key) >= 0 {
          report("\(place): keys are out of order")
        }
        if let from, owner.compare(from, key) > 0 { report("\(place): a key below its range") }
        if let to, owner.compare(key, to) >= 0 { report("\(place): a key above its range") }
      }
      keys.append(key)
    }
    return keys
  }

  private mutating func checkRow(
    _ node: Node, _ key: [UInt8], _ page: TreePage, _ owner: TreeOwner, _ totals: inout Totals
  ) {
    if node.hasOverflow {
      let first = attempt { check throws(JournalError) in
        let number = try page.page.load(node.value.lowerBound, as: UInt64.self)
        return (number, try check.source.overflowPageCount(number, node, owner.place))
      }
      guard let (number, count) = first, take(number, count, owner.place) else { return }
      totals.overflowPages += count
    }
    switch owner {
    case .freeList:
      if node.flags & Node.isTree != 0 || key.count != 8 {
        report("page \(page.page.number) of \(owner.place): not a record of free pages")
      }
    case .main:
      let name = String(decoding: key, as: UTF8.self)
      if !Table.allCases.contains(where: { $0.name == name }) || node.flags != Node.isTree {
        report("page \(page.page.number) of \(owner.place): \(name) is not a table")
      }
    case .table(let table):
      if node.flags & Node.isTree != 0 {
        report("page \(page.page.number) of \(owner.place): a tree instead of a row")
      }
      do {
        try key.withUnsafeBytes { key in
          try source.withValue(node, page) { _ = try Row.payload(table, key, $0) }
        }
      } catch {
        report("\(error)")
      }
    }
  }

  // MARK: Free pages

  private mutating func checkFreeList() {
    var free = PageSet()
    attempt { check throws(JournalError) in
      try FreeList(check.source).forEachRecord { record throws(JournalError) in
        let place = "free list of transaction \(record.transactionID)"
        if record.transactionID > check.source.meta.transactionID || record.transactionID == 0 {
          check.report("\(place): newer than its commit")
        }
        var before = UInt64.max
        for page in record.pages {
          if page < 2 || page > check.source.meta.lastPage {
            check.report("\(place): page \(page) lies outside the file")
          }
          if page >= before { check.report("\(place): page \(page) is out of order") }
          if check.used.contains(page) { check.report("\(place): page \(page) is in use") }
          if !free.insert(page) { check.report("\(place): page \(page) is listed twice") }
          before = page
          if check.isFull { return }
        }
      }
    }
  }

  // MARK: Problems

  private var isFull: Bool { problems.count >= limit }

  private mutating func report(_ problem: String) {
    if !isFull, problems.last != problem { problems.append(problem) }
  }

  /// Notes that pages have an owner; false when they had one or do not exist.
  private mutating func take(_ first: UInt64, _ count: UInt64, _ place: String) -> Bool {
    guard !isFull else { return false }
    let end = first.addingReportingOverflow(count)
    guard first > 1, !end.overflow, end.partialValue <= source.meta.lastPage + 1 else {
      report("\(place): page \(first) lies outside the file")
      return false
    }
    for number in first..<end.partialValue where !used.insert(number) {
      report("\(place): page \(number) is referred to twice")
      return false
    }
    return true
  }

  @discardableResult
  private mutating func attempt<R>(
    _ body: (inout StructureCheck) throws(JournalError) -> R
  ) -> R? {
    do throws(JournalError) {
      return try body(&self)
    } catch {
      report(error.description)
      return nil
    }
  }
}

/// Whose pages a walk is in.
private enum TreeOwner {
  case freeList
  case main
  case table(Table)

  var place: String {
    switch self {
    case .freeList: "the free list"
    case .main: "the main tree"
    case .table(let table): table.place
    }
  }

  func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
    left.withUnsafeBytes { left in
      right.withUnsafeBytes { right in
        guard case .freeList = self, left.count == 8, right.count == 8 else {
          return KeyOrder.compare(left, right)
        }
        let (a, b) = (left.loadUnaligned(as: UInt64.self), right.loadUnaligned(as: UInt64.self))
        return a < b ? -1 : a == b ? 0 : 1
      }
    }
  }
}
