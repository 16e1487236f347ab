/// A record as a remote showed it last.
package struct ShownRecord: Sendable, Hashable {
  package var collection: String
  package var key: String
  package var version: ServerVersion
  package var isLive: Bool

  package init(collection: String, key: String, version: ServerVersion, isLive: Bool) {
    (self.collection, self.key) = (collection, key)
    (self.version, self.isLive) = (version, isLive)
  }
}

extension JournalReader {
  /// The records a remote showed last in its present history, by its feed or by its answers, newest first.
  ///
  /// Left out are those whose version the remote did not give: one with a tie-break was made here. Looks
  /// back until it has found enough, and not further than 20,000 entries.
  package func lastShown(by remote: String, limit: Int) throws -> [ShownRecord] {
    let generation = try cursor(of: remote)?.generation
    var found: [ShownRecord] = []
    var seen: Set<[UInt8]> = []
    var left = 20_000
    try storage.scanBackward(.entries, from: nil) { key, payload in
      left -= 1
      let sequence = try Self.sequence(ofKey: key)
      guard left >= 0, sequence >= horizon.sequence else { return false }
      let entry = try HeldEntry(payload, sequence: sequence, devices: devices)
      let kind = entry.header.kind
      guard kind == .remoteChange || kind == .cursor, entry.encoding != StoredEntry.erasedEncoding
      else { return true }
      let body = try Body(entry.plainBody)
      guard try body.text(.remote) == remote else { return true }
      guard kind == .remoteChange else {
        return try RemoteCursor(body, entry: sequence).generation == generation
      }
      guard let names = try body.record()?.names, let rowKey = try body.record()?.rowKey,
        let version = try body.version(.version), seen.insert(rowKey).inserted,
        version.timestamp > 0, version.tieBreak == 0
      else { return true }
      found.append(
        ShownRecord(
          collection: names.collection, key: names.key, version: version,
          isLive: try body.unsigned(.state) == 0))
      return found.count < limit
    }
    return found
  }
}
