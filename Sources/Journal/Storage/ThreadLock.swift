#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A plain lock for code that cannot be a closure, such as a transaction that spans calls.
final class ThreadLock: @unchecked Sendable {
  // SAFETY: the only member is the mutex, which is made once and is there to be shared.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init() {
    mutex = .allocate(capacity: 1)
    mutex.initialize(to: pthread_mutex_t())
    let code = pthread_mutex_init(mutex, nil)
    precondition(code == 0, "no memory for a lock")
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func lock() { pthread_mutex_lock(mutex) }

  func unlock() { pthread_mutex_unlock(mutex) }
}

/// A lock that knows its owner, so that a nested write is an error and not a deadlock.
final class WriterLock: @unchecked Sendable {
  // SAFETY: the owner is read and written only while the inner lock is held.
  private let turn = ThreadLock()
  private let state = ThreadLock()
  private var owner: pthread_t?

  /// Waits for the writers before; throws ``JournalError/busy(_:)`` inside the caller's own write.
  func enter() throws(JournalError) {
    state.lock()
    if let owner, pthread_equal(owner, pthread_self()) != 0 {
      state.unlock()
      throw .busy("a write inside another write of the same thread; finish the outer one first")
    }
    state.unlock()
    turn.lock()
    state.lock()
    owner = pthread_self()
    state.unlock()
  }

  func leave() {
    state.lock()
    owner = nil
    state.unlock()
    turn.unlock()
  }
}

/// Gives the processor away for `microseconds`, for waits too rare to deserve a condition.
func pause(microseconds: Int) {
  var time = timespec(tv_sec: microseconds / 1_000_000, tv_nsec: microseconds % 1_000_000 * 1000)
  nanosleep(&time, nil)
}
