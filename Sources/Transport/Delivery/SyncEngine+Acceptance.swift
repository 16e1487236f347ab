public import Journal

/// Waiting for the server's word. Whoever does the syncing: this engine, another process, or a later one;
/// what is awaited is in the journal.
extension SyncEngine {
  /// Waits until an edit is answered: accepted or settled, set aside with a reason, or taken out by
  /// somebody's decision.
  ///
  /// Starts no sync. Looks at the edit once, and again after each commit.
  ///
  /// ```swift
  /// let receipt = try await store.write { try $0.create("orders", "1", ["sum": 12]) }
  /// switch try await engine.acceptance(of: receipt.sequences[0]) {
  /// case .accepted, .settled: print("the server has it")
  /// case .parked(_, let message): print("refused: \(message)")
  /// default: print("given up")
  /// }
  /// ```
  ///
  /// - Throws: `JournalError.invalidInput` where the sequence is no edit's, `CancellationError` when the
  ///   task is cancelled, `JournalError` when the journal is closed meanwhile.
  public nonisolated func acceptance(of sequence: SequenceNumber) async throws -> EditStatus {
    try await wait { reader in
      let status = try reader.status(of: sequence)
      return status.isAnswered ? status : nil
    }
  }

  /// The same for an edit by its entry's id, as after a restart. What was trimmed counts as settled.
  ///
  /// - Throws: `JournalError.invalidInput` for an id this journal does not know, and as
  ///   ``acceptance(of:)`` does.
  public nonisolated func acceptance(of entry: EntryID) async throws -> EditStatus {
    guard let remembered = try journal.read({ try $0.remembered(entry) }) else {
      throw JournalError.invalidInput(
        "no edit with the entry id \(entry) is known here; it was never made, or trimmed long ago")
    }
    return remembered.isTrimmed ? .settled : try await acceptance(of: remembered.sequence)
  }

  /// Waits until no edit waits for this remote's answer. Edits that were set aside do not count.
  ///
  /// Starts no sync. Looks through the open edits after each commit, until one waits.
  ///
  /// - Throws: As ``acceptance(of:)``.
  public nonisolated func whenNothingPending() async throws {
    try await wait { reader in try isAnythingPending(reader) ? nil : () }
  }

  /// Whether an edit the remote is to get waits for its answer.
  nonisolated func isAnythingPending(_ reader: JournalReader) throws -> Bool {
    let counts = try reader.counts()
    guard counts.pending + counts.inFlight > 0 else { return false }
    let ownership = try Ownership(of: name, among: reader.remotes())
    var isFound = false
    try reader.scanEdits { sequence, state in
      switch state.delivery {
      case .accepted, .parked: return true
      case .pending, .inFlight: break
      }
      guard let entry = try reader.entry(sequence) else {
        throw SegmentSealer.missing(sequence)
      }
      isFound = try entry.plainBody.withUnsafeBytes { try ownership.owns(Body($0)) }
      return !isFound
    }
    return isFound
  }

  /// Looks at the journal now and after each commit until there is something to return.
  private nonisolated func wait<R>(for find: (JournalReader) throws -> R?) async throws -> R {
    let watch = try journal.watch()
    while true {
      let (last, found) = try journal.read { ($0.head.lastSequence, try find($0)) }
      if let found { return found }
      guard await watch.wait(above: last) else {
        try Task.checkCancellation()
        throw JournalError.cannotOpen(
          "the journal was closed while an answer was awaited; open it and wait again")
      }
    }
  }
}
