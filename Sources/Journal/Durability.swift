/// What has happened when an append returns.
///
/// ```swift
/// let store = try Store.open(
///   at: path, configuration: .init(durability: .pinnedSnapshot(interval: .seconds(1))))
/// ```
///
/// A crash or kill of the process loses nothing in either mode, and a power cut damages nothing.
/// The modes differ in what a power cut can lose. Nothing is sent to a server, and no checkpoint
/// is returned, before it is on stable storage in either mode.
public enum Durability: Sendable, Hashable {
  /// An append returns when it is on stable storage. Costs two flushes of the disk per commit.
  case everyCommit
  /// An append returns when the operating system has it; at most every `interval`, and when
  /// ``Journal/flush()`` is called, everything is made durable at once.
  ///
  /// A power cut loses at most what was appended within the interval before it. Costs no flush
  /// per commit. An interval below a millisecond counts as one.
  case pinnedSnapshot(interval: Duration)

  /// The default: ``everyCommit``; on Apple platforms ``pinnedSnapshot(interval:)`` of a second,
  /// because a plain `fsync` orders nothing there.
  public static var standard: Durability {
    #if canImport(Darwin)
      .pinnedSnapshot(interval: .seconds(1))
    #else
      .everyCommit
    #endif
  }
}
