/// An archive a trim made, as its `trimmed` entry names it.
package struct ArchiveName: Sendable, Hashable {
  /// The path as it was given then.
  package var path: String
  /// SHA-256 of the file.
  package var digest: TreeHash
  /// The last sequence the archive holds.
  package var through: SequenceNumber

  package init(path: String, digest: TreeHash, through: SequenceNumber) {
    self.path = path
    self.digest = digest
    self.through = through
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(through)
    digest.append(to: &bytes)
    bytes.append(contentsOf: path.utf8)
    return bytes
  }

  package init(_ payload: [UInt8]) throws(JournalError) {
    let name: Result<ArchiveName, JournalError> = payload.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in try ArchiveName(bytes) }
    }
    self = try name.get()
  }

  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    through = try reader.integer(UInt64.self)
    guard let digest = TreeHash(bytes: try reader.take(32)) else {
      throw .damaged("the name of an archive is malformed; run `journal verify`")
    }
    self.digest = digest
    path = String(decoding: try reader.rest(), as: UTF8.self)
  }
}

extension JournalReader {
  /// The archives made by trims, oldest first.
  package func archives() throws -> [ArchiveName] {
    if storage.holdsFold {
      return try metaRows(prefix: MetaKey.archives).map { row in
        try row.payload.withUnsafeBytes { try ArchiveName($0) }
      }
    }
    // A pack holds what was folded at its horizon only.
    var archives: [ArchiveName] = []
    try Baseline.scan(storage, generation: horizon.generation) { table, key, payload in
      guard table == .meta else { return false }
      if key.starts(with: MetaKey.archives.utf8) { archives.append(try ArchiveName(payload)) }
      return true
    }
    return archives
  }

  /// Whether any entry of a range is no longer held. Linear in the entries that are held below the horizon, up to
  /// the first one that is not.
  package func isAnythingTrimmed(
    from first: SequenceNumber, through last: SequenceNumber = .max
  ) throws -> Bool {
    let end = min(horizon.sequence, last < .max ? last + 1 : .max)
    var expected = max(first, 1)
    try scanEntries(from: expected) { entry in
      guard entry.header.sequence == expected, expected < end else { return false }
      expected += 1
      return true
    }
    return expected < end
  }

  /// Where to look for what stood at a sequence below the horizon.
  package func archiveAdvice(for sequence: SequenceNumber) throws -> String {
    guard let archive = try archives().first(where: { $0.through >= sequence }) else {
      return "no archive was made of them"
    }
    return "look into the archive \(archive.path)"
  }
}
