/// Who is inside an environment.
///
/// LMDB lets its map be replaced, and itself be closed, under running transactions, which then
/// read unmapped memory. The gate counts them: growing waits until readers left, closing is done
/// by whoever leaves last.
final class TransactionGate: @unchecked Sendable {
  private let lock = ThreadLock()
  private let place: String
  private var readers = 0
  private var isWriting = false
  private var isBlocked = false
  private var isClosing = false
  private var isShut = false
  private var poison: JournalError?
  /// Reset read transactions, which own a reader slot and are renewed without a system call.
  private var idle: [OpaquePointer] = []
  private static let maximumIdle = 16

  init(place: String) {
    self.place = place
  }

  /// Counts one reader in.
  func enterReading() throws(JournalError) {
    lock.lock()
    defer { lock.unlock() }
    try waitUntilUsable()
    readers += 1
  }

  /// Counts a reader out; returns whether to shut down.
  func leaveReading() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    readers -= 1
    return mayShutDown()
  }

  /// An idle read transaction to renew; only for somebody who entered.
  func takeIdle() -> OpaquePointer? {
    lock.lock()
    defer { lock.unlock() }
    return idle.popLast()
  }

  /// Keeps a reset read transaction for the next reader; false when the caller has to end it.
  func keepIdle(_ transaction: OpaquePointer) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard !isClosing, idle.count < Self.maximumIdle else { return false }
    idle.append(transaction)
    return true
  }

  /// Counts the writer in; there is at most one, by ``WriterLock``.
  func enterWriting() throws(JournalError) {
    lock.lock()
    defer { lock.unlock() }
    try waitUntilUsable()
    isWriting = true
  }

  /// Counts the writer out; returns whether to shut down.
  func leaveWriting() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    isWriting = false
    return mayShutDown()
  }

  /// Keeps new readers out and waits, at most five seconds, until the present ones are gone.
  func block() throws(JournalError) {
    lock.lock()
    defer { lock.unlock() }
    isBlocked = true
    for _ in 0..<5000 where readers > 0 {
      lock.unlock()
      pause(microseconds: 1000)
      lock.lock()
    }
    guard readers == 0 else {
      isBlocked = false
      throw .busy("\(place) has to grow, but a reader of this process stays; end long reads")
    }
  }

  func unblock() {
    lock.lock()
    isBlocked = false
    lock.unlock()
  }

  /// Refuses every later transaction with `error`.
  func setPoison(_ error: JournalError) {
    lock.lock()
    if poison == nil { poison = error }
    lock.unlock()
  }

  /// Refuses every later transaction; returns whether nobody is inside, so to shut down now.
  func close() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    isClosing = true
    return mayShutDown()
  }

  /// Whether closing was asked for.
  var isClosed: Bool {
    lock.lock()
    defer { lock.unlock() }
    return isClosing
  }

  /// True once, when closing was asked for and the last transaction is gone.
  private func mayShutDown() -> Bool {
    guard isClosing, !isShut, readers == 0, !isWriting else { return false }
    isShut = true
    return true
  }

  /// Holds the lock again on return.
  private func waitUntilUsable() throws(JournalError) {
    while true {
      if let poison { throw poison }
      if isClosing { throw .cannotOpen("\(place) was closed by this process; open it again") }
      guard isBlocked else { return }
      lock.unlock()
      pause(microseconds: 200)
      lock.lock()
    }
  }
}
