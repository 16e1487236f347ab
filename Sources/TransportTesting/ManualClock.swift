import Synchronization

/// A clock a test moves by hand: time for servers, exchanges and whatever else takes a `Clock`.
///
/// ```swift
/// let clock = ManualClock()
/// let stub = StubExchange([.get(url).taking(.seconds(60))], clock: clock)
/// clock.advance(by: .seconds(60))  // whoever sleeps until then goes on
/// ```
///
/// Instants only grow, as those of every `Clock`. The time of day beside them, ``milliseconds``, can be
/// set to anything: what is stamped with it has to live with clocks that go back. Safe to use from any
/// thread.
public final class ManualClock: Clock {
  /// A point in the clock's time: how much of it has passed since the clock was made.
  public struct Instant: InstantProtocol {
    /// The time since the clock was made.
    public var offset: Swift.Duration

    public func advanced(by duration: Swift.Duration) -> Instant {
      Instant(offset: offset + duration)
    }

    public func duration(to other: Instant) -> Swift.Duration { other.offset - offset }

    public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
  }

  private struct Sleeper {
    var deadline: Instant
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now = Instant(offset: .zero)
    var timeOfDay: UInt64
    var sleepers: [UInt64: Sleeper] = [:]
    /// Sleeps that were cancelled before they began to wait.
    var cancelled: Set<UInt64> = []
    var serial: UInt64 = 0
    var slept: [Swift.Duration] = []
  }

  private let state: Mutex<State>
  private let advancesBySleeping: Bool

  /// A clock that stands still.
  ///
  /// - Parameters:
  ///   - milliseconds: The time of day it begins at, in milliseconds since 1970.
  ///   - advancesBySleeping: Whether a sleep passes its time at once, so that nobody waits.
  public init(_ milliseconds: UInt64 = 1_700_000_000_000, advancesBySleeping: Bool = false) {
    state = Mutex(State(timeOfDay: milliseconds))
    self.advancesBySleeping = advancesBySleeping
  }

  public var now: Instant { state.withLock { $0.now } }

  public var minimumResolution: Swift.Duration { .milliseconds(1) }

  /// The time of day in milliseconds since 1970.
  public var milliseconds: UInt64 { state.withLock { $0.timeOfDay } }

  /// How long was slept, in the order in which the sleeps began.
  public var sleeps: [Swift.Duration] { state.withLock { $0.slept } }

  /// How many are asleep.
  public var sleeperCount: Int { state.withLock { $0.sleepers.count } }

  /// Lets time pass; a negative duration lets none pass.
  public func advance(by duration: Swift.Duration) {
    let woken = state.withLock { state in
      Self.pass(max(.zero, duration), in: &state)
    }
    for sleeper in woken { sleeper.resume() }
  }

  /// Lets some milliseconds pass.
  public func advance(byMilliseconds milliseconds: UInt64) {
    advance(by: .milliseconds(Int64(clamping: milliseconds)))
  }

  /// Sets the time of day, forwards or back; no time passes by it.
  public func setTimeOfDay(_ milliseconds: UInt64) {
    state.withLock { $0.timeOfDay = milliseconds }
  }

  private static func pass(
    _ duration: Swift.Duration, in state: inout State
  ) -> [CheckedContinuation<Void, any Error>] {
    state.now = state.now.advanced(by: duration)
    let (seconds, fraction) = duration.components
    let passed = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000)
    let whole = passed.overflow ? .max : passed.partialValue
    let all = whole.addingReportingOverflow(UInt64(clamping: fraction / 1_000_000_000_000_000))
    let sum = state.timeOfDay.addingReportingOverflow(all.overflow ? .max : all.partialValue)
    state.timeOfDay = sum.overflow ? .max : sum.partialValue
    let now = state.now
    let due = state.sleepers.filter { $0.value.deadline <= now }
      .sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }
    for (serial, _) in due { state.sleepers[serial] = nil }
    return due.map(\.value.continuation)
  }

  /// Waits until the clock was moved to a time; on a clock that advances by sleeping, moves it.
  ///
  /// - Throws: `CancellationError` where the task is cancelled first.
  public func sleep(until deadline: Instant, tolerance: Swift.Duration? = nil) async throws {
    try Task.checkCancellation()
    let serial = state.withLock { state in
      state.serial += 1
      state.slept.append(max(.zero, state.now.duration(to: deadline)))
      return state.serial
    }
    if advancesBySleeping { return advance(by: now.duration(to: deadline)) }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome = state.withLock { state -> Result<Void, any Error>? in
          if state.cancelled.remove(serial) != nil { return .failure(CancellationError()) }
          if deadline <= state.now { return .success(()) }
          state.sleepers[serial] = Sleeper(deadline: deadline, continuation: continuation)
          return nil
        }
        if let outcome { continuation.resume(with: outcome) }
      }
    } onCancel: {
      let sleeper = state.withLock { state in
        let sleeper = state.sleepers.removeValue(forKey: serial)
        if sleeper == nil { state.cancelled.insert(serial) }
        return sleeper
      }
      sleeper?.continuation.resume(throwing: CancellationError())
    }
    _ = state.withLock { $0.cancelled.remove(serial) }
  }
}
