/// Checks of proofs from outside, with nothing but the hashes they carry.
///
/// Both follow RFC 9162 (sections 2.1.3.2 and 2.1.4.2) strictly: a hash too few or too many, an
/// index or size out of range, and the proof is refused. They never trap and read each hash once;
/// time is bounded by the proof's length and by 64 hashes at most.
public enum MerkleProof {
  /// Whether the tree of `size` leaves with this root has this leaf at this index.
  public static func verifyInclusion(
    leaf: TreeHash, index: UInt64, size: UInt64, proof: [TreeHash], root: TreeHash
  ) -> Bool {
    guard index < size else { return false }
    var path = Path(index: index, last: size - 1)
    var hash = leaf
    for sibling in proof {
      guard let side = path.climb() else { return false }
      hash =
        switch side {
        case .left: TreeHash.node(sibling, hash)
        case .right: TreeHash.node(hash, sibling)
        }
    }
    return path.isAtRoot && hash == root
  }

  /// Whether the larger tree begins with exactly the leaves of the smaller one.
  ///
  /// Equal sizes need equal roots and no proof. From an empty tree nothing can be proved, since
  /// every tree extends it: the answer is false, and callers decide that case by themselves.
  public static func verifyConsistency(
    from oldSize: UInt64, fromRoot oldRoot: TreeHash,
    to newSize: UInt64, toRoot newRoot: TreeHash, proof: [TreeHash]
  ) -> Bool {
    guard oldSize > 0, oldSize <= newSize else { return false }
    guard oldSize < newSize else { return proof.isEmpty && oldRoot == newRoot }

    var path = Path(index: oldSize - 1, last: newSize - 1)
    path.skipRightChildren()
    var rest = proof[...]
    // An old tree that is one perfect subtree is where the proof starts; it is not repeated there.
    let isPerfect = oldSize & (oldSize - 1) == 0
    guard let start = isPerfect ? oldRoot : rest.popFirst() else { return false }
    var oldHash = start
    var newHash = start
    for hash in rest {
      guard let side = path.climb() else { return false }
      switch side {
      case .left:
        oldHash = TreeHash.node(hash, oldHash)
        newHash = TreeHash.node(hash, newHash)
      case .right:
        newHash = TreeHash.node(newHash, hash)
      }
    }
    return path.isAtRoot && oldHash == oldRoot && newHash == newRoot
  }
}

/// The way from a node up to the root of a tree, one proof hash a step.
private struct Path {
  /// On which side of the node its sibling stands.
  enum Side {
    case left
    case right
  }

  /// The node's index on its level.
  private var index: UInt64
  /// The index of the last node on that level.
  private var last: UInt64

  init(index: UInt64, last: UInt64) {
    self.index = index
    self.last = last
  }

  var isAtRoot: Bool { last == 0 }

  /// Goes up while the node is a right child, without using a hash.
  mutating func skipRightChildren() {
    while index & 1 == 1 { rise() }
  }

  /// Goes to the parent that the next hash leads to; nil above the root.
  mutating func climb() -> Side? {
    guard last > 0 else { return nil }
    guard index & 1 == 1 || index == last else {
      rise()
      return .right
    }
    // The last node of a level without a sibling moves up unhashed until it is a right child.
    while index & 1 == 0 && index > 0 { rise() }
    rise()
    return .left
  }

  private mutating func rise() {
    index >>= 1
    last >>= 1
  }
}
