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
  private let journal: Journal
  private let name: String
  private let remote: any Remote
  private let pageLimit: Int
  private var isRunning = false
  private var waiting: [CheckedContinuation<SyncReport, any Error>] = []

  /// - Parameters:
  ///   - journal: What to deliver from and take in to.
  ///   - name: The remote's name, as declared in the journal.
  ///   - remote: The server.
  ///   - pageLimit: Most changes asked for at once.
  public init(
    journal: Journal, remote name: String, over remote: any Remote, pageLimit: Int = 1_000
  ) {
    self.journal = journal
    self.name = name
    self.remote = remote
    self.pageLimit = max(1, min(pageLimit, 10_000))
  }

  /// Which half of the exchange to do.
  public enum Direction: Sendable {
    case both
    case pushOnly
    case pullOnly
  }

  /// Push, take the answers, pull until the feed is complete through the own acceptances.
  ///
  /// - Throws: ``TransportError`` when the exchange could not be completed; what was done until
  ///   then is kept. `JournalError` when the journal fails.
  public func sync(_ direction: Direction = .both) async throws -> SyncReport {
    if isRunning {
      return try await withCheckedThrowingContinuation { waiting.append($0) }
    }
    isRunning = true
    let result: Result<SyncReport, any Error>
    do {
      result = .success(try await run(direction))
    } catch {
      result = .failure(error)
    }
    isRunning = false
    let waiters = waiting
    waiting = []
    for waiter in waiters { waiter.resume(with: result) }
    return try result.get()
  }

  private func run(_ direction: Direction) async throws -> SyncReport {
    let lock = try SyncLock(directory: journal.path)
    defer { lock.release() }
    guard let declaration = try journal.read({ try $0.remotes() }).first(where: { $0.name == name })
    else {
      throw TransportError.invalidConfiguration(
        "the journal declares no remote \"\(name)\"; add it first")
    }
    // The first contact comes before anything is appended: a connection never made leaves no trace.
    let info = try await remote.info(device: journal.device)
    var run = SyncRun(
      journal: journal, declaration: declaration, remote: remote, pageLimit: pageLimit,
      acknowledgedSize: info.acknowledgedSize)
    try await run.noteWitness()
    if direction != .pullOnly { try await run.push() }
    // A server that does not know this device yet would not hold back its trimming for it.
    if run.acknowledgedSize == 0 { try await run.showCheckpoint() }
    if direction != .pushOnly { try await run.pull() }
    try await run.showCheckpoint()
    return try run.finish()
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
  /// Edits still to be delivered, and set aside, afterwards.
  public var pending: UInt64 = 0
  public var parked: UInt64 = 0
  /// Where the feed stands; opaque.
  public var cursor: String?
}
