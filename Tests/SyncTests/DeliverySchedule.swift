import Journal
import Synchronization
import Testing
import Transport

/// Syncs as a script says, and notes when.
private final class ScriptedSync: Sendable {
  typealias Outcome = Result<SyncReport, TransportError>

  private let clock: HeldClock
  private let outcomes: Mutex<[Outcome]>
  private let noted = Mutex<[Duration]>([])

  init(_ clock: HeldClock, _ outcomes: [Outcome]) {
    self.clock = clock
    self.outcomes = Mutex(outcomes)
  }

  /// When each sync began.
  var times: [Duration] { noted.withLock { $0 } }

  /// - Throws: `CancellationError` at the end of the script.
  func run() throws -> SyncReport {
    noted.withLock { $0.append(clock.now.offset) }
    guard let outcome = outcomes.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
      throw CancellationError()
    }
    return try outcome.get()
  }
}

@Suite struct `A schedule of syncs` {
  private let clock = HeldClock()

  /// Runs the script to its end, moving the clock on in steps while it waits; where it rests or stops,
  /// `unblock` is called.
  private func run(
    _ outcomes: [ScriptedSync.Outcome], every interval: Duration? = nil,
    fraction: Double = 0.5, step: Duration = .milliseconds(100),
    unblock: @escaping @Sendable (SyncScheduler, SyncScheduler.State) async -> Void = { _, _ in }
  ) async throws -> [Duration] {
    let script = ScriptedSync(clock, outcomes)
    let (states, continuation) = AsyncStream.makeStream(of: SyncScheduler.State.self)
    let scheduler = SyncScheduler(
      every: interval, clock: clock, random: { fraction }, observer: { continuation.yield($0) },
      sync: { try script.run() })
    let clock = clock
    async let done: Void = {
      defer { continuation.finish() }
      do { try await scheduler.run() } catch is CancellationError {}
    }()
    for await state in states {
      if case .waiting(let pause, _) = state {
        await clock.sleeper()
        var left = pause
        while left > .zero {
          clock.advance(by: min(step, left))
          left -= step
        }
      } else {
        await unblock(scheduler, state)
      }
    }
    try await done
    return script.times
  }

  private static let lost = ScriptedSync.Outcome.failure(.unreachable("lost"))

  private static func busy(_ milliseconds: UInt64) -> ScriptedSync.Outcome {
    .failure(.unavailable("busy", retryAfterMilliseconds: milliseconds))
  }

  @Test func `waits twice as long after each failure, up to five minutes`() async throws {
    let times = try await run(Array(repeating: Self.lost, count: 11), fraction: 1)
    let pauses = zip(times.dropFirst(), times).map { $0 - $1 }
    #expect(
      pauses
        == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map { Duration.seconds($0) })
  }

  @Test func `waits any part of that, as chance says`() async throws {
    #expect(
      try await run([Self.lost, Self.lost], fraction: 0.25) == [0, 250, 750].map(milliseconds))
  }

  @Test func `begins anew after a success`() async throws {
    let times = try await run(
      [Self.lost, Self.lost, .success(SyncReport()), Self.lost], every: .seconds(60), fraction: 1)
    #expect(times == [0, 1_000, 3_000, 63_000, 64_000].map(milliseconds))
  }

  @Test(arguments: [1, 2_500, 7_000, 90_061] as [UInt64])
  func `keeps to the time a server asks for, to the millisecond`(_ asked: UInt64) async throws {
    let times = try await run([Self.busy(asked)], step: .milliseconds(1_000_000))
    #expect(times == [.zero, .milliseconds(Int64(asked))])
  }

  @Test func `keeps to the time asked for edits that were put off`() async throws {
    var report = SyncReport()
    report.retryAfterMilliseconds = 4_321
    #expect(try await run([.success(report)], every: .seconds(1)) == [.zero, .milliseconds(4_321)])
  }

  @Test func `does not let anybody cut the time short that a server asked for`() async throws {
    let script = ScriptedSync(clock, [Self.busy(5_000)])
    let scheduler = SyncScheduler(clock: clock, random: { 0 }, sync: { try script.run() })
    async let done: Void = {
      do { try await scheduler.run() } catch is CancellationError {}
    }()
    await clock.sleeper()
    for _ in 0..<5 {
      scheduler.kick()
      for _ in 0..<200 { await Task.yield() }
      clock.advance(by: .seconds(1))
    }
    try await done
    #expect(script.times == [.zero, .seconds(5)])
  }

  @Test func `syncs at once after a failure when it is asked to`() async throws {
    let script = ScriptedSync(clock, [Self.lost])
    let scheduler = SyncScheduler(clock: clock, random: { 1 }, sync: { try script.run() })
    async let done: Void = {
      do { try await scheduler.run() } catch is CancellationError {}
    }()
    await clock.sleeper()
    scheduler.kick()
    try await done
    #expect(script.times == [.zero, .zero])
  }

  @Test func `rests until it is asked, where there is no interval`() async throws {
    let times = try await run([.success(SyncReport())]) { scheduler, state in
      if state == .resting { scheduler.kick() }
    }
    #expect(times.count == 2)
  }

  @Test func `stops where the credentials are not taken, until somebody has seen to it`()
    async throws
  {
    let stopped = Mutex(0)
    let times = try await run([.failure(.unauthorized("token"))]) { scheduler, state in
      guard state == .stopped(.unauthorized("token")) else { return }
      stopped.withLock { $0 += 1 }
      scheduler.kick()
      for _ in 0..<200 { await Task.yield() }
      await scheduler.resume()
    }
    #expect(times.count == 2 && stopped.withLock { $0 } == 1)
  }

  @Test func `ends when its task is cancelled, whatever it waits for`() async throws {
    for outcome in [Self.lost, Self.busy(9_000), .success(SyncReport()), .failure(.busy("x"))] {
      let script = ScriptedSync(clock, [outcome])
      let (states, continuation) = AsyncStream.makeStream(of: SyncScheduler.State.self)
      let scheduler = SyncScheduler(
        clock: clock, random: { 1 }, observer: { continuation.yield($0) },
        sync: { try script.run() })
      let task = Task { try await scheduler.run() }
      for await state in states where state != .syncing { break }
      task.cancel()
      await #expect(throws: CancellationError.self) { try await task.value }
      #expect(script.times.count == 1)
    }
  }

  private func milliseconds(_ number: Int64) -> Duration { .milliseconds(number) }
}
