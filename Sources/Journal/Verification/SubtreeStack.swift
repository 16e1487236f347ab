/// Complete subtrees from left to right, equal ones merged: a frontier that also takes subtrees.
struct SubtreeStack {
  private var subtrees: [(level: Int, index: UInt64, hash: TreeHash)] = []

  var hashes: [TreeHash] { subtrees.map(\.hash) }

  /// The root over everything pushed.
  var root: TreeHash {
    guard var root = subtrees.last?.hash else { return .empty }
    for subtree in subtrees.dropLast().reversed() { root = .node(subtree.hash, root) }
    return root
  }

  mutating func push(
    _ hash: TreeHash, level: Int, completed: (_ level: Int, _ index: UInt64, TreeHash) -> Void
  ) {
    let index =
      subtrees.last.map { last in
        (last.index + 1) << UInt64(max(0, last.level - level))
      } ?? 0
    var node = (level: level, index: index, hash: hash)
    completed(level, index, hash)
    while let last = subtrees.last, last.level == node.level, last.index + 1 == node.index,
      last.index & 1 == 0
    {
      subtrees.removeLast()
      node = (node.level + 1, last.index >> 1, .node(last.hash, node.hash))
      completed(node.level, node.index, node.hash)
    }
    subtrees.append(node)
  }
}
