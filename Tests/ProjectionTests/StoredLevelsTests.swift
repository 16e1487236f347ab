import Journal
import Projection
import TestKit
import Testing

/// A tree so large that nodes of its nodes are stored.
@Suite struct `A journal with two stored levels` {
  /// The key a node of level 16 has, and the one earlier releases gave it.
  private static let key: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  private static let earlier: [UInt8] = [16, 0, 0, 0, 0, 0, 0, 0, 0]

  @Test func `verifies and proves alike with keys of today and of earlier`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let drafts = try (0..<1_000).map { _ in
      try EditDraft().draft(.put(fields: [0xA0]), collection: "c", key: "k")
    }
    while try store.journal.lastSequence < 66_000 {
      try await store.journal.transact { _ = try $0.appendGroup(drafts) }
    }
    let size = try store.journal.lastSequence
    func root() throws -> TreeHash {
      try store.journal.read { try MerkleTree.root(size: size - 1, in: JournalTree($0)) }
    }
    let computed = try store.journal.read { reader in
      try MerkleTree.root(size: size - 1, in: JournalTree(reader, usesStoredNodes: false))
    }
    #expect(try root() == computed)
    let node = try await store.journal.transact { context in
      let node = try context.transaction.withValue(.tree, Self.key) { [UInt8]($0) }
      try context.transaction.delete(.tree, key: Self.key)
      try context.put(.tree, Self.earlier, node ?? [])
      return node
    }
    #expect(node?.count == 32)
    #expect(try root() == computed)
    #expect(try store.problems() == [])
    try await store.journal.transact { context in
      try context.put(.tree, Self.earlier, [UInt8](repeating: 7, count: 32))
    }
    #expect(try root() != computed)
    #expect(
      try store.problems() == ["the stored tree node 16/0 is not the computed one"])
  }
}
