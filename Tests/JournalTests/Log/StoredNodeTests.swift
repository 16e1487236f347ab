import CLMDB
import Testing

@testable import Journal

/// Where the tree's nodes are stored.
@Suite struct `A stored node` {
  @Test func `of level 8 stands behind all others, and each has a key of its own`() {
    #expect(JournalTree.nodeKey(level: 8, index: 258) == [8, 0, 0, 0, 0, 0, 0, 1, 2])
    #expect(JournalTree.nodeKey(level: 16, index: 1) == [0, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(JournalTree.nodeKey(level: 24, index: 1) == [1, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(JournalTree.nodeKeys(level: 8, index: 1) == [[8, 0, 0, 0, 0, 0, 0, 0, 1]])
    #expect(
      JournalTree.nodeKeys(level: 16, index: 1)
        == [[0, 0, 0, 0, 0, 0, 0, 0, 1], [16, 0, 0, 0, 0, 0, 0, 0, 1]])
    let levels = Array(stride(from: 8, through: 48, by: 8))
    let keys = levels.flatMap { JournalTree.nodeKeys(level: $0, index: 7) }
    #expect(Set(keys).count == 2 * levels.count - 1)
    let first = JournalTree.nodeKey(level: 8, index: 0)
    for level in levels.dropFirst() {
      let last = JournalTree.nodeKey(level: level, index: .max)
      #expect(last.lexicographicallyPrecedes(first), "level \(level)")
    }
  }

  @Test func `fills its page, however many levels there are`() throws {
    let directory = try StorageDirectory()
    let environment = try Environment.create(directory: directory.path)
    let nodes: UInt64 = 3_000
    try environment.commit { transaction throws in
      for index in 0..<nodes {
        for level in [8, 16] where level == 8 || (index + 1) % 256 == 0 {
          let key = JournalTree.nodeKey(level: level, index: index >> UInt64(level - 8))
          try transaction.put(.tree, key: key, payload: TreeHash.empty.bytes)
        }
      }
      let statistics = try transaction.statistics(.tree)
      #expect(UInt64(statistics.ms_entries) == nodes + nodes / 256)
      // LMDB: 16 bytes of header in a page, 10 beside each row; key 9, hash 32, checksum 4, even.
      let full = (Int(statistics.ms_psize) - 16) / 56
      let needed = (statistics.ms_entries + full - 1) / full
      #expect(statistics.ms_leaf_pages <= needed + 2, "\(needed) pages hold all")
    }
  }
}
