/// When to sync next: a pure state machine, told what each sync came to.
struct SyncSchedule: Sendable {
  /// What to do until the next sync.
  enum Step: Sendable, Equatable {
    /// Wait so long. A wait the server asked for is not cut short.
    case wait(Duration, isAsked: Bool)
    /// Wait until somebody asks for a sync.
    case rest
    /// Wait until somebody says that what failed was put right.
    case stop
  }

  /// What a sync came to.
  enum Outcome: Sendable {
    /// It completed; the server may have asked for time all the same.
    case completed(retryAfterMilliseconds: UInt64)
    /// The exchange failed, and may succeed later.
    case failed(retryAfterMilliseconds: UInt64?)
    /// Nothing but a person or the app can change what is wrong.
    case hopeless
  }

  private let first: Duration
  private let most: Duration
  private let interval: Duration?
  private(set) var failures = 0

  init(first: Duration, most: Duration, interval: Duration?) {
    (self.first, self.most, self.interval) = (first, max(first, most), interval)
  }

  /// - Parameter fraction: From 0 up to 1, random: how much of the present bound is waited.
  mutating func next(after outcome: Outcome, fraction: Double) -> Step {
    switch outcome {
    case .completed(let milliseconds):
      failures = 0
      if milliseconds > 0 { return .wait(Self.duration(milliseconds), isAsked: true) }
      return interval.map { .wait($0, isAsked: false) } ?? .rest
    case .failed(let milliseconds):
      failures += 1
      if let milliseconds { return .wait(Self.duration(milliseconds), isAsked: true) }
      return .wait(bound * min(max(fraction, 0), 1), isAsked: false)
    case .hopeless:
      failures = 0
      return .stop
    }
  }

  /// Doubles with each failure in a row.
  private var bound: Duration {
    var bound = first
    for _ in 1..<max(failures, 1) where bound < most { bound = min(bound * 2, most) }
    return bound
  }

  private static func duration(_ milliseconds: UInt64) -> Duration {
    // A server's number may be any: beyond a year it makes no difference.
    .milliseconds(Int64(min(milliseconds, 366 * 24 * 3_600 * 1_000)))
  }
}
