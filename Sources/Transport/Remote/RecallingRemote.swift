public import Journal

/// A server that keeps records and names no history: whether it went back to an earlier state is told by the
/// records it showed last.
///
/// A device asks before it sends anything, since what it sends may move the server past all it had, and
/// again when the feed brings what it does not know.
public protocol RecallingRemote: Sendable {
  /// The versions at which records stand there now, those of deleted ones too.
  ///
  /// - Parameter keys: At most 100.
  /// - Returns: For each key its version, nil where the server knows nothing of it; nil altogether where the
  ///   server cannot be asked.
  /// - Throws: ``TransportError``.
  func versions(of keys: [String], in collection: String) async throws -> [ServerVersion?]?

  /// Whether the server says itself that a collection's records are other ones than those the cursor was issued for:
  /// then what is missing was taken away, and not lost.
  ///
  /// - Throws: ``TransportError``.
  func hasBegunAnew(_ collection: String, since cursor: String) async throws -> Bool
}
