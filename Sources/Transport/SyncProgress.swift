/// How far a sync has come.
public struct SyncProgress: Sendable, Equatable {
  public enum Phase: Sendable, Equatable {
    /// Edits are delivered.
    case pushing
    /// Changes are taken in.
    case pulling
    /// The server's full state is read, of the first sync or a new generation.
    case fullState
    /// What differs from the server is repaired.
    case reconciling
  }

  public var phase: Phase
  /// Edits or changes of this phase done in this sync.
  public var done: UInt64
  /// About how many are left; nil where the server does not say.
  public var remaining: UInt64?

  /// Both together; nil where the server does not say.
  public var total: UInt64? { remaining.map { done.addingReportingOverflow($0).partialValue } }

  public init(phase: Phase, done: UInt64, remaining: UInt64? = nil) {
    self.phase = phase
    self.done = done
    self.remaining = remaining
  }
}
