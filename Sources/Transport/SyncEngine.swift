public import Journal

/// Exchanges with one remote: delivers what the server has not seen, takes in what it has.
///
/// `sync` is one serial operation and safe to kill at any instant: what was sent is sent again,
/// byte for byte, and what was taken in is taken in once. Two calls at once are one.
///
/// ```swift
/// let engine = SyncEngine(journal: store.journal, remote: "server", over: server)
/// let report = try await engine.sync()
/// print(report.pulled, report.pending)
/// ```
public actor SyncEngine {
  let journal: Journal
  let name: String
  private let remote: any Remote
  private let pageLimit: Int
  private let brake: DeletionBrake
  private let onProgress: @Sendable (SyncProgress) -> Void
  private var isRunning = false
  private var runningOptions: Options = []
  private var waiting: [CheckedContinuation<SyncReport, any Error>] = []
  /// Calls that want more than the running one does, and have to wait for their turn.
  private var turns: [CheckedContinuation<Void, Never>] = []
  /// How long the server asked to be left alone during the last sync, whatever that came to; 0 where it did
  /// not.
  public private(set) var requestedPauseMilliseconds: UInt64 = 0
  /// What the last sync that ended has done, one that failed as well: until then. How things stand in the journal
  /// afterwards (`pending`, `parked`, `cursor`) is filled in where it completed.
  public private(set) var lastReport = SyncReport()

  /// - Parameters:
  ///   - journal: What to deliver from and take in to.
  ///   - name: The remote's name, as declared in the journal.
  ///   - remote: The server.
  ///   - pageLimit: Most changes asked for at once, 1 to 10,000. A page is one transaction: local writes
  ///     wait for it.
  ///   - deletionBrake: How many records may go at once before a person is asked.
  ///   - onProgress: Called behind each segment and page, on any thread, while the sync waits: it has to
  ///     return soon.
  public init(
    journal: Journal, remote name: String, over remote: any Remote, pageLimit: Int = 5_000,
    deletionBrake: DeletionBrake = .standard,
    onProgress: @escaping @Sendable (SyncProgress) -> Void = { _ in }
  ) {
    self.journal = journal
    self.name = name
    self.remote = remote
    self.pageLimit = max(1, min(pageLimit, 10_000))
    brake = deletionBrake
    self.onProgress = onProgress
  }

  /// Which half of the exchange to do.
  public enum Direction: Sendable {
    case both
    case pushOnly
    case pullOnly
  }

  /// What a sync does beside the exchange of what is new.
  public struct Options: OptionSet, Sendable, Hashable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// Reads the server's full state anew. Afterwards the records are what the server has, with the
    /// pending edits on top; what it did not show is gone.
    public static let fullState = Options(rawValue: 1)
    /// Lets a full state or a comparison take away more records than the ``DeletionBrake`` allows, see
    /// ``TransportError/massDeletion(_:)``.
    public static let confirmingDeletions = Options(rawValue: 2)
    /// Compares what is known of the server's records with the server behind the pull, and repairs what
    /// differs: pending edits stay on top. Where the server cannot be asked what differs
    /// (``Remote/reconciling``), its full state is read.
    public static let reconciling = Options(rawValue: 16)
    /// Keeps records that a full state or a comparison does not show, though it was asked for them. They are not
    /// sent either: the next one asks again.
    public static let keepingRecords = Options(rawValue: 32)
    /// Takes nothing in while edits are pending. A pull alone asks the server nothing then.
    public static let unlessPending = Options(rawValue: 64)
  }

  /// Push, take the answers, pull until the feed is complete through the own acceptances.
  ///
  /// Where the server went back to an earlier state or another one took its place, what is known of it
  /// is replaced by its full state: edits it lost are delivered again, records it does not show are gone.
  ///
  /// ```swift
  /// try await engine.sync()
  /// try await engine.sync(.both, [.fullState])
  /// ```
  ///
  /// - Throws: ``TransportError`` when the exchange could not be completed; what was done until
  ///   then is kept. `JournalError` when the journal fails.
  public func sync(
    _ direction: Direction = .both, _ options: Options = []
  ) async throws -> SyncReport {
    guard direction != .pushOnly || options.isDisjoint(with: [.fullState, .reconciling]) else {
      throw TransportError.invalidConfiguration(
        "a full state is read from the server, and so is what differs: that is no push alone")
    }
    guard !options.isSuperset(of: [.confirmingDeletions, .keepingRecords]) else {
      throw TransportError.invalidConfiguration("records either go or are kept: choose one")
    }
    while isRunning {
      if options.isSubset(of: runningOptions) {
        return try await withCheckedThrowingContinuation { waiting.append($0) }
      }
      await withCheckedContinuation { turns.append($0) }
    }
    isRunning = true
    runningOptions = options
    var result: Result<SyncReport, any Error>
    do {
      result = .success(try await run(direction, options))
    } catch {
      result = .failure(error)
    }
    requestedPauseMilliseconds = remote.requestedPause?.take() ?? 0
    if case .success(var report) = result {
      report.retryAfterMilliseconds = max(
        report.retryAfterMilliseconds, requestedPauseMilliseconds)
      lastReport = report
      result = .success(report)
    }
    isRunning = false
    let (waiters, next) = (waiting, turns)
    (waiting, turns) = ([], [])
    for waiter in waiters { waiter.resume(with: result) }
    for turn in next { turn.resume() }
    return try result.get()
  }

  private func run(_ direction: Direction, _ options: Options) async throws -> SyncReport {
    lastReport = SyncReport()
    let lock = try SyncLock(directory: journal.path)
    defer { lock.release() }
    guard let declaration = try journal.read({ try $0.remotes() }).first(where: { $0.name == name })
    else {
      throw TransportError.invalidConfiguration(
        "the journal declares no remote \"\(name)\"; add it first")
    }
    func mayPull() throws -> Bool {
      guard direction != .pushOnly else { return false }
      return try !options.contains(.unlessPending) || !journal.read { try isAnythingPending($0) }
    }
    if direction == .pullOnly, try !mayPull() {
      var report = SyncReport()
      try report.count(in: journal, name)
      lastReport = report
      return report
    }
    // The first contact comes before anything is appended: a connection never made leaves no trace.
    let info = try await remote.info(device: journal.device)
    var run = try SyncRun(
      journal: journal, declaration: declaration, remote: remote, pageLimit: pageLimit, info: info)
    run.brake = brake
    run.onProgress = onProgress
    defer { lastReport = run.report }
    try await run.beginIfHistoryChanged()
    try await run.noteWitness()
    if direction != .pullOnly {
      // What is sent would move the server past all it lost.
      if try journal.read({ try isAnythingPending($0) }) { _ = try await run.beginIfForgotten() }
      try await run.push()
    }
    // A server that does not know this device yet would not hold back its trimming for it.
    if run.acknowledgedSize == 0 { try await run.showCheckpoint() }
    if try mayPull() {
      let readsAll =
        options.contains(.fullState)
        || options.contains(.reconciling) && remote.reconciling == nil
      // A full state of a server that lost something would take it away here as well.
      if try readsAll || run.isFilterChanged, try await run.beginIfForgotten(),
        direction != .pullOnly
      {
        try await run.push()
      }
      if readsAll { try await run.begin(.asked, epoch: info.epoch) }
      try await run.beginIfFilterChanged()
      while try await run.pull(options) == .begun {
        if direction != .pullOnly { try await run.push() }
      }
      if options.contains(.reconciling), !readsAll { try await run.reconcile(options) }
    }
    try await run.showCheckpoint()
    try run.report.count(in: journal, name)
    return run.report
  }
}

/// What one sync came to.
public struct SyncReport: Sendable, Equatable {
  /// Changes sent, and what the server said of them.
  public var pushed = 0
  public var accepted = 0
  public var refused = 0
  /// Conflict decisions taken.
  public var conflicts = 0
  /// Changes taken in that were not this journal's own.
  public var pulled = 0
  /// Those of them that are records the server's full state did not show any more.
  public var vanished = 0
  /// Why what is known of the server's records was replaced by its full state: `epoch-changed`, where another history
  /// stands in the server's place, `went-back`, `resync-required`, `asked` or `filter-changed`; nil where it was not.
  public var fullStateReason: String?
  /// Those of them that a comparison with the server found to differ.
  public var repaired = 0
  /// Edits still to be delivered, and set aside, afterwards.
  public var pending: UInt64 = 0
  public var parked: UInt64 = 0
  /// How long the server wants to be left alone: because it says so, or before it judges edits it put off. 0
  /// where it does not say.
  public var retryAfterMilliseconds: UInt64 = 0
  /// Where the feed stands; opaque.
  public var cursor: String?

  /// Of a sync that did nothing.
  public init() {}

  /// Fills in how things stand in the journal.
  mutating func count(in journal: Journal, _ remote: String) throws {
    (pending, parked, cursor) = try journal.read { reader in
      let counts = try reader.counts()
      return (
        counts.pending + counts.inFlight, counts.parked, try reader.cursor(of: remote)?.cursor
      )
    }
  }
}
