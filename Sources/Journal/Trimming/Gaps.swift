/// The hashes of trimmed leaves, always the maximal aligned subtrees of what is missing.
enum Gaps {
  /// Adds one trimmed leaf; siblings become their parent.
  static func insert(
    _ leaf: TreeHash, sequence: SequenceNumber, _ transaction: WriteTransaction
  ) throws {
    var level: UInt8 = 0
    var index = sequence - 1
    var hash = leaf
    while let sibling = try row(level: level, index: index ^ 1, transaction) {
      _ = try transaction.delete(.gaps, key: key(level: level, index: index ^ 1))
      hash = index & 1 == 0 ? TreeHash.node(hash, sibling) : TreeHash.node(sibling, hash)
      level += 1
      index >>= 1
    }
    try transaction.put(.gaps, key: key(level: level, index: index), payload: [level] + hash.bytes)
  }

  private static func key(level: UInt8, index: UInt64) -> [UInt8] {
    [UInt8](sequence: index << UInt64(level) + 1)
  }

  private static func row(
    level: UInt8, index: UInt64, _ transaction: WriteTransaction
  ) throws -> TreeHash? {
    guard level < 47 else { return nil }
    let row = try transaction.withValue(.gaps, key(level: level, index: index)) { payload in
      payload.first == level
        ? TreeHash(bytes: UnsafeRawBufferPointer(rebasing: payload.dropFirst())) : nil
    }
    return row ?? nil
  }
}
