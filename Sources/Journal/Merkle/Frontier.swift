/// The right edge of a Merkle tree: all that is needed to append leaves and to know the root.
///
/// It holds one hash per set bit of the size, of the maximal perfect subtrees from left to right,
/// so a tree of a million leaves has a frontier of at most twenty hashes.
///
/// ```swift
/// var frontier = Frontier()
/// frontier.append(leafHash)
/// print(frontier.root)
/// ```
public struct Frontier: Sendable, Equatable {
  /// The most leaves a stored frontier may claim; appending to it cannot overflow the size.
  private static let sizeLimit = UInt64(Int64.max)

  /// The number of leaves.
  public private(set) var size: UInt64
  /// The maximal perfect subtrees, the largest (leftmost) first.
  public private(set) var hashes: [TreeHash]

  /// The frontier of a tree without leaves.
  public init() {
    size = 0
    hashes = []
  }

  /// A stored frontier; nil when the number of hashes does not fit the size, or the size is
  /// beyond 2^63 − 1.
  public init?(size: UInt64, hashes: [TreeHash]) {
    guard size <= Self.sizeLimit, hashes.count == size.nonzeroBitCount else { return nil }
    self.size = size
    self.hashes = hashes
  }

  /// Appends a leaf, whose index is the size before; costs one hash on average.
  public mutating func append(_ leaf: TreeHash) {
    append(leaf) { _, _, _ in }
  }

  /// Appends a leaf, whose index is the size before, and reports the subtrees it completes.
  ///
  /// `completed` is called for each perfect subtree of level 1 and above that ends at this leaf,
  /// the smallest first: subtree `index` of `level` covers the leaves from index · 2^level on.
  /// When it throws, the frontier is as it was before. Costs one hash per completed subtree.
  public mutating func append(
    _ leaf: TreeHash,
    completed: (_ level: Int, _ index: UInt64, _ hash: TreeHash) throws -> Void
  ) rethrows {
    var hash = leaf
    var level = 0
    var index = size
    var kept = hashes.count
    while index & 1 == 1 {
      kept -= 1
      hash = TreeHash.node(hashes[kept], hash)
      level += 1
      index >>= 1
      try completed(level, index, hash)
    }
    hashes.removeLast(hashes.count - kept)
    hashes.append(hash)
    size += 1
  }

  /// The root of the tree; costs one hash per set bit of the size but one.
  public var root: TreeHash {
    guard var root = hashes.last else { return .empty }
    for hash in hashes.dropLast().reversed() {
      root = TreeHash.node(hash, root)
    }
    return root
  }
}
