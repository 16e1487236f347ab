import Synchronization

/// How long a server asked to be left alone, beside what it answered.
///
/// A remote notes it where an answer says so, such as by Kinto's `Backoff` header; the sync engine takes it when a
/// sync has ended, whatever it came to. Safe to use from any thread.
public final class RequestedPause: Sendable {
  private let longest = Mutex<UInt64>(0)

  /// Of a server that asked for nothing so far.
  public init() {}

  /// Notes that the server asked for so much time. The longest one asked for counts.
  public func ask(for milliseconds: UInt64) {
    longest.withLock { $0 = max($0, milliseconds) }
  }

  /// What was asked for since it was taken last, in milliseconds; 0 where nothing was.
  public func take() -> UInt64 {
    longest.withLock { longest in
      defer { longest = 0 }
      return longest
    }
  }
}
