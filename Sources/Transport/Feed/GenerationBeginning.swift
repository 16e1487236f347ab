import Journal

/// The entries that begin a new generation of base.
struct GenerationBeginning: Sendable {
  let remote: String
  let reason: GenerationReason
  /// The server's history from now on.
  let epoch: String
  /// Nil where the server is no witness.
  let acknowledgedSize: UInt64?
  /// Where the server went back: how far its history is still the one known here; nil is not at all.
  var through: ServerVersion?
  /// Where the server acknowledges less of this journal than it did: how much. What it answered later is
  /// lost there, whatever it says of cursors.
  var remembered: UInt64?
  /// Names what is asked for from now on; empty where that is everything.
  var filter: [UInt8] = []
  /// Where it was found out edit by edit what the server lost: those. Nil where the versions tell.
  var lost: Set<SequenceNumber>?

  /// Appends the `cursor` entry, and where the server went back, which of the edits it had accepted
  /// and settled are to be delivered again: all in the caller's transaction.
  ///
  /// Linear in the entries held where the server went back.
  func append(_ context: AppendContext) throws {
    let known = try context.state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }
    let generation = (known?.generation ?? 0) &+ 1
    let cursor = RemoteCursor(
      epoch: epoch, cursor: "", through: ServerVersion(timestamp: 0, tieBreak: 0),
      generation: generation, isTaking: true, filter: filter)
    let body = cursor.body(remote: remote, reason: reason)
    try context.append(Draft(.cursor, body: body))
    if reason == .wentBack {
      let lost = try context.reader().settled(by: remote, above: through, after: remembered)
        .filter { self.lost?.contains($0.edit) ?? true }
      for start in stride(from: 0, to: lost.count, by: Limits.groupEntries) {
        let slice = lost[start..<min(start + Limits.groupEntries, lost.count)]
        let decisions = try context.reader().replacements(of: slice.map(\.edit))
        try context.append(reopened(slice, decisions, generation))
      }
    }
    // What the server has lost must not be trimmed here until it has seen it again.
    if let acknowledgedSize, acknowledgedSize <= context.head.lastSequence {
      try context.putMeta(MetaKey.witness(remote), [UInt8](sequence: acknowledgedSize))
    }
  }

  /// The entry by which settled edits are pending again.
  private func reopened(
    _ edits: ArraySlice<
      (edit: SequenceNumber, acceptance: SequenceNumber, version: ServerVersion)
    >,
    _ decisions: [(edit: SequenceNumber, decision: SequenceNumber)], _ generation: UInt32
  ) throws -> Draft {
    var body = BodyBuilder()
    body.add(.reason, text: reason.rawValue)
    body.add(.remote, text: remote)
    body.add(.entries) { $0.ranges(edits.map(\.edit)) }
    body.add(.generation, unsigned: UInt64(generation))
    body.add(.from, unsigned: edits.map(\.acceptance).min() ?? 0)
    if !decisions.isEmpty {
      body.add(.decisions) { writer in
        writer.array(count: decisions.count)
        for (edit, decision) in decisions {
          writer.array(count: 2)
          writer.unsigned(edit)
          writer.unsigned(decision)
        }
      }
    }
    return try Draft(.retried, body: body.finish())
  }
}
