public import Journal

/// A server that can be asked how its records stood at a cursor, by digests.
///
/// A device compares digests over whole collections first, then over buckets of those that differ, and
/// reads the records of buckets that differ: a few requests for a few records among many. How digests
/// are computed stands in `docs/protocol`.
public protocol ReconcilingRemote: Sendable {
  /// The digest over each collection's live records, as they stood at a cursor of the feed; none of
  /// collections without any.
  ///
  /// - Throws: ``TransportError``; ``TransportError/resyncRequired(_:)`` where how they stood is not
  ///   known any more.
  func digests(at cursor: String, device: DeviceID) async throws -> [CollectionDigest]

  /// The digests over a collection's buckets: 16 bytes each, 2 to the power of `bits` of them.
  ///
  /// - Parameter bits: 0 to 16.
  func digest(
    of collection: String, bits: Int, at cursor: String, device: DeviceID
  ) async throws -> [UInt8]

  /// The live records of some buckets: a page whose cursor goes in as `place` while it has more.
  func records(
    of collection: String, in buckets: [UInt16], bits: Int, at cursor: String, from place: String?,
    limit: Int, device: DeviceID
  ) async throws -> FeedPage
}

/// The digest over a collection's live records.
public struct CollectionDigest: Sendable, Equatable {
  public var collection: String
  public var records: UInt64
  /// 16 bytes.
  public var digest: [UInt8]

  public init(collection: String, records: UInt64, digest: [UInt8]) {
    self.collection = collection
    self.records = records
    self.digest = digest
  }
}
