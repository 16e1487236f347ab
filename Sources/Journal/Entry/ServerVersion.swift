/// The version a server gave one state of a record: its timestamp and a tie-break.
///
/// Versions are compared, cursors never are; both parts come from the server, never from a local
/// clock. They compare only within one generation of base.
public struct ServerVersion: Sendable, Hashable, Comparable {
  /// Milliseconds since 1970, as the server stamped it.
  public var timestamp: UInt64
  /// Tells equal timestamps apart; our server uses its own sequence.
  public var tieBreak: UInt64

  public init(timestamp: UInt64, tieBreak: UInt64) {
    self.timestamp = timestamp
    self.tieBreak = tieBreak
  }

  public static func < (left: Self, right: Self) -> Bool {
    (left.timestamp, left.tieBreak) < (right.timestamp, right.tieBreak)
  }
}

extension ServerVersion: CustomStringConvertible {
  public var description: String { "\(timestamp).\(tieBreak)" }
}

extension RowReader {
  mutating func version() throws(JournalError) -> ServerVersion {
    ServerVersion(
      timestamp: try integer(UInt64.self), tieBreak: try integer(UInt64.self))
  }
}

extension [UInt8] {
  mutating func append(_ version: ServerVersion) {
    appendBigEndian(version.timestamp)
    appendBigEndian(version.tieBreak)
  }
}
