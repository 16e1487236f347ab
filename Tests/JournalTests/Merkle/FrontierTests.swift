import Journal
import Testing

@Suite("Frontier")
struct FrontierTests {
  struct Refusal: Error {}

  @Test("the root of every size to 300 is that of the definition")
  func rootsToThreeHundred() {
    let tree = NaiveTree(size: 300)
    var frontier = Frontier()
    #expect(frontier.root == .empty)
    for size in 1...300 {
      frontier.append(tree.leaves[size - 1])
      #expect(frontier.size == UInt64(size))
      #expect(frontier.hashes.count == size.nonzeroBitCount)
      #expect(frontier.root == tree.root(0..<size), "size \(size)")
    }
  }

  @Test("each completed subtree is reported once, the smallest first, with its hash")
  func completedSubtrees() {
    let tree = NaiveTree(size: 64)
    var frontier = Frontier()
    var reports = 0
    for (position, leaf) in tree.leaves.enumerated() {
      var expectedLevel = 0
      frontier.append(leaf) { level, index, hash in
        expectedLevel += 1
        reports += 1
        #expect(level == expectedLevel)
        let start = Int(index) << level
        #expect(start + 1 << level == position + 1)
        #expect(hash == tree.root(start..<(start + 1 << level)))
      }
      #expect(expectedLevel == (position + 1).trailingZeroBitCount)
    }
    #expect(reports == 63)
  }

  @Test("a report that throws leaves the frontier as it was")
  func throwingReport() {
    var frontier = RecordedTree(size: 7).frontier
    let before = frontier
    #expect(throws: Refusal.self) {
      try frontier.append(NaiveTree.leaf(7)) { level, _, _ in
        if level == 2 { throw Refusal() }
      }
    }
    #expect(frontier == before)
    frontier.append(NaiveTree.leaf(7))
    #expect(frontier.root == NaiveTree(size: 8).root(0..<8))
  }

  @Test("a stored frontier continues where it was, and one that cannot be is refused")
  func storedFrontiers() throws {
    let tree = NaiveTree(size: 101)
    let stored = RecordedTree(size: 100).frontier
    var loaded = try #require(Frontier(size: stored.size, hashes: stored.hashes))
    #expect(loaded == stored)
    loaded.append(tree.leaves[100])
    #expect(loaded.root == tree.root(0..<101))

    #expect(Frontier(size: 0, hashes: []) == Frontier())
    #expect(Frontier(size: 0, hashes: [.empty]) == nil)
    #expect(Frontier(size: 3, hashes: [.empty]) == nil)
    #expect(Frontier(size: 4, hashes: [.empty, .empty]) == nil)
    let all = [TreeHash](repeating: .empty, count: 64)
    #expect(Frontier(size: .max, hashes: all) == nil)
    #expect(Frontier(size: UInt64(Int64.max), hashes: Array(all.dropLast())) != nil)
  }
}
