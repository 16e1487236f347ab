import Synchronization

/// Tells whoever watches the journal that its last sequence has risen.
///
/// The writer only moves a number on and resumes who waits: it runs nobody's code and waits for
/// nobody. All members are safe to call from any thread.
final class CommitSignal: Sendable {
  private struct Waiter {
    let last: SequenceNumber
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var recent: RecentGroups
    var watchers = 0
    var isClosed = false
    var waiters: [UInt64: Waiter] = [:]
    var nextWaiter: UInt64 = 0
    /// Waits that were cancelled before they began.
    var cancelled: Set<UInt64> = []

    /// Takes out everybody whose wait is over.
    mutating func takeDue() -> [(CheckedContinuation<Bool, Never>, Bool)] {
      let due = waiters.filter { isClosed || recent.through > $0.value.last }
      for id in due.keys { waiters[id] = nil }
      return due.values.map { ($0.continuation, recent.through > $0.last) }
    }
  }

  private let state: Mutex<State>

  /// - Parameter bytes: How much of what the last commits did is kept for those who watch.
  init(keeping bytes: Int) {
    state = Mutex(State(recent: RecentGroups(through: 0, limit: bytes)))
  }

  /// Whether anybody watches: else nothing is noted and nobody looks at the file.
  var isWatched: Bool { state.withLock { $0.watchers > 0 } }

  /// - Returns: Whether this is the first watcher.
  func beginWatching() -> Bool {
    state.withLock { state in
      state.watchers += 1
      return state.watchers == 1
    }
  }

  func endWatching() {
    state.withLock { state in
      state.watchers -= 1
      if state.watchers == 0 { state.recent.forget(through: state.recent.through) }
    }
  }

  /// Takes in a commit of this process; nil where what it did was not noted.
  func publish(
    _ groups: [RecordedGroup]?, after before: SequenceNumber, through last: SequenceNumber
  ) {
    resume { state in
      guard state.watchers > 0, last > before else { return }
      state.recent.add(groups, after: before, through: last)
    }
  }

  /// Takes in the last sequence as it stands in the file, whoever has written it.
  func note(_ last: SequenceNumber) {
    resume { state in
      if last > state.recent.through { state.recent.forget(through: last) }
    }
  }

  func close() {
    resume { $0.isClosed = true }
  }

  private func resume(_ change: (inout State) -> Void) {
    let due = state.withLock { state in
      change(&state)
      return state.takeDue()
    }
    for (continuation, isRisen) in due { continuation.resume(returning: isRisen) }
  }

  /// Whether the last sequence is above `last`.
  func isRisen(above last: SequenceNumber) -> Bool {
    state.withLock { $0.recent.through > last }
  }

  /// What happened after a sequence, as far as it is held.
  func groups(after sequence: SequenceNumber, limit: Int) -> RecentGroups.Answer {
    state.withLock { $0.recent.after(sequence, limit: limit) }
  }

  /// Returns once the last sequence is above `last`; false when the task was cancelled or the journal
  /// closed instead.
  func wait(above last: SequenceNumber) async -> Bool {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    // A cancellation may come when the wait is over already.
    defer { state.withLock { _ = $0.cancelled.remove(id) } }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Bool? = state.withLock { state in
          if state.cancelled.remove(id) != nil { return false }
          if state.recent.through > last { return true }
          if state.isClosed { return false }
          state.waiters[id] = Waiter(last: last, continuation: continuation)
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        let waiter = state.waiters.removeValue(forKey: id)
        if waiter == nil { state.cancelled.insert(id) }
        return waiter
      }
      waiter?.continuation.resume(returning: false)
    }
  }
}
