import Crypto

@testable import Journal

extension FuzzTarget {
  /// Signed notes and checkpoints. The first byte chooses: the note as it comes, the checkpoint's
  /// text, or the text after it was signed.
  static let note = FuzzTarget("note", maximumBytes: 2_048, seeds: Seeds.notes) {
    bytes in
    guard let first = bytes.first else { return }
    let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
    let utf8 = Array(text.utf8)
    let keys = [Seeds.signer.verifierKey]
    switch first % 3 {
    case 0:
      guard let checkpoint = try accepted({ try SignedNote.open(text, with: keys) }) else { return }
      require(utf8.starts(with: checkpoint.text.utf8), "a checkpoint of another text")
      require(
        try SignedNote.open(try Seeds.signer.sign(checkpoint), with: keys) == checkpoint,
        "signed again")
    case 1:
      guard let checkpoint = try accepted({ try Checkpoint(parsing: utf8[...]) }) else { return }
      require(checkpoint.text.utf8.elementsEqual(utf8), "a checkpoint written otherwise")
    default:
      guard utf8.last == NoteRules.newline, utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x0A }),
        utf8.count < 1_900
      else { return }
      let note = Array(try Seeds.signer.sign(text: text).utf8)
      require(try SignedNote.verifiedText(of: note, with: keys).elementsEqual(utf8), "another text")
      var changed = note
      changed[Int(first) % utf8.count] ^= 1
      require(
        try accepted { try SignedNote.verifiedText(of: changed, with: keys) } == nil,
        "a changed text is still signed")
    }
  }

  /// Texts of keys; the first byte chooses between a verifier key and a key file.
  static let keys = FuzzTarget("keys", maximumBytes: 512, seeds: Seeds.keys) { bytes in
    guard let first = bytes.first else { return }
    let content = [UInt8](bytes.dropFirst())
    if first & 1 == 0 {
      let text = String(decoding: content, as: UTF8.self)
      guard let key = try accepted({ try VerifierKey(text) }) else { return }
      require(key.description.utf8.elementsEqual(text.utf8), "\(text) became \(key)")
    } else {
      guard let key = try accepted({ try KeyFile.parse(content, path: "x") }) else { return }
      require(KeyFile.text(of: key) == content, "a key file written otherwise")
    }
  }

  private static let leaves: [TreeHash] = (0..<300).map { number in
    lend([UInt8(number & 0xFF), UInt8(number >> 8)]) { TreeHash.leaf($0) }
  }

  /// Proofs from outside. Numbers and hashes as they come must not trap; a genuine proof of a small
  /// tree holds, and one that was changed does not.
  static let proof = FuzzTarget("proof", maximumBytes: 2_048, seeds: Seeds.choices) { bytes in
    var choices = Choices(bytes)
    if choices.flag() {
      let (index, size) = (choices.number(), choices.number())
      let hash = leaves[0]
      let proof = Array(repeating: hash, count: choices.below(70))
      require(
        !MerkleProof.verifyInclusion(leaf: hash, index: index, size: size, proof: proof, root: hash)
          || (size == 1 && index == 0 && proof.isEmpty), "a proof out of nothing")
      require(
        !MerkleProof.verifyConsistency(
          from: index, fromRoot: hash, to: size, toRoot: leaves[1], proof: proof),
        "two roots out of nothing")
      return
    }
    let size = UInt64(choices.uint16()) % 300 + 1
    let source = Leaves(hashes: leaves)
    let root = try MerkleTree.root(size: size, in: source)
    if choices.flag() {
      let index = UInt64(choices.uint16()) % size
      var proof = try MerkleTree.inclusionProof(index: index, size: size, in: source)
      var shown = index
      var leaf = leaves[Int(index)]
      let isChanged = change(&proof, &shown, &leaf, &choices)
      let holds = MerkleProof.verifyInclusion(
        leaf: leaf, index: shown, size: size, proof: proof, root: root)
      require(holds != isChanged, "leaf \(index) of \(size): \(holds)")
    } else {
      let old = UInt64(choices.uint16()) % size + 1
      var proof = try MerkleTree.consistencyProof(from: old, to: size, in: source)
      var from = old
      var oldRoot = try MerkleTree.root(size: old, in: source)
      let isChanged = change(&proof, &from, &oldRoot, &choices)
      let holds = MerkleProof.verifyConsistency(
        from: from, fromRoot: oldRoot, to: size, toRoot: root, proof: proof)
      require(holds != isChanged, "size \(old) in \(size): \(holds)")
    }
  }

  /// Changes a proof in one place, or leaves it as it is; says which.
  private static func change(
    _ proof: inout [TreeHash], _ first: inout UInt64, _ hash: inout TreeHash,
    _ choices: inout Choices
  ) -> Bool {
    let other = leaves[299 - choices.below(40)]
    switch choices.below(6) {
    case 1:
      guard !proof.isEmpty else { return false }
      let place = choices.below(proof.count)
      defer { proof[place] = other }
      return proof[place] != other
    case 2:
      proof.append(other)
      return true
    case 3: return proof.popLast() != nil
    case 4:
      defer { hash = other }
      return hash != other
    case 5:
      // Another index has another path, unless the tree is one leaf.
      guard !proof.isEmpty else { return false }
      let before = first
      first = choices.number()
      return before != first
    default: return false
    }
  }

  private struct Leaves: SubtreeSource {
    let hashes: [TreeHash]

    func subtree(level: Int, index: UInt64) throws -> TreeHash {
      guard level > 0 else { return hashes[Int(index)] }
      return TreeHash.node(
        try subtree(level: level - 1, index: index * 2),
        try subtree(level: level - 1, index: index * 2 + 1))
    }
  }
}
