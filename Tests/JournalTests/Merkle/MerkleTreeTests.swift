import Journal
import Testing

@Suite("Merkle tree")
struct MerkleTreeTests {
  static let largest = 128

  @Test("roots and frontiers of every size are those of the definition, in a tree grown beyond")
  func rootsAndFrontiers() throws {
    let naive = NaiveTree(size: Self.largest)
    let tree = RecordedTree(size: Self.largest)
    for size in 0...Self.largest {
      let root = naive.root(0..<size)
      #expect(try MerkleTree.root(size: UInt64(size), in: tree) == root)
      let frontier = try MerkleTree.frontier(size: UInt64(size), in: tree)
      #expect(frontier == RecordedTree(size: size).frontier)
      #expect(frontier.root == root)
    }
  }

  @Test("inclusion proofs of every leaf in every size are those of the definition, and verify")
  func inclusionProofs() throws {
    let naive = NaiveTree(size: Self.largest)
    let tree = RecordedTree(size: Self.largest)
    for size in 1...Self.largest {
      let root = naive.root(0..<size)
      for index in 0..<size {
        let proof = try MerkleTree.inclusionProof(
          index: UInt64(index), size: UInt64(size), in: tree)
        try #require(proof == naive.path(index, 0..<size), "leaf \(index) of \(size)")
        let verify = { (leaf: TreeHash, index: Int, proof: [TreeHash]) in
          MerkleProof.verifyInclusion(
            leaf: leaf, index: UInt64(index), size: UInt64(size), proof: proof, root: root)
        }
        let leaf = naive.leaves[index]
        try #require(verify(leaf, index, proof), "leaf \(index) of \(size)")
        try #require(!verify(.empty, index, proof))
        try #require(!verify(leaf, index ^ 1, proof))
        try #require(!verify(leaf, index + size, proof))
        try #require(!verify(leaf, index, proof + [.empty]))
        if !proof.isEmpty { try #require(!verify(leaf, index, proof.dropLast())) }
      }
    }
  }

  @Test("consistency proofs between all sizes are those of the definition, and verify")
  func consistencyProofs() throws {
    let naive = NaiveTree(size: Self.largest)
    let tree = RecordedTree(size: Self.largest)
    let roots = (0...Self.largest).map { naive.root(0..<$0) }
    for new in 1...Self.largest {
      for old in 1...new {
        let proof = try MerkleTree.consistencyProof(
          from: UInt64(old), to: UInt64(new), in: tree)
        try #require(proof == naive.proof(old, 0..<new), "\(old) to \(new)")
        let verify = { (oldRoot: TreeHash, newRoot: TreeHash, proof: [TreeHash]) in
          MerkleProof.verifyConsistency(
            from: UInt64(old), fromRoot: oldRoot, to: UInt64(new), toRoot: newRoot, proof: proof)
        }
        try #require(verify(roots[old], roots[new], proof), "\(old) to \(new)")
        try #require(!verify(roots[old - 1], roots[new], proof))
        try #require(!verify(roots[old], roots[new - 1], proof))
        try #require(!verify(roots[old], roots[new], proof + [.empty]))
        if !proof.isEmpty { try #require(!verify(roots[old], roots[new], proof.dropLast())) }
      }
    }
  }

  @Test("from an empty tree there is nothing to prove and nothing that verifies")
  func emptyTree() throws {
    let tree = RecordedTree(size: 5)
    #expect(try MerkleTree.consistencyProof(from: 0, to: 5, in: tree).isEmpty)
    let root = try MerkleTree.root(size: 5, in: tree)
    for (size, newRoot) in [(UInt64(5), root), (0, .empty)] {
      #expect(
        !MerkleProof.verifyConsistency(
          from: 0, fromRoot: .empty, to: size, toRoot: newRoot, proof: []))
    }
  }

  @Test("a leaf or a size that is not there is refused")
  func outOfRange() {
    let tree = RecordedTree(size: 5)
    #expect(throws: JournalError.self) {
      try MerkleTree.inclusionProof(index: 5, size: 5, in: tree)
    }
    #expect(throws: JournalError.self) {
      try MerkleTree.inclusionProof(index: 0, size: 0, in: tree)
    }
    #expect(throws: JournalError.self) {
      try MerkleTree.consistencyProof(from: 5, to: 4, in: tree)
    }
    #expect(throws: RecordedTree.Missing.self) { try MerkleTree.root(size: 6, in: tree) }
    #expect(throws: RecordedTree.Missing.self) {
      try MerkleTree.inclusionProof(index: 1, size: .max, in: tree)
    }
  }

  @Test("sizes at the end of the number range are judged, not trapped on")
  func hugeSizes() {
    let proof = [TreeHash](repeating: .empty, count: 70)
    for count in [0, 1, 63, 64, 65, 70] {
      for (small, large) in [(UInt64.max - 1, UInt64.max), (1 << 63, .max), (1, .max)] {
        let hashes = Array(proof.prefix(count))
        #expect(
          !MerkleProof.verifyInclusion(
            leaf: .empty, index: small, size: large, proof: hashes, root: .empty))
        #expect(
          !MerkleProof.verifyConsistency(
            from: small, fromRoot: .empty, to: large, toRoot: .empty, proof: hashes))
      }
    }
  }

  @Test("aligned subtrees cover a range once, in order, and none of them could be larger")
  func alignedSubtrees() {
    for lower in 0...40 {
      for upper in lower...80 {
        let parts = MerkleTree.alignedSubtrees(UInt64(lower)..<UInt64(upper))
        var next = lower
        for (level, index) in parts {
          #expect(Int(index) << level == next)
          let end = next + 1 << level
          let parent = (start: (next >> (level + 1)) << (level + 1), count: 2 << level)
          #expect(parent.start < lower || parent.start + parent.count > upper)
          next = end
        }
        #expect(next == upper)
      }
    }
    #expect(MerkleTree.alignedSubtrees(0..<UInt64.max).map(\.level) == (0..<64).reversed())
    #expect(MerkleTree.alignedSubtrees(1..<UInt64.max).count == 126)
  }
}
