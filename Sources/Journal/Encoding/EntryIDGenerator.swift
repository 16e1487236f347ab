/// Makes UUIDv7 ids that ascend strictly, even when the clock stands still or goes back.
///
/// After RFC 9562 §6.2, method 1: within a millisecond the 12 bits after the time count up, 62 bits
/// are random. A value; guard it with a lock to share it.
package struct EntryIDGenerator: Sendable {
  private let random: @Sendable () -> UInt64
  private var milliseconds: UInt64 = 0
  private var counter: UInt64 = 0
  private var hasStarted = false

  private static let lastMillisecond: UInt64 = 1 << 48 - 1

  package init(random: @escaping @Sendable () -> UInt64) {
    self.random = random
  }

  /// The next id, stamped with the clock's milliseconds since 1970 or, when that would not ascend,
  /// with the last stamp.
  package mutating func next(milliseconds now: UInt64) -> EntryID {
    let now = min(now, Self.lastMillisecond)
    if !hasStarted || now > milliseconds {
      hasStarted = true
      start(at: now)
    } else if counter < 0xFFF {
      counter += 1
    } else {
      // More ids than the counter holds: borrow from the next millisecond.
      start(at: min(milliseconds + 1, Self.lastMillisecond))
    }
    return EntryID(
      UUIDBits(high: milliseconds << 16 | counter, low: random()).marked(version: 7))
  }

  private mutating func start(at time: UInt64) {
    milliseconds = time
    // The top bit starts clear, which leaves room to count.
    counter = random() & 0x7FF
  }
}
