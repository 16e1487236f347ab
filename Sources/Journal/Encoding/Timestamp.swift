#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A point in time: milliseconds since 1970 in UTC, without leap seconds.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Milliseconds since 1970 in UTC.
  public var milliseconds: UInt64

  /// A time so many milliseconds after 1970 began in UTC.
  public init(milliseconds: UInt64) {
    self.milliseconds = milliseconds
  }

  /// The system's clock; a clock before 1970 reads as 1970.
  public static var now: Timestamp {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0, let seconds = UInt64(exactly: time.tv_sec)
    else { return Timestamp(milliseconds: 0) }
    return Timestamp(milliseconds: seconds * 1000 + UInt64(time.tv_nsec) / 1_000_000)
  }

  /// Whether the left time is earlier.
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.milliseconds < right.milliseconds
  }

  /// Reads RFC 3339; nil for anything else, and outside the years 1970–9999 (in UTC).
  ///
  /// Fractions are cut to milliseconds. A leap second reads as the last millisecond before it.
  package init?(utf8: UnsafeRawBufferPointer) {
    guard let time = RFC3339(utf8), let value = UInt64(exactly: time.milliseconds),
      value <= RFC3339.lastMillisecond
    else { return nil }
    milliseconds = value
  }

  /// Whether a text is RFC 3339 and names a real date, in any of the years 0000–9999.
  package static func isValid(_ utf8: UnsafeRawBufferPointer) -> Bool {
    RFC3339(utf8) != nil
  }
}

extension Timestamp: LosslessStringConvertible {
  /// Reads RFC 3339, such as `2013-08-04T20:12:55.123Z` or `2013-08-04t22:12:55+02:00`; nil for
  /// anything else, and outside the years 1970–9999 (in UTC).
  ///
  /// Fractions are cut to milliseconds. A leap second reads as the last millisecond before it.
  public init?(_ text: String) {
    guard let time = ByteOrder.withUTF8(of: text, { Timestamp(utf8: $0) }) else { return nil }
    self = time
  }

  /// RFC 3339 in UTC with three digits of milliseconds: `2013-08-04T20:12:55.123Z`.
  ///
  /// Reads back for times until the year 9999, the last one RFC 3339 can name.
  public var description: String {
    RFC3339.text(milliseconds: milliseconds)
  }
}
