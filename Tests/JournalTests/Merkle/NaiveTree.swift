import Journal

/// A Merkle tree by the recursive definitions of RFC 6962, section 2.1, word for word.
///
/// Slow and obvious on purpose: it shares nothing with the code it judges but the two hashes.
struct NaiveTree {
  let leaves: [TreeHash]

  init(size: Int) {
    leaves = (0..<size).map { Self.leaf($0) }
  }

  static func leaf(_ index: Int) -> TreeHash {
    Array("leaf \(index)".utf8).withUnsafeBytes(TreeHash.leaf)
  }

  func root(_ range: Range<Int>) -> TreeHash {
    if range.isEmpty { return .empty }
    if range.count == 1 { return leaves[range.lowerBound] }
    let middle = range.lowerBound + split(range.count)
    return TreeHash.node(root(range.lowerBound..<middle), root(middle..<range.upperBound))
  }

  func path(_ index: Int, _ range: Range<Int>) -> [TreeHash] {
    if range.count == 1 { return [] }
    let middle = range.lowerBound + split(range.count)
    let left = range.lowerBound..<middle
    let right = middle..<range.upperBound
    return index < middle
      ? path(index, left) + [root(right)] : path(index, right) + [root(left)]
  }

  func proof(_ size: Int, _ range: Range<Int>, isWhole: Bool = true) -> [TreeHash] {
    if size == range.upperBound { return isWhole ? [] : [root(range)] }
    let middle = range.lowerBound + split(range.count)
    let left = range.lowerBound..<middle
    let right = middle..<range.upperBound
    return size <= middle
      ? proof(size, left, isWhole: isWhole) + [root(right)]
      : proof(size, right, isWhole: false) + [root(left)]
  }

  private func split(_ count: Int) -> Int {
    var split = 1
    while split * 2 < count { split *= 2 }
    return split
  }
}

extension NaiveTree: SubtreeSource {
  struct Missing: Error {}

  func subtree(level: Int, index: UInt64) throws -> TreeHash {
    let count = 1 << level
    let start = Int(index) * count
    guard start + count <= leaves.count else { throw Missing() }
    return root(start..<(start + count))
  }
}

/// A source that remembers every subtree a frontier reported, as a journal's index does.
struct RecordedTree: SubtreeSource {
  struct Missing: Error {}

  struct Position: Hashable {
    let level: Int
    let index: UInt64
  }

  private(set) var frontier = Frontier()
  private(set) var subtrees: [Position: TreeHash] = [:]

  init(size: Int) {
    for index in 0..<size { append(NaiveTree.leaf(index)) }
  }

  mutating func append(_ leaf: TreeHash) {
    subtrees[Position(level: 0, index: frontier.size)] = leaf
    var completed: [Position: TreeHash] = [:]
    frontier.append(leaf) { completed[Position(level: $0, index: $1)] = $2 }
    subtrees.merge(completed) { _, new in new }
  }

  func subtree(level: Int, index: UInt64) throws -> TreeHash {
    guard let hash = subtrees[Position(level: level, index: index)] else { throw Missing() }
    return hash
  }
}
