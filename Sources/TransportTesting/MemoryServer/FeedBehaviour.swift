/// What a server's feed does that a client has to live with.
///
/// A ``MemoryServer`` without any of them does everything right: it stamps changes in the order in which
/// they become visible, no stamp twice, shows deletions, names its history, and remembers edits. Each
/// option takes one of these away. What the client must do about it stands with each.
public struct FeedBehaviour: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  // MARK: Stamps

  /// Stamps have whole seconds: records changed within one have equal stamps, those of one record still
  /// grow. The client goes on behind stamp *and* id, or asks for the last stamp again.
  public static let equalStamps = FeedBehaviour(rawValue: 1 << 0)
  /// A page goes on behind the last stamp alone: what has the same stamp and did not fit is never shown.
  /// No client can help it but by pages larger than any such run; the conformance suite finds it.
  public static let skipsEqualStamps = FeedBehaviour(rawValue: 1 << 1)
  /// A page goes on *at* the last stamp: its records come again. The client takes in what it knows
  /// without a trace, and stops with an error where a run of equal stamps fills a whole page, which then
  /// comes for ever.
  public static let repeatsEqualStamps = FeedBehaviour(rawValue: 1 << 2)
  /// Stamps are what the clock says, also when it was set back. The client asks from before its newest
  /// stamp, and compares with the full state where the clock went back further than that or one record
  /// was changed twice.
  public static let stampsByClock = FeedBehaviour(rawValue: 1 << 3)
  /// A transaction stamps what it writes when it writes it, not when it commits: what commits late has
  /// an earlier stamp than what is visible. The client asks from before its newest stamp, by longer than
  /// the longest transaction takes.
  public static let stampsBeforeCommit = FeedBehaviour(rawValue: 1 << 4)
  /// The stamp to go on from is taken after the query: what was changed between them is not shown. The
  /// client asks from before it.
  public static let watermarkAfterQuery = FeedBehaviour(rawValue: 1 << 5)
  /// Stamps are JSON numbers with a fraction. The client of the HTTP form does not guess: it stops with
  /// an error that names the field. Nothing is lost; no effect on the direct form.
  public static let floatStamps = FeedBehaviour(rawValue: 1 << 6)
  /// Stamps are RFC 3339 text, the last second of a UTC day written as `:60`. The client of the HTTP
  /// form reads it as the last millisecond before; no effect on the direct form.
  public static let leapSecondText = FeedBehaviour(rawValue: 1 << 7)

  // MARK: Pages

  /// Pages count from the newest change back, by offset: what changes while they are read moves the
  /// rest on. The client takes in repeats and does not move its cursor before the last page.
  public static let newestFirst = FeedBehaviour(rawValue: 1 << 8)
  /// Pages count from the oldest change on, by offset: what changes while they are read goes to the end,
  /// and the rest moves up by one, past the reader. The client reads again from before the newest stamp
  /// it saw when it began, or compares with the full state.
  public static let pagedByOffset = FeedBehaviour(rawValue: 1 << 9)
  /// Every pull begins at the beginning. The client takes in what it knows without a trace.
  public static let repeatsEverything = FeedBehaviour(rawValue: 1 << 10)
  /// Cursors are random words that mean nothing to anybody but this server. The client stores the bytes
  /// and does not look into them.
  public static let opaqueCursors = FeedBehaviour(rawValue: 1 << 11)

  // MARK: History

  /// What is left of deleted records is purged without a word: a client that was away keeps them. It
  /// compares with the full state. Without this option it is told that it has to.
  public static let purgesSilently = FeedBehaviour(rawValue: 1 << 12)
  /// A restored backup goes on under the same name, and takes cursors from its lost future. The client
  /// compares with the full state. Without this option the cursor is unknown.
  public static let restoresSilently = FeedBehaviour(rawValue: 1 << 13)
  /// Records a reader may not see any more just do not come again, those it may see now come with their
  /// old stamps. The client compares with the full state. Without this option both are changes.
  public static let hidesSilently = FeedBehaviour(rawValue: 1 << 14)

  // MARK: Edits

  /// The feed names the edit a change came from. The client does not count it as news; without this
  /// option it knows its own edits by the version in the answer.
  public static let namesEdits = FeedBehaviour(rawValue: 1 << 15)
  /// An edit that arrives again is carried out again, under a new stamp. The client sends again only what
  /// may be repeated, and asks where it may not.
  public static let forgetsEdits = FeedBehaviour(rawValue: 1 << 16)
  /// An edit of a record that has moved on since is answered with conflict and the record's state. The
  /// client rebases it and sends it anew; without this option the last writer wins, field by field.
  public static let checksBases = FeedBehaviour(rawValue: 1 << 17)

  /// The commonest backend: an `updated_at` column, no order of commits, no memory.
  public static let timestampOnly: FeedBehaviour = [
    .equalStamps, .stampsBeforeCommit, .watermarkAfterQuery, .purgesSilently, .restoresSilently,
    .hidesSilently, .forgetsEdits,
  ]
}
