/// A position in one tree of a data file.
///
/// No damage makes it run forever: paths are no deeper than the tree says, and keys have to
/// ascend from row to row.
struct TreeCursor {
  private struct Step {
    let page: TreePage
    var index: Int
  }

  private let source: PageSource
  private let tree: TreeRecord
  private let place: String
  private var path: [Step] = []

  init(_ source: PageSource, _ tree: TreeRecord, _ place: String) {
    self.source = source
    self.tree = tree
    self.place = place
  }

  /// The leaf and the node it stands on; nil beside the rows.
  func current() throws(JournalError) -> (page: TreePage, node: Node)? {
    guard let step = path.last, step.index >= 0, step.index < step.page.nodeCount else {
      return nil
    }
    return (step.page, try step.page.node(step.index))
  }

  /// Moves to the first key ≥ `key`, or behind the last row.
  mutating func seek(_ key: UnsafeRawBufferPointer) throws(JournalError) {
    try descend { page throws(JournalError) in
      page.isLeaf ? try page.lowerBound(key) : try page.childIndex(key)
    }
    if let step = path.last, step.index >= step.page.nodeCount {
      path[path.count - 1].index = step.page.nodeCount - 1
      try next()
    }
  }

  mutating func seek(_ key: [UInt8]) throws(JournalError) {
    try key.withUnsafeBufferPointer { key throws(JournalError) in
      try seek(UnsafeRawBufferPointer(key))
    }
  }

  mutating func seekFirst() throws(JournalError) {
    try descend { _ in 0 }
  }

  mutating func seekLast() throws(JournalError) {
    try descend { page in page.nodeCount - 1 }
  }

  /// Moves to the next row; behind the last one there is no position.
  mutating func next() throws(JournalError) {
    try move(forward: true)
  }

  mutating func previous() throws(JournalError) {
    try move(forward: false)
  }

  private mutating func move(forward: Bool) throws(JournalError) {
    while var step = path.popLast() {
      step.index += forward ? 1 : -1
      guard step.index >= 0, step.index < step.page.nodeCount else { continue }
      path.append(step)
      if step.page.isLeaf { return }
      try extend { page in forward ? 0 : page.nodeCount - 1 }
      return
    }
  }

  private mutating func descend(
    _ choose: (TreePage) throws(JournalError) -> Int
  ) throws(JournalError) {
    path.removeAll(keepingCapacity: true)
    if tree.isEmpty { return }
    let root = try source.treePage(tree.root, place)
    path.append(Step(page: root, index: try choose(root)))
    if !root.isLeaf { try extend(choose) }
    try checkDepth()
  }

  /// Goes down from the branch the path ends in.
  private mutating func extend(
    _ choose: (TreePage) throws(JournalError) -> Int
  ) throws(JournalError) {
    while let step = path.last, !step.page.isLeaf {
      guard path.count < PageFormat.maximumDepth else {
        throw step.page.page.damage("the tree is too deep")
      }
      let child = try source.treePage(try step.page.node(step.index).child, place)
      path.append(Step(page: child, index: try choose(child)))
    }
    try checkDepth()
  }

  private func checkDepth() throws(JournalError) {
    guard path.count == Int(tree.depth) else {
      throw .damaged(
        "\(place) of \(source.file.path) is \(path.count) pages deep, not \(tree.depth)"
          + "; run `journal verify`")
    }
  }
}
