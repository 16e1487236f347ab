/// The hashes of trimmed leaves, always the maximal aligned subtrees of what is missing.
struct Gaps {
  private struct Subtree {
    var level: UInt64
    var index: UInt64
    var hash: TreeHash
  }

  /// Subtrees of the leaves taken in so far, from left to right; siblings are merged.
  private var subtrees: [Subtree] = []

  /// Takes in one trimmed leaf. Leaves come in ascending order.
  mutating func add(_ leaf: TreeHash, sequence: SequenceNumber) {
    var node = Subtree(level: 0, index: sequence - 1, hash: leaf)
    while let last = subtrees.last, last.level == node.level, last.index + 1 == node.index,
      last.index & 1 == 0
    {
      subtrees.removeLast()
      node = Subtree(
        level: node.level + 1, index: last.index >> 1, hash: .node(last.hash, node.hash))
    }
    subtrees.append(node)
  }

  /// Writes them, each merged with its sibling where that one is missing too.
  func store(_ transaction: WriteTransaction) throws {
    for subtree in subtrees {
      var node = subtree
      while let sibling = try Self.row(node.level, node.index ^ 1, transaction) {
        _ = try transaction.delete(.gaps, key: Self.key(node.level, node.index ^ 1))
        node.hash =
          node.index & 1 == 0 ? .node(node.hash, sibling) : .node(sibling, node.hash)
        node.level += 1
        node.index >>= 1
      }
      try transaction.put(
        .gaps, key: Self.key(node.level, node.index),
        payload: [UInt8(truncatingIfNeeded: node.level)] + node.hash.bytes)
    }
  }

  private static func key(_ level: UInt64, _ index: UInt64) -> [UInt8] {
    [UInt8](sequence: index << level + 1)
  }

  private static func row(
    _ level: UInt64, _ index: UInt64, _ transaction: WriteTransaction
  ) throws -> TreeHash? {
    guard level < 47 else { return nil }
    let row = try transaction.withValue(.gaps, key(level, index)) { payload in
      payload.first.map(UInt64.init) == level
        ? TreeHash(bytes: UnsafeRawBufferPointer(rebasing: payload.dropFirst())) : nil
    }
    return row ?? nil
  }
}
