public import Journal

extension Store {
  /// The changes of records from now on, in the order of their commits.
  ///
  /// ```swift
  /// for try await change in store.changes(matching: "todos.*.title") {
  ///   print(change.key, change["title"]?.after ?? .null)
  /// }
  /// ```
  ///
  /// Each change comes once and none is left out, however slow the reader is: nothing waits in a queue,
  /// the reader follows the journal at its own pace. Changes made by a sync, a server's answer or an
  /// erasure come like those of a write. Changes of another process come within
  /// `Journal.Configuration.pollInterval`.
  ///
  /// A reader that keeps up costs next to nothing. What one that lags has to fall back on, and what
  /// another process has written, is folded anew from the entries, linear in the entries held.
  /// A reader that lags behind the journal's horizon, or behind an erasure, cannot be told what it
  /// missed: iteration throws ``ChangesLost``, and it begins anew from what a read shows.
  ///
  /// Ends when the task is cancelled, and, after what was committed till then, when the store is closed.
  ///
  /// - Parameters:
  ///   - patterns: Changes that one of these means; none means all.
  ///   - sequence: Begins behind this entry; nil is the last one at this call.
  public func changes(
    matching patterns: PathPattern..., after sequence: SequenceNumber? = nil
  ) -> RecordChanges {
    RecordChanges(
      store: self, patterns: patterns.isEmpty ? [.everything] : patterns,
      watch: Result { try journal.watch() }, after: sequence)
  }
}

/// The reader has fallen behind what the journal can still tell: it must begin anew from a read.
public struct ChangesLost: Error, Sendable, Hashable, CustomStringConvertible {
  /// The last entry whose changes the reader was given.
  public let after: SequenceNumber

  /// What happened, and what to do.
  public var description: String {
    "the changes after entry \(after) can no longer be told, since entries above it were trimmed or "
      + "erased; read the records anew and ask for changes from now on"
  }
}

/// Changes of records in the order of their commits; see ``Store/changes(matching:after:)``.
public struct RecordChanges: AsyncSequence, Sendable {
  public typealias Element = Change

  let store: Store
  let patterns: [PathPattern]
  /// Kept from the call on, so that what happens before the first iteration is noted too.
  let watch: Result<JournalWatch, any Error>
  let after: SequenceNumber?

  public func makeAsyncIterator() -> Iterator { Iterator(self) }

  /// Used by one task at a time.
  public struct Iterator: AsyncIteratorProtocol {
    private let changes: RecordChanges
    /// The last entry looked at.
    private var position: SequenceNumber?
    /// Groups that were looked at together, the next one last.
    private var groups: [RecordedGroup] = []
    /// Changes of one group, the next one last.
    private var next: [Change] = []
    /// Folds entries whose doing nobody noted.
    private var follower: FoldFollower?
    private var isAtEnd = false

    init(_ changes: RecordChanges) {
      self.changes = changes
    }

    public mutating func next() async throws -> Change? {
      while !isAtEnd, !Task.isCancelled {
        if let change = try available() { return change }
        if isAtEnd { return nil }
        let isRisen = try await changes.watch.get().wait(above: last())
        if !isRisen { isAtEnd = true }
      }
      isAtEnd = true
      return nil
    }

    /// The next change that has been committed; does not wait for one.
    mutating func available() throws -> Change? {
      do {
        while !isAtEnd, next.isEmpty, try advance() {}
        return next.popLast()
      } catch {
        isAtEnd = true
        throw error
      }
    }

    private func last() throws -> SequenceNumber {
      try position ?? changes.after ?? changes.watch.get().start
    }

    /// Takes the next group; false where there is none now.
    private mutating func advance() throws -> Bool {
      if let group = groups.popLast() {
        next = try group.rows.reversed().compactMap { row in
          try Change(row, in: group, matching: changes.patterns)
        }
        return true
      }
      let watch = try changes.watch.get()
      let last = try last()
      guard watch.isRisen(above: last) else { return false }
      if let known = watch.groups(above: last, limit: 1) {
        follower = nil
        groups = Array(known.groups)
        position = known.through
      } else {
        try follow(from: last)
      }
      return true
    }

    private mutating func follow(from last: SequenceNumber) throws {
      do {
        let journal = changes.store.journal
        let follower =
          try follower
          ?? journal.read(span: .long) { reader in
            try FoldFollower(reader, after: last, folder: RecordFolder())
          }
        self.follower = follower
        groups = try journal.read(span: .long) { reader in
          try follower.advance(reader, limit: RecordChanges.slice).reversed()
        }
        position = follower.position
      } catch is FoldFollower.Lost {
        throw ChangesLost(after: last)
      } catch JournalError.belowHorizon {
        throw ChangesLost(after: last)
      }
    }
  }

  /// Entries folded at once by a reader that lags.
  private static let slice = 256
}
