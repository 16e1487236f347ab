/// Where the hashes of a stored tree are read from.
package protocol SubtreeSource {
  /// The hash of the perfect subtree over the leaves from index · 2^level up to, but not
  /// including, (index + 1) · 2^level; level 0 is a leaf's hash.
  func subtree(level: Int, index: UInt64) throws -> TreeHash
}

/// Roots and proofs over the subtrees a source holds.
///
/// Every call reads O(log size) subtrees and nothing outside the asked size, so an older state of
/// a grown tree is as cheap as the newest. Errors of the source are passed on.
package enum MerkleTree {
  /// The root of the tree's first `size` leaves.
  package static func root(size: UInt64, in source: some SubtreeSource) throws -> TreeHash {
    try root(of: 0..<size, in: source)
  }

  /// The frontier of the tree's first `size` leaves; throws `invalidInput` beyond 2^63 − 1.
  package static func frontier(size: UInt64, in source: some SubtreeSource) throws -> Frontier {
    let hashes = try alignedSubtrees(0..<size).map {
      try source.subtree(level: $0.level, index: $0.index)
    }
    guard let frontier = Frontier(size: size, hashes: hashes) else {
      throw JournalError.invalidInput("a tree of \(size) leaves is beyond the largest, 2^63 − 1")
    }
    return frontier
  }

  /// The audit path of a leaf in the tree of `size` leaves, nearest sibling first.
  ///
  /// Throws `invalidInput` unless `index` is below `size`.
  package static func inclusionProof(
    index: UInt64, size: UInt64, in source: some SubtreeSource
  ) throws -> [TreeHash] {
    guard index < size else {
      throw JournalError.invalidInput("leaf \(index) is not in a tree of \(size) leaves")
    }
    var siblings: [Range<UInt64>] = []
    var range = 0..<size
    while range.upperBound - range.lowerBound > 1 {
      let middle = split(range)
      if index < middle {
        siblings.append(middle..<range.upperBound)
        range = range.lowerBound..<middle
      } else {
        siblings.append(range.lowerBound..<middle)
        range = middle..<range.upperBound
      }
    }
    return try siblings.reversed().map { try root(of: $0, in: source) }
  }

  /// The proof that the tree of `oldSize` leaves is a prefix of the tree of `newSize` leaves.
  ///
  /// It is empty for equal sizes, and for an old tree without leaves, of which there is nothing to
  /// prove. Throws `invalidInput` when `oldSize` is above `newSize`.
  package static func consistencyProof(
    from oldSize: UInt64, to newSize: UInt64, in source: some SubtreeSource
  ) throws -> [TreeHash] {
    guard oldSize <= newSize else {
      throw JournalError.invalidInput(
        "no proof leads from a tree of \(oldSize) leaves to a smaller one of \(newSize)")
    }
    guard oldSize > 0 else { return [] }
    var parts: [Range<UInt64>] = []
    var range = 0..<newSize
    while oldSize != range.upperBound {
      let middle = split(range)
      if oldSize <= middle {
        parts.append(middle..<range.upperBound)
        range = range.lowerBound..<middle
      } else {
        parts.append(range.lowerBound..<middle)
        range = middle..<range.upperBound
      }
    }
    // Where the old tree is itself a subtree of the new one, the verifier holds its root already.
    if range.lowerBound > 0 { parts.append(range) }
    return try parts.reversed().map { try root(of: $0, in: source) }
  }

  /// The maximal aligned perfect subtrees that cover a range of leaves, from left to right.
  package static func alignedSubtrees(_ range: Range<UInt64>) -> [(level: Int, index: UInt64)] {
    var subtrees: [(level: Int, index: UInt64)] = []
    var lower = range.lowerBound
    while lower < range.upperBound {
      let fitting = floorLog2(range.upperBound - lower)
      // Zero has 64 trailing zero bits: the start of the tree is aligned to every level.
      let level = min(lower.trailingZeroBitCount, fitting)
      subtrees.append((level, lower >> UInt64(level)))
      lower += 1 << UInt64(level)
    }
    return subtrees
  }

  /// The hash of the tree over a range that is a node of the whole tree, perfect or not.
  private static func root(
    of range: Range<UInt64>, in source: some SubtreeSource
  ) throws -> TreeHash {
    var root: TreeHash?
    for (level, index) in alignedSubtrees(range).reversed() {
      let hash = try source.subtree(level: level, index: index)
      root = root.map { TreeHash.node(hash, $0) } ?? hash
    }
    return root ?? .empty
  }

  /// Where a node of two or more leaves divides: after the largest power of two below its count.
  private static func split(_ range: Range<UInt64>) -> UInt64 {
    let count = range.upperBound - range.lowerBound
    return range.lowerBound + 1 << UInt64(floorLog2(count - 1))
  }

  /// The exponent of the largest power of two that is not above `value`, which is not zero.
  private static func floorLog2(_ value: UInt64) -> Int {
    UInt64.bitWidth - 1 - value.leadingZeroBitCount
  }
}
