/// The journal's Merkle tree, computed from held leaves and the hashes kept for gaps.
package struct JournalTree: SubtreeSource {
  let reader: JournalReader
  /// Whether stored inner nodes may shorten the way; `verify` computes without them.
  let usesStoredNodes: Bool

  package init(_ reader: JournalReader, usesStoredNodes: Bool = true) {
    self.reader = reader
    self.usesStoredNodes = usesStoredNodes
  }

  /// The key a stored node is written under.
  ///
  /// The levels above 8 come first: then the nodes of level 8, of which there are 256 times as many,
  /// always stand last, and LMDB fills the pages instead of halving them.
  static func nodeKey(level: Int, index: UInt64) -> [UInt8] {
    withNodeKey(level: level, index: index) { [UInt8]($0) }
  }

  /// Lends the key a stored node is written under, without asking for memory.
  static func withNodeKey<R>(
    level: Int, index: UInt64, _ body: (UnsafeRawBufferPointer) throws -> R
  ) rethrows -> R {
    try withUnsafeTemporaryAllocation(byteCount: 9, alignment: 1) { key in
      key[0] = UInt8(truncatingIfNeeded: level > 8 ? level / 8 - 2 : level)
      key.storeBytes(of: index.bigEndian, toByteOffset: 1, as: UInt64.self)
      return try body(UnsafeRawBufferPointer(key))
    }
  }

  /// All keys a stored node may be found under: earlier ones began with the level, whichever it was.
  static func nodeKeys(level: Int, index: UInt64) -> [[UInt8]] {
    let key = nodeKey(level: level, index: index)
    return level > 8 ? [key, [UInt8(truncatingIfNeeded: level)] + key.dropFirst()] : [key]
  }

  /// The hash kept for the trimmed subtree that begins at leaf `first`, if one begins there.
  package func gap(at first: UInt64) throws -> (level: Int, hash: TreeHash)? {
    try reader.storage.withValue(.gaps, [UInt8](sequence: first + 1)) { payload in
      var row = RowReader(payload)
      let level = Int(try row.integer(UInt8.self))
      guard let hash = TreeHash(bytes: try row.take(32)), level < 48 else {
        throw JournalError.damaged("a gap's row is malformed; run `journal verify`")
      }
      return (level, hash)
    }
  }

  /// - Throws: ``JournalError/belowHorizon(_:)`` when the subtree ends inside a gap.
  package func subtree(level: Int, index: UInt64) throws -> TreeHash {
    let first = index << UInt64(level)
    if usesStoredNodes, level > 0, level % 8 == 0 {
      for key in Self.nodeKeys(level: level, index: index) {
        let hash = try reader.storage.withValue(.tree, key) { TreeHash(bytes: $0) }
        if let hash, let hash { return hash }
      }
    }
    if let gap = try gap(at: first), gap.level == level { return gap.hash }
    guard level > 0 else {
      guard let entry = try reader.entry(first + 1) else {
        throw JournalError.belowHorizon(
          "entry \(first + 1) was trimmed; \(try reader.archiveAdvice(for: first + 1))")
      }
      return entry.header.leafHash
    }
    return TreeHash.node(
      try subtree(level: level - 1, index: index * 2),
      try subtree(level: level - 1, index: index * 2 + 1))
  }

  /// The root over the first `size` entries.
  package func root(size: UInt64) throws -> TreeHash {
    if size == reader.head.frontier.size, usesStoredNodes { return reader.head.frontier.root }
    return try MerkleTree.root(size: size, in: self)
  }
}
