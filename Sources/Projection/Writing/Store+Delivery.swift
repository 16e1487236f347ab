public import Journal

/// Edits on their way to a server, and those that were set aside. Safe from any thread.
extension Store {
  /// The edits that are set aside, oldest first. Linear in the open edits.
  public func parked() throws -> [ParkedEdit] { try journal.parked() }

  /// Where an edit stands on its way to a server. What was trimmed counts as settled.
  ///
  /// - Throws: `JournalError.invalidInput` where the sequence is no edit's.
  public func status(of sequence: SequenceNumber) throws -> EditStatus {
    try journal.status(of: sequence)
  }

  /// Puts parked edits back in their places among their records' edits: they are sent and judged again.
  ///
  /// With an edit go its group, and everything that was set aside because it does not apply without it.
  ///
  /// - Returns: The edits that are pending again, ascending.
  /// - Throws: `JournalError.notParked`, `JournalError.belowHorizon` for an edit that was trimmed,
  ///   `JournalError.invalidInput` where there is no such edit. Nothing is changed then.
  @discardableResult
  public func retry(_ sequences: [SequenceNumber]) async throws -> [SequenceNumber] {
    try await journal.retry(sequences)
  }

  /// Gives edits up for ever: they are neither folded nor sent any more. Their entries stay.
  ///
  /// Parked and pending edits can be given up, each with its group; see
  /// `Journal.discard(_:because:withDependents:)`.
  ///
  /// - Returns: The edits that are given up, ascending.
  /// - Throws: `JournalError.underWay` for an edit a server may have, `JournalError.notParked`,
  ///   `JournalError.belowHorizon` for one that was trimmed, `JournalError.invalidInput` where there is no such
  ///   edit. Nothing is changed then.
  @discardableResult
  public func discard(
    _ sequences: [SequenceNumber], because reason: String? = nil, withDependents: Bool = false
  ) async throws -> [SequenceNumber] {
    try await journal.discard(sequences, because: reason, withDependents: withDependents)
  }

  /// Gives edits up and makes others in their place, both or neither.
  ///
  /// ```swift
  /// // The server wants a title.
  /// try await store.amend([edit.sequence]) {
  ///   try $0.create("notes", "1", ["title": "Untitled", "text": "…"])
  /// }
  /// ```
  ///
  /// What was set aside with a reason of its own stays so: retry what is to follow the new edits.
  ///
  /// - Parameters:
  ///   - sequences: The edits to give up, as for ``discard(_:because:withDependents:)``.
  ///   - actor: An opaque id of who made the change.
  ///   - reason: Why, in the actor's words.
  ///   - body: Makes the changes, before the transaction; run once.
  /// - Returns: The sequences of the new edits.
  /// - Throws: What the closure and ``discard(_:because:withDependents:)`` throw;
  ///   `JournalError.unexpectedVersion` where others wrote what the changes rest on: nothing happened then.
  @discardableResult
  public func amend(
    _ sequences: [SequenceNumber], by actor: String? = nil, because reason: String? = nil,
    isolation: isolated (any Actor)? = #isolation, _ body: (inout Changes) throws -> Void
  ) async throws -> Receipt {
    var changes = Changes(EditDraft(actor: actor, reason: reason), store: self)
    try body(&changes)
    return Receipt(
      sequences: try await commit(
        changes.drafts, on: changes.restsOnSequence, discarding: sequences, because: reason))
  }
}
