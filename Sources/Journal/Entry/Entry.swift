/// An entry as an app sees it: what happened, when, and on which device.
public struct Entry: Sendable, Hashable {
  public let header: EntryHeader
  /// What the entry says, by member name: `collection`, `key`, `actor`, `fields`, `set`, `mine`, …
  public let members: Fields

  public var sequence: SequenceNumber { header.sequence }
  public var kind: EntryKind { header.kind }

  /// - Throws: ``JournalError/damaged(_:)`` or ``JournalError/unsupported(_:)``.
  package init(_ stored: StoredEntry) throws {
    header = stored.header
    members = try stored.plainBody.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      var members = Fields()
      for key in BodyKey.allCases {
        guard let raw = body.raw(key) else { continue }
        var reader = CBORReader(raw)
        members["\(key)"] = try reader.value(maxDepth: Limits.depth + 2)
      }
      return members
    }
  }
}
