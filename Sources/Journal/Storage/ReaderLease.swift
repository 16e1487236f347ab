import CLMDB
import Synchronization

/// A read transaction's hold on its commit, which a writer may end between two accesses.
///
/// Pages freed since that commit cannot be used again while it is held: one forgotten reader would
/// make the file grow with every append.
final class ReaderLease: @unchecked Sendable {
  private enum State {
    static let idle = 0
    static let inUse = 1
    /// In use, and a writer wants it to end at the next pause.
    static let wanted = 2
    static let expired = 3
  }

  // SAFETY: the handle is used by the thread that reads, and only between `begin` and `end`; when
  // it is idle the state goes to `expired` first, under the gate's lock, and it is freed then.
  let handle: OpaquePointer
  let transactionID: UInt64
  /// When it began, in nanoseconds of the monotonic clock; nil means it has no deadline.
  let began: UInt64?
  /// The position among the gate's leases, which its lock guards; negative once it is gone.
  var position = -1
  private let state = Atomic<Int>(State.idle)
  /// Accesses inside one another, such as a read within a scan; of the reading thread alone.
  private var depth = 0
  /// Whether the reading thread has made the state its own.
  private var isHeld = false

  init(_ handle: OpaquePointer, began: UInt64?) {
    self.handle = handle
    self.began = began
    transactionID = UInt64(mdb_txn_id(handle))
  }

  /// Begins an access, during which the lease cannot end.
  func begin() throws(JournalError) {
    if depth == 0 { try acquire() }
    depth += 1
  }

  func end() {
    depth -= 1
    guard depth == 0, isHeld else { return }
    isHeld = false
    state.store(State.idle, ordering: .releasing)
  }

  /// Lets a writer end the lease here, between the rows of a long scan.
  func pauseAccess() throws(JournalError) {
    guard depth == 1 else { return }
    isHeld = false
    let before = state.exchange(State.idle, ordering: .acquiringAndReleasing)
    if before == State.wanted { throw Self.expired }
    try acquire()
  }

  /// Ends the lease; false while an access is under way, which then ends at its next pause.
  func expire() -> Bool {
    let (exchanged, original) = state.compareExchange(
      expected: State.idle, desired: State.expired, ordering: .acquiring)
    if original == State.inUse {
      _ = state.compareExchange(
        expected: State.inUse, desired: State.wanted, ordering: .relaxed)
    }
    return exchanged
  }

  func isOverdue(_ now: UInt64, after deadline: UInt64) -> Bool {
    guard let began else { return false }
    return now >= began && now - began >= deadline
  }

  private func acquire() throws(JournalError) {
    let (exchanged, original) = state.compareExchange(
      expected: State.idle, desired: State.inUse, ordering: .acquiring)
    guard exchanged else {
      precondition(original == State.expired, "a read was used by two threads at once")
      throw Self.expired
    }
    isHeld = true
  }

  private static let expired = JournalError.readExpired(
    "a read was held open past its deadline while others wrote, and was ended; read again, and "
      + "keep reads short or ask for a long one")
}
