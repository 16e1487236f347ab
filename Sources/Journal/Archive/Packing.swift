extension JournalReader {
  /// Writes what this view holds through a sequence into one file: entries, baseline, gap hashes
  /// and a checkpoint, no key and no secret.
  ///
  /// Linear in what is held. The file stands there whole and durable, or not at all.
  ///
  /// - Parameters:
  ///   - path: A file that does not exist yet.
  ///   - through: The last sequence; nil is the view's last. Not below horizon − 1.
  ///   - checkpoint: A signed note over exactly these entries; nil leaves it out.
  ///   - isRedacted: Leaves bodies, salts and the baseline out: what remains proves order, times and
  ///     devices, and shows no content.
  /// - Returns: SHA-256 of the file.
  /// - Throws: ``JournalError``.
  @discardableResult
  package func pack(
    to path: String, through: SequenceNumber? = nil, checkpoint: String?, isRedacted: Bool = false,
    progress: (SequenceNumber) -> Void = { _ in }
  ) throws -> TreeHash {
    let last = through ?? head.lastSequence
    guard last + 1 >= horizon.sequence, last <= head.lastSequence else {
      throw JournalError.invalidInput(
        "a pack ends between the horizon \(horizon.sequence) and the last sequence "
          + "\(head.lastSequence)")
    }
    let writer = try PackWriter(path: path)
    for row in try packedMeta(through: last, checkpoint, isRedacted) {
      try writer.add(.meta, key: [UInt8](row.key.utf8), payload: row.payload)
    }
    // What is encrypted goes into the file as it lies: whoever reads it needs the same key.
    let sealer = storage.sealer
    storage.sealer = nil
    defer { storage.sealer = sealer }
    try storage.scan(.entries, from: nil) { key, payload in
      let sequence = try Self.sequence(ofKey: key)
      guard sequence <= last else { return false }
      if isRedacted {
        let prefix = try StoredEntry.withoutBody(payload, encoding: StoredEntry.withheldEncoding)
        try prefix.withUnsafeBytes { try writer.add(.entries, key: key, payload: $0) }
      } else {
        try writer.add(.entries, key: key, payload: payload)
      }
      progress(sequence)
      return true
    }
    if !isRedacted {
      try Baseline.scan(storage, generation: horizon.generation) { table, key, payload in
        let key = Baseline.key(table, key, generation: horizon.generation)
        try key.withUnsafeBytes { try writer.add(.baseline, key: $0, payload: payload) }
        return true
      }
    }
    try storage.scan(.gaps, from: nil) { key, payload in
      try writer.add(.gaps, key: key, payload: payload)
      return true
    }
    return try writer.finish()
  }

  private func packedMeta(
    through last: SequenceNumber, _ checkpoint: String?, _ isRedacted: Bool
  ) throws -> [(key: String, payload: [UInt8])] {
    var head = Head()
    head.lastSequence = last
    head.frontier =
      last == self.head.lastSequence
      ? self.head.frontier : try MerkleTree.frontier(size: last, in: JournalTree(self))
    head.lastTime = try last == 0 ? head.lastTime : entry(last)?.header.time ?? self.head.lastTime
    var horizon = horizon
    // What has not gone yet is in the pack; nothing of it waits to go.
    horizon.nextToTrim = horizon.sequence
    var identity = identity
    // Empty it would say that the journal is encrypted; of a redacted pack nothing is.
    let isSealed = identity.isSealed && !isRedacted
    identity.secret = isSealed ? [] : [UInt8](repeating: 0, count: 32)
    var rows = [
      (MetaKey.head, head.encoded), (MetaKey.horizon, horizon.encoded),
      (MetaKey.journal, identity.encoded),
    ]
    if !isRedacted, let keys = try meta(MetaKey.encryption) {
      rows.append((MetaKey.encryption, keys))
    }
    if let checkpoint { rows.append((MetaKey.checkpoint, [UInt8](checkpoint.utf8))) }
    if try isRedacted || self.isRedacted { rows.append((MetaKey.redacted, [1])) }
    return rows.map { (key: $0.0, payload: $0.1) }
      .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  /// Whether this is a pack made without bodies.
  package var isRedacted: Bool {
    get throws { try meta(MetaKey.redacted) != nil }
  }

  /// The checkpoint a pack was made with; nil for a journal's own directory.
  package var packedCheckpoint: String? {
    get throws { try meta(MetaKey.checkpoint).map { String(decoding: $0, as: UTF8.self) } }
  }
}

extension StoredEntry {
  /// The body was left out of a redacted pack.
  package static let withheldEncoding: UInt8 = 254
  /// The body and its salt were destroyed by an erasure.
  package static let erasedEncoding: UInt8 = 255

  /// A stored entry's row as it is without salt and body.
  static func withoutBody(
    _ payload: UnsafeRawBufferPointer, encoding: UInt8
  ) throws(JournalError) -> [UInt8] {
    guard payload.count >= overhead else {
      throw .damaged("an entry is shorter than its header; run `journal verify`")
    }
    var row = [UInt8](payload[..<overhead])
    // An erased body stays known as erased.
    row[74] = row[74] == erasedEncoding ? erasedEncoding : encoding
    for index in 75..<(row[74] == erasedEncoding || payload[74] != plainEncoding ? overhead : 91) {
      row[index] = 0
    }
    return row
  }
}
