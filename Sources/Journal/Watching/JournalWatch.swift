/// One watcher's hold on a journal: while it lives, commits are noted and told.
///
/// Costs nothing between commits but a look at the head row each
/// ``Journal/Configuration/pollInterval``, for commits of other processes. Thread-safe.
package final class JournalWatch: Sendable {
  private let signal: CommitSignal
  /// The last sequence when the watch began: everything above it can be waited for.
  package let start: SequenceNumber

  fileprivate init(_ journal: Journal) throws {
    signal = journal.signal
    if signal.beginWatching() { journal.wakeWriter() }
    do {
      start = try journal.lastSequence
    } catch {
      signal.endWatching()
      throw error
    }
    signal.note(start)
  }

  deinit {
    signal.endWatching()
  }

  /// Returns once the journal has entries above `last`; false when the task was cancelled or the
  /// journal closed first.
  package func wait(above last: SequenceNumber) async -> Bool {
    await signal.wait(above: last)
  }

  /// Whether the journal is known to have entries above `last`.
  package func isRisen(above last: SequenceNumber) -> Bool { signal.isRisen(above: last) }

  /// What the entries above `last` did to records, at most `limit` groups, with the last sequence
  /// looked at; nil where that is not held any more.
  package func groups(
    above last: SequenceNumber, limit: Int = .max
  ) -> (groups: ArraySlice<RecordedGroup>, through: SequenceNumber)? {
    switch signal.groups(after: last, limit: limit) {
    case .groups(let groups, let through): (groups, through)
    case .unknown: nil
    }
  }
}

extension Journal {
  /// Begins to watch; ends with the watch returned.
  ///
  /// What is appended after this has returned is noted for the watcher.
  package func watch() throws -> JournalWatch {
    try JournalWatch(self)
  }
}
