import Journal
import Synchronization
import TestKit

/// The time all of a run's clocks share, moved by its steps alone.
final class TrueTime: Sendable {
  private let value = Mutex<UInt64>(1_700_000_000_000)

  var milliseconds: UInt64 { value.withLock { $0 } }

  func advance(by milliseconds: UInt64) { value.withLock { $0 += milliseconds } }
}

/// One machine's clock: wrong by as much as the plan says, or standing still.
final class MachineClock: Sendable {
  private struct State {
    var offset: Int64 = 0
    var frozenAt: UInt64?
  }

  private let time: TrueTime
  private let state = Mutex(State())

  init(_ time: TrueTime) {
    self.time = time
  }

  var now: Timestamp {
    let (offset, frozen) = state.withLock { ($0.offset, $0.frozenAt) }
    return Timestamp(milliseconds: frozen ?? UInt64(Int64(time.milliseconds) + offset))
  }

  func apply(_ change: ClockChange) {
    let shown = now.milliseconds
    state.withLock { state in
      switch change {
      case .by(let milliseconds): state.offset += milliseconds
      case .frozen: state.frozenAt = shown
      case .running: state.frozenAt = nil
      }
    }
  }
}

/// Random words of one machine; they go on where they were when the machine is started again.
final class MachineRandom: Sendable {
  private let state: Mutex<SeededRandom>

  init(seed: UInt64) {
    state = Mutex(SeededRandom(seed: seed))
  }

  func next() -> UInt64 { state.withLock { $0.next() } }
}

extension Journal.Configuration {
  /// A configuration in which nothing comes from outside the run.
  static func simulated(_ clock: MachineClock, _ random: MachineRandom) -> Self {
    var configuration = Self(
      now: { clock.now }, random: { random.next() }, durability: .everyCommit)
    configuration.savedStateInterval = nil
    configuration.signingSeed = { (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
    return configuration
  }
}
