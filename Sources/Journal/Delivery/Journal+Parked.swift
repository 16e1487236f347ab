/// Edits that were set aside, and what can be decided about them. Safe from any thread.
extension Journal {
  /// The edits that are set aside, oldest first. Linear in the open edits.
  public func parked() throws -> [ParkedEdit] {
    try read { try $0.parkedEdits() }
  }

  /// Where an edit stands on its way to a server. What was trimmed counts as settled.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` where the sequence is no edit's.
  public func status(of sequence: SequenceNumber) throws -> EditStatus {
    try read { try $0.status(of: sequence) }
  }

  /// Puts parked edits back in their places among their records' edits: they are sent and judged again.
  ///
  /// With an edit go its group, and everything that was set aside because it does not apply without it.
  ///
  /// - Returns: The edits that are pending again, ascending.
  /// - Throws: ``JournalError/notParked(_:)`` for an edit that is not set aside,
  ///   ``JournalError/belowHorizon(_:)`` for one that was trimmed, ``JournalError/invalidInput(_:)`` where there
  ///   is no such edit. Nothing is changed then.
  @discardableResult
  public func retry(_ sequences: [SequenceNumber]) async throws -> [SequenceNumber] {
    try await transact { context in
      var choice = try ParkedChoice(context)
      for sequence in sequences { try choice.add(sequence, for: .retry) }
      try choice.addDependents()
      return try choice.append(.retried, because: "asked", context)
    }
  }

  /// Gives edits up for ever: they are neither folded nor sent any more. Their entries stay.
  ///
  /// Parked and pending edits can be given up, each with its group. Later edits of a record whose create
  /// is gone have no effect; those that were set aside because of it stay so until they are decided on as
  /// well, or go with it.
  ///
  /// - Parameters:
  ///   - sequences: The edits.
  ///   - reason: Why, for people; it stays in the journal.
  ///   - withDependents: Also what was set aside because it does not apply without one of them.
  /// - Returns: The edits that are given up, ascending.
  /// - Throws: ``JournalError/underWay(_:)`` for an edit a server may have or has accepted,
  ///   ``JournalError/notParked(_:)`` for one that is settled, given up already, or an erasure,
  ///   ``JournalError/belowHorizon(_:)`` for one that was trimmed, ``JournalError/invalidInput(_:)`` where there
  ///   is no such edit. Nothing is changed then.
  @discardableResult
  public func discard(
    _ sequences: [SequenceNumber], because reason: String? = nil, withDependents: Bool = false
  ) async throws -> [SequenceNumber] {
    try await transact { context in
      try context.discard(sequences, because: reason, withDependents: withDependents)
    }
  }
}

extension AppendContext {
  /// As ``Journal/discard(_:because:withDependents:)``, in the caller's transaction.
  package func discard(
    _ sequences: [SequenceNumber], because reason: String?, withDependents: Bool = false
  ) throws -> [SequenceNumber] {
    var choice = try ParkedChoice(self)
    for sequence in sequences { try choice.add(sequence, for: .discard) }
    if withDependents { try choice.addDependents() }
    return try choice.append(.discarded, because: reason, self)
  }
}

extension JournalReader {
  package func parkedEdits() throws -> [ParkedEdit] {
    guard try counts().parked > 0 else { return [] }
    var parked: [ParkedEdit] = []
    try scanEdits { sequence, state in
      guard case .parked(let by) = state.delivery else { return true }
      guard let entry = try entry(sequence), let parking = try self.entry(by) else {
        throw JournalError.damaged("parked edit \(sequence) is missing; run `journal verify`")
      }
      let reason = try ParkingReason(of: sequence, in: parking)
      let names =
        entry.header.kind == .erased
        ? nil : try entry.plainBody.withUnsafeBytes { try Body($0).record()?.names }
      parked.append(
        ParkedEdit(
          sequence: sequence, id: entry.header.id, kind: entry.header.kind,
          collection: names?.collection, key: names?.key, group: entry.header.group,
          code: reason.code, message: reason.message, dependsOn: reason.dependsOn, entry: by,
          time: parking.header.time))
      return true
    }
    return parked
  }
}
