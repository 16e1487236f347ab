import Foundation
import Journal
import Testing

/// Published proofs of RFC 6962 trees, each with the verdict it must get.
@Suite("Published proofs")
struct ProofVectorTests {
  struct Inclusion: Decodable {
    let name: String
    let leafIdx: UInt64
    let treeSize: UInt64
    let leafHash: Data
    let root: Data
    let proof: [Data]?
    let wantErr: Bool
  }

  struct Consistency: Decodable {
    let name: String
    let size1: UInt64
    let size2: UInt64
    let root1: Data
    let root2: Data
    let proof: [Data]?
    let wantErr: Bool
  }

  @Test("every published inclusion proof gets its verdict")
  func inclusion() throws {
    let vectors: [Inclusion] = try load("rfc6962-inclusion.json", orElse: Self.inclusionSample)
    for vector in vectors {
      // A leaf or root that is no hash cannot even be put as a question.
      var isValid = false
      if let leaf = TreeHash(bytes: vector.leafHash), let root = TreeHash(bytes: vector.root) {
        isValid = MerkleProof.verifyInclusion(
          leaf: leaf, index: vector.leafIdx, size: vector.treeSize,
          proof: (vector.proof ?? []).map(hash), root: root)
      }
      #expect(isValid != vector.wantErr, "\(vector.name)")
    }
    #expect(vectors.contains { $0.wantErr } && vectors.contains { !$0.wantErr })
  }

  @Test("every published consistency proof gets its verdict")
  func consistency() throws {
    let vectors: [Consistency] = try load(
      "rfc6962-consistency.json", orElse: Self.consistencySample)
    for vector in vectors {
      let isValid = MerkleProof.verifyConsistency(
        from: vector.size1, fromRoot: hash(vector.root1),
        to: vector.size2, toRoot: hash(vector.root2), proof: (vector.proof ?? []).map(hash))
      #expect(isValid != vector.wantErr, "\(vector.name)")
    }
    #expect(vectors.contains { $0.wantErr } && vectors.contains { !$0.wantErr })
  }

  /// The hash of these bytes, or, for bytes that are none, a hash that stands for them: the
  /// vectors have short words as roots that must be compared, not understood.
  private func hash(_ bytes: Data) -> TreeHash {
    TreeHash(bytes: bytes) ?? Array(bytes).withUnsafeBytes(TreeHash.leaf)
  }

  private func load<Vector: Decodable>(
    _ file: String, orElse sample: String
  ) throws -> [Vector] {
    let package = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let path = package.appending(path: "../shared/data/vectors/\(file)").standardizedFileURL
    guard FileManager.default.fileExists(atPath: path.path) else {
      print("note: \(path.path) is not there; a sample of two proofs stands in for it")
      return try JSONDecoder().decode([Vector].self, from: Data(sample.utf8))
    }
    return try JSONDecoder().decode([Vector].self, from: Data(contentsOf: path))
  }

  // A tree of two leaves: of no bytes and of one zero byte.
  private static let inclusionSample = """
    [{"name": "second of two", "leafIdx": 1, "treeSize": 2, "wantErr": false,
      "leafHash": "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
      "root": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
      "proof": ["bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="]},
     {"name": "at the other index", "leafIdx": 0, "treeSize": 2, "wantErr": true,
      "leafHash": "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
      "root": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
      "proof": ["bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="]}]
    """
  private static let consistencySample = """
    [{"name": "one to two", "size1": 1, "size2": 2, "wantErr": false,
      "root1": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
      "root2": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
      "proof": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="]},
     {"name": "roots swapped", "size1": 1, "size2": 2, "wantErr": true,
      "root1": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
      "root2": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
      "proof": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="]}]
    """
}
