import Journal

/// Syncs again and again: when asked, at intervals, and after failures with growing pauses.
///
/// Pauses are exponential with full jitter. A pause a server asks for (`Retry-After`, `Backoff`) is kept to the
/// millisecond, also when somebody asks for a sync meanwhile. Where credentials are not accepted, the
/// remote is configured wrongly, or a person has to confirm, it stops until ``resume()``.
///
/// ```swift
/// let scheduler = SyncScheduler(engine, every: .seconds(60))
/// async let done: Void = scheduler.run()
/// scheduler.kick()                       // after a write, or when the network is back
/// ```
///
/// One sync is in flight at a time. Safe to use from any thread; ``run()`` is called once.
public actor SyncScheduler {
  /// What the scheduler is doing.
  public enum State: Sendable, Equatable {
    /// Not running, or paused.
    case idle
    case syncing
    /// Waiting so long, since this failure; nil after a sync that completed.
    case waiting(Duration, since: TransportError?)
    /// Nothing to do until ``SyncScheduler/kick()``.
    case resting
    /// Waiting for ``SyncScheduler/resume()``, because of this.
    case stopped(TransportError)
  }

  public private(set) var state = State.idle {
    didSet { if state != oldValue { observer(state) } }
  }
  private let sync: @Sendable () async throws -> SyncReport
  private let requestedPause: @Sendable () async -> UInt64
  private let clock: any Clock<Duration>
  private let random: @Sendable () -> Double
  private let observer: @Sendable (State) -> Void
  private var schedule: SyncSchedule
  private var isPaused = false
  private let bell = Bell()
  /// Rung only by ``resume()``, ``pause()`` and cancellation: a wait a server asked for hears nothing else.
  private let gate = Bell()

  /// - Parameters:
  ///   - engine: What syncs.
  ///   - interval: From the end of a sync that completed to the next one; nil waits for ``kick()``.
  ///   - firstPause: The bound of the pause after a first failure; it doubles with each one in a row.
  ///   - longestPause: What the bound does not exceed.
  ///   - clock: Measures the pauses.
  ///   - random: From 0 up to, not including, 1; how much of the bound is waited.
  ///   - observer: Told each new state, in order; must not wait.
  public init(
    _ engine: SyncEngine, every interval: Duration? = nil, firstPause: Duration = .seconds(1),
    longestPause: Duration = .seconds(300), clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    observer: @escaping @Sendable (State) -> Void = { _ in }
  ) {
    self.init(
      every: interval, firstPause: firstPause, longestPause: longestPause, clock: clock,
      random: random, observer: observer,
      requestedPause: { await engine.requestedPauseMilliseconds },
      sync: { try await engine.sync() })
  }

  /// The same for any way to sync, such as that of several engines.
  ///
  /// - Parameter requestedPause: How many milliseconds the server asked to be left alone during the sync
  ///   before, as ``SyncEngine/requestedPauseMilliseconds`` tells it; asked after a sync that failed.
  public init(
    every interval: Duration? = nil, firstPause: Duration = .seconds(1),
    longestPause: Duration = .seconds(300), clock: any Clock<Duration> = ContinuousClock(),
    random: @escaping @Sendable () -> Double = { .random(in: 0..<1) },
    observer: @escaping @Sendable (State) -> Void = { _ in },
    requestedPause: @escaping @Sendable () async -> UInt64 = { 0 },
    sync: @escaping @Sendable () async throws -> SyncReport
  ) {
    (self.sync, self.clock, self.random, self.observer) = (sync, clock, random, observer)
    self.requestedPause = requestedPause
    schedule = SyncSchedule(first: firstPause, most: longestPause, interval: interval)
  }

  /// Asks for a sync now: a pause after a failure ends. One the server asked for does not.
  ///
  /// While a sync runs, another one follows it: what was written meanwhile may have come too late for it.
  public nonisolated func kick() { bell.ring() }

  /// No sync begins from now on; one that runs is completed.
  public func pause() {
    isPaused = true
    gate.ring()
    bell.ring()
  }

  /// Ends a pause, and says that what the scheduler stopped for was put right: it syncs at once, unless
  /// the server asked for time.
  public func resume() {
    isPaused = false
    gate.ring()
    bell.ring()
  }

  /// Syncs until the task is cancelled; begins with one at once.
  ///
  /// - Throws: `JournalError` where the journal itself fails; `CancellationError`.
  public func run() async throws {
    defer { state = .idle }
    while true {
      try await waitWhilePaused()
      bell.silence()
      state = .syncing
      var failure: TransportError?
      let outcome: SyncSchedule.Outcome
      do {
        outcome = .completed(retryAfterMilliseconds: try await sync().retryAfterMilliseconds)
      } catch let error as TransportError {
        failure = error
        let asked = max(error.retryAfterMilliseconds ?? 0, await requestedPause())
        let isSaid = asked > 0 || error.retryAfterMilliseconds != nil
        outcome =
          error.needsSomebody ? .hopeless : .failed(retryAfterMilliseconds: isSaid ? asked : nil)
      }
      try Task.checkCancellation()
      switch schedule.next(after: outcome, fraction: random()) {
      case .wait(let pause, let isAsked):
        state = .waiting(pause, since: failure)
        try await wait(until: pause, isAsked: isAsked)
      case .rest:
        state = .resting
        await bell.wait()
      case .stop:
        guard let failure else { continue }
        state = .stopped(failure)
        gate.silence()
        await gate.wait()
      }
      try Task.checkCancellation()
    }
  }

  private func waitWhilePaused() async throws {
    while isPaused {
      state = .idle
      gate.silence()
      await gate.wait()
      try Task.checkCancellation()
    }
  }

  /// Waits on the clock, or until the bell rings where that counts.
  private func wait(until pause: Duration, isAsked: Bool) async throws {
    let (clock, bell) = (clock, bell)
    guard !isAsked else { return try await clock.sleep(for: pause) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await clock.sleep(for: pause) }
      group.addTask { await bell.wait() }
      try await group.next()
      group.cancelAll()
    }
  }
}
