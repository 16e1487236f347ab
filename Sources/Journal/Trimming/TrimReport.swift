/// What a trim did, or would do.
public struct TrimReport: Sendable, Equatable {
  /// Entries that are no longer held.
  public var trimmed: UInt64 = 0
  /// The lowest sequence from which every entry is held.
  public var horizon: SequenceNumber = 1
  /// Tree size and root before the trim's own entry.
  public var size: UInt64 = 0
  public var root = TreeHash.empty
}

/// Which settled entries a trim leaves alone.
public enum TrimRetention: Sendable, Equatable {
  /// Whatever may go, goes.
  case nothing
  /// The newest entries, by number.
  case newest(UInt64)
  /// Entries recorded within the last so many milliseconds.
  case milliseconds(UInt64)
}
