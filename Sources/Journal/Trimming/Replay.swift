/// Folding a journal again, from its baseline or from nothing, in memory.
package enum Replay {
  /// The fold of exactly the entries up to `through`.
  ///
  /// - Parameters:
  ///   - through: The last sequence to fold; 0 is the empty journal.
  ///   - each: Called after each entry with the outcome of its fold.
  /// - Throws: ``JournalError/belowHorizon(_:)`` when the state lies below the horizon,
  ///   ``JournalError/invalidInput(_:)`` when it lies beyond the last sequence,
  ///   ``JournalError/unsupported(_:)`` at an entry this release cannot fold.
  package static func fold(
    _ reader: JournalReader, through: SequenceNumber, with folder: any InlineFolder,
    each: (HeldEntry, FoldOutcome) throws -> Void = { _, _ in }
  ) throws -> MemoryFoldState {
    try check(reader, through: through)
    let state = try MemoryFoldState(reader)
    guard through >= reader.horizon.sequence else { return state }
    try fold(reader, through: through, with: folder, into: state, each: each)
    return state
  }

  /// The same fold, from the nearest saved state on: for reading, not for proving anything.
  ///
  /// - Throws: as ``fold(_:through:with:each:)`` does.
  package static func restore(
    _ reader: JournalReader, through: SequenceNumber, with folder: any InlineFolder
  ) throws -> MemoryFoldState {
    try check(reader, through: through)
    let state = try SavedStates.nearest(reader, through: through) ?? MemoryFoldState(reader)
    try fold(reader, through: through, with: folder, into: state)
    return state
  }

  /// SHA-256 over every row of a fold, in order: equal for equal states on every machine.
  package static func digest(of state: MemoryFoldState) throws -> TreeHash {
    var rows = BaselineRows(state)
    var digest = Baseline.Digest()
    while case let slice = try rows.nextSlice(), !slice.isEmpty {
      for row in slice { digest.add(row) }
    }
    return digest.finish()
  }

  /// Refuses a state that cannot be folded from what is held.
  ///
  /// - Throws: as ``fold(_:through:with:each:)`` does.
  package static func check(_ reader: JournalReader, through: SequenceNumber) throws {
    let horizon = reader.horizon.sequence
    guard through <= reader.head.lastSequence else {
      throw JournalError.invalidInput(
        "sequence \(through) is beyond the last one, \(reader.head.lastSequence)")
    }
    guard through + 1 >= horizon else {
      throw JournalError.belowHorizon(
        "the state at sequence \(through) lies below the horizon: entries before \(horizon) were "
          + "trimmed (entry \(reader.horizon.entry) says when and why); "
          + "\(try reader.archiveAdvice(for: max(through, 1)))")
    }
    guard try !reader.isRedacted else {
      throw JournalError.unsupported(
        "this pack was made without bodies and cannot show records; ask for one made without "
          + "--redact")
    }
  }

  /// Folds on, up to `through`, in a state that stands at the horizon or above it.
  package static func fold(
    _ reader: JournalReader, through: SequenceNumber, with folder: any InlineFolder,
    into state: any FoldState, each: (HeldEntry, FoldOutcome) throws -> Void = { _, _ in }
  ) throws {
    var last = state.counts.through
    guard through > last else { return }
    try reader.scanHeld(from: max(last + 1, reader.horizon.sequence)) { entry in
      guard entry.header.sequence <= through else { return false }
      guard entry.header.sequence == last + 1 else {
        throw JournalError.damaged("entry \(last + 1) is missing; run `journal verify`")
      }
      let outcome =
        entry.encoding == StoredEntry.erasedEncoding
        ? FoldOutcome() : try folder.replay(entry.header, body: entry.plainBody, in: state)
      last = entry.header.sequence
      try each(entry, outcome)
      return entry.header.sequence < through
    }
    state.counts.through = last
    guard last == through else {
      throw JournalError.damaged("entry \(last + 1) is missing; run `journal verify`")
    }
  }
}
