import ArgumentParser
import Journal

struct Prove: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print a proof that an entry, or an earlier state, is in the journal.",
    discussion: """
      The proof of an entry (RFC 9162 2.1.3) leads from its leaf to the root of the printed \
      checkpoint. With --from the proof (2.1.4) shows that the journal of that size is a prefix of \
      the present one.
      """)

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The entry's sequence.") var sequence: UInt64?
  @Option(help: "An earlier size: prove that nothing up to it was changed.") var from: UInt64?
  @OptionGroup var json: JSONFlag

  func validate() throws {
    guard (sequence == nil) != (from == nil) else {
      throw ValidationError("give a sequence, or --from and a size")
    }
  }

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let tree = JournalTree(reader)
    let size = reader.head.frontier.size
    let root = try tree.root(size: size)
    var fields: Fields = [
      "size": JSONLines.number(size), "root": .string(root.description),
      "checkpoint": .string(
        try reader.packedCheckpoint ?? Journal.checkpoint(of: reader, path: journal.directory)),
    ]
    let proof: [TreeHash]
    if let sequence {
      proof = try inclusion(of: sequence, reader, tree, &fields)
    } else {
      let from = from ?? 0
      guard from >= 1, from <= size else {
        throw Finding.usage("--from \(from) is not a size between 1 and the present \(size)")
      }
      proof = try MerkleTree.consistencyProof(from: from, to: size, in: tree)
      fields["from"] = JSONLines.number(from)
      fields["fromRoot"] = .string(try tree.root(size: from).description)
    }
    fields["proof"] = .array(proof.map { .string($0.description) })
    try OpenJournal.endShowing(reader, journal.directory)
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(fields))
    } else {
      for name in ["sequence", "from", "leaf", "hash", "fromRoot"] {
        guard let value = fields[name] else { continue }
        let shown = if case .string(let text) = value { text } else { JSONText.string(value) }
        output.line("\(name): \(shown)")
      }
      for hash in proof { output.line("  \(hash)") }
      output.line("root: \(root) of \(size) entries")
    }
    output.flush()
  }

  private func inclusion(
    of sequence: SequenceNumber, _ reader: JournalReader, _ tree: JournalTree,
    _ fields: inout Fields
  ) throws -> [TreeHash] {
    guard sequence >= 1, sequence <= reader.head.lastSequence else {
      throw Finding.usage(
        "sequence \(sequence) is not between 1 and the last, \(reader.head.lastSequence)")
    }
    guard let entry = try reader.entry(sequence) else {
      throw JournalError.belowHorizon(
        "entry \(sequence) was trimmed; \(try reader.archiveAdvice(for: sequence))")
    }
    fields["sequence"] = JSONLines.number(sequence)
    fields["leaf"] = .string(Base64.encode(entry.header.leaf))
    fields["hash"] = .string(entry.header.leafHash.description)
    return try MerkleTree.inclusionProof(
      index: sequence - 1, size: reader.head.frontier.size, in: tree)
  }
}
