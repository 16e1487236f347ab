import CLMDB

/// Who is inside an environment.
///
/// LMDB lets its map be replaced, and itself be closed, under running transactions, which then
/// read unmapped memory. The gate counts them: growing waits until readers left, closing is done
/// by whoever leaves last. It also ends readers that stay beyond their deadline.
final class TransactionGate: @unchecked Sendable {
  /// A process holds at most a quarter of the 510 reader slots, so that others find some.
  static let maximumReaders = 126
  private static let maximumIdle = 16

  // SAFETY: every variable below is read and written only while `lock` is held.
  private let lock = ThreadLock()
  private let place: String
  private let readDeadline: UInt64
  private let now: @Sendable () -> UInt64
  /// Calls that are inside without a transaction, among them those that begin or end one.
  private var visitors = 0
  /// Reader slots that read nothing through the map.
  private var pins = 0
  private var leases: [ReaderLease] = []
  private var isWriting = false
  private var isBlocked = false
  private var isClosing = false
  private var isShut = false
  private var poison: JournalError?
  /// Reset read transactions, which own a reader slot and are renewed without a system call.
  private var idle: [OpaquePointer] = []

  init(place: String, _ settings: StorageSettings) {
    self.place = place
    readDeadline = settings.readDeadline
    now = settings.monotonic
  }

  // MARK: Readers

  /// Counts a call in, which keeps the environment open and its map in place.
  func enter() throws(JournalError) {
    lock.lock()
    defer { lock.unlock() }
    try waitUntilUsable()
    visitors += 1
  }

  /// Counts a call out; returns whether to shut down.
  func leave() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    visitors -= 1
    return mayShutDown()
  }

  /// Counts in a call that begins a read, and gives it an idle transaction to renew.
  func enterReading() throws(JournalError) -> OpaquePointer? {
    lock.lock()
    defer { lock.unlock() }
    try waitUntilUsable()
    guard leases.count + pins + visitors < Self.maximumReaders else {
      throw .busy(
        "this process has \(Self.maximumReaders) readers of \(place); end some of them first")
    }
    visitors += 1
    return idle.popLast()
  }

  /// Takes the lease of a read that has begun in the place of the call that began it.
  func admit(_ handle: OpaquePointer, hasDeadline: Bool) -> ReaderLease {
    let lease = ReaderLease(handle, began: hasDeadline ? now() : nil)
    lock.lock()
    defer { lock.unlock() }
    visitors -= 1
    lease.position = leases.count
    leases.append(lease)
    // In a process that only reads nobody else would end the overdue ones.
    expireOverdue { $0.transactionID < lease.transactionID }
    return lease
  }

  /// Turns the lease back into a call inside; false when it was ended, and its transaction freed.
  func withdraw(_ lease: ReaderLease) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard lease.position >= 0 else { return false }
    remove(lease)
    visitors += 1
    return true
  }

  /// Keeps a reset read transaction for the next reader; false when the caller has to end it.
  func keepIdle(_ transaction: OpaquePointer) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard !isClosing, !isBlocked, idle.count < Self.maximumIdle else { return false }
    idle.append(transaction)
    return true
  }

  /// An idle read transaction, to be ended or renewed.
  func takeIdle() -> OpaquePointer? {
    lock.lock()
    defer { lock.unlock() }
    return idle.popLast()
  }

  /// Makes the call inside a pin, or the other way round.
  func changeToPin(_ isPin: Bool) {
    lock.lock()
    visitors += isPin ? -1 : 1
    pins += isPin ? 1 : -1
    lock.unlock()
  }

  /// Ends the readers that are over their deadline and between two accesses.
  func expireOverdue() {
    lock.lock()
    expireOverdue { _ in true }
    lock.unlock()
  }

  private func expireOverdue(where isEnded: (ReaderLease) -> Bool) {
    guard !leases.isEmpty else { return }
    let now = now()
    var index = 0
    while index < leases.count {
      let lease = leases[index]
      guard lease.isOverdue(now, after: readDeadline), isEnded(lease), lease.expire() else {
        index += 1
        continue
      }
      remove(lease)
      mdb_txn_abort(lease.handle)
    }
  }

  private func remove(_ lease: ReaderLease) {
    let last = leases.removeLast()
    if last !== lease {
      leases[lease.position] = last
      last.position = lease.position
    }
    lease.position = -1
  }

  // MARK: The writer

  /// Counts the writer in; there is at most one, by ``WriterLock``. Returns the error that
  /// refuses everybody else, for the writer to do away with its cause.
  func enterWriting() throws(JournalError) -> JournalError? {
    lock.lock()
    defer { lock.unlock() }
    let poison = poison
    if poison == nil { try waitUntilUsable() }
    if isClosing { throw closed }
    isWriting = true
    return poison
  }

  /// Counts the writer out; returns whether to shut down.
  func leaveWriting() -> Bool {
    lock.lock()
    defer { lock.unlock() }
    isWriting = false
    return mayShutDown()
  }

  /// Keeps new readers out and waits until the present ones are gone, at most five seconds longer
  /// than their deadline. Pins do not read through the map; only to close LMDB they have to go.
  ///
  /// - Parameter pinPatience: How many milliseconds to wait for pins, if for them at all. They may
  ///   stay as long as their owner likes, and the owner may be the one who waits for this.
  func block(pinPatience: Int?) throws(JournalError) {
    lock.lock()
    defer { lock.unlock() }
    isBlocked = true
    var isRead: Bool { !leases.isEmpty || visitors != 0 }
    var isFree: Bool { !isRead && (pinPatience == nil || pins == 0) }
    for waited in 0..<5000 + Int(min(readDeadline / 1_000_000, 60_000)) where !isFree {
      guard isRead || waited < pinPatience ?? 0 else { break }
      expireOverdue { _ in true }
      lock.unlock()
      pause(microseconds: 1000)
      lock.lock()
    }
    guard isFree else {
      isBlocked = false
      throw .busy(
        "\(place) has to be mapped anew, but a reader of this process stays; end long reads")
    }
  }

  func unblock() {
    lock.lock()
    isBlocked = false
    lock.unlock()
  }

  /// Refuses every later transaction with `error`; nil ends that.
  func setPoison(_ error: JournalError?) {
    lock.lock()
    poison = error
    lock.unlock()
  }

  // MARK: Closing

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
    guard isClosing, !isShut, leases.isEmpty, visitors == 0, pins == 0, !isWriting else {
      return false
    }
    isShut = true
    return true
  }

  /// Holds the lock again on return.
  private func waitUntilUsable() throws(JournalError) {
    while true {
      if isClosing { throw closed }
      if let poison { throw poison }
      guard isBlocked else { return }
      lock.unlock()
      pause(microseconds: 200)
      lock.lock()
    }
  }

  private var closed: JournalError {
    .cannotOpen("\(place) was closed by this process; open it again")
  }
}
