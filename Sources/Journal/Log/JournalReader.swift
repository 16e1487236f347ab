/// One consistent view of a journal's tables: everything that reads goes through here, whether
/// the bytes come mapped from LMDB or page by page from a file nobody trusts.
///
/// Lent to a closure or held by one thread; not thread-safe.
package final class JournalReader {
  package let storage: any StorageReader
  package let identity: JournalIdentity
  package let head: Head
  package let horizon: Horizon
  package let devices: [DeviceID]

  /// - Throws: ``JournalError`` when the rows every journal has are missing or damaged.
  package init(_ storage: any StorageReader) throws {
    self.storage = storage
    func required<R>(
      _ key: String, _ decode: (UnsafeRawBufferPointer) throws(JournalError) -> R
    ) throws -> R {
      guard let value = try storage.withValue(.meta, [UInt8](key.utf8), { try decode($0) }) else {
        throw JournalError.damaged("the journal has no row `\(key)`; run `journal verify`")
      }
      return value
    }
    let identity = try required(MetaKey.journal) { p throws(JournalError) in try JournalIdentity(p)
    }
    self.identity = identity
    head = try required(MetaKey.head) { p throws(JournalError) in try Head(p) }
    horizon =
      try storage.withValue(.meta, [UInt8](MetaKey.horizon.utf8)) { try Horizon($0) } ?? Horizon()
    devices = identity.deviceIDs
    // Until somebody brings the key.
    if identity.isSealed, storage.sealer == nil { storage.sealer = LockedRows.shared }
  }

  /// Whether contents are encrypted and no key was given: headers and hashes can be read.
  package var isLocked: Bool { storage.sealer is LockedRows }

  package func meta(_ key: String) throws -> [UInt8]? {
    try storage.withValue(.meta, [UInt8](key.utf8)) { [UInt8]($0) }
  }

  /// The rows of `meta` whose key begins with `prefix`, by key.
  package func metaRows(prefix: String) throws -> [(key: String, payload: [UInt8])] {
    try storage.metaRows(prefix: prefix)
  }

  /// The tree size a remote last acknowledged; nil before the first contact.
  package func witnessedSize(of remote: String) throws -> UInt64? {
    try meta(MetaKey.witness(remote))?.withUnsafeBytes { bytes in
      var row = RowReader(bytes)
      return try row.integer(UInt64.self)
    }
  }

  package func counts() throws -> FoldCounts {
    try meta(MetaKey.fold)?.withUnsafeBytes { bytes in try FoldCounts(bytes) } ?? FoldCounts()
  }

  /// The entry with this sequence, or nil where it was trimmed or never was.
  package func entry(_ sequence: SequenceNumber) throws -> StoredEntry? {
    try storage.withValue(.entries, [UInt8](sequence: sequence)) {
      try StoredEntry.decode($0, sequence: sequence, devices: devices)
    }
  }

  /// Entries held from a sequence on, in order; `body` returns false to stop.
  package func scanEntries(
    from sequence: SequenceNumber, _ body: (StoredEntry) throws -> Bool
  ) throws {
    try storage.scan(.entries, from: [UInt8](sequence: sequence)) { key, payload in
      let sequence = try Self.sequence(ofKey: key)
      return try body(StoredEntry.decode(payload, sequence: sequence, devices: devices))
    }
  }

  /// Like ``scanEntries(from:_:)``, with each entry lent where it lies: nothing is copied.
  package func scanHeld(
    from sequence: SequenceNumber, _ body: (HeldEntry) throws -> Bool
  ) throws {
    try storage.scan(.entries, from: [UInt8](sequence: sequence)) { key, payload in
      let sequence = try Self.sequence(ofKey: key)
      return try body(HeldEntry(payload, sequence: sequence, devices: devices))
    }
  }

  package static func sequence(
    ofKey key: UnsafeRawBufferPointer
  ) throws(JournalError) -> SequenceNumber {
    guard key.count == 8 else {
      throw .damaged("a key that should be a sequence has \(key.count) bytes; run `journal verify`")
    }
    return UInt64(bigEndian: key.loadUnaligned(as: UInt64.self))
  }

  package func remembered(_ id: EntryID) throws -> RememberedID? {
    try storage.withValue(.ids, id.bytes) { try RememberedID($0) }
  }

  package func edit(_ sequence: SequenceNumber) throws -> EditState? {
    try storage.withValue(.edits, [UInt8](sequence: sequence)) { try EditState($0) }
  }

  /// Edits not yet settled, ascending; `body` returns false to stop.
  package func scanEdits(
    from sequence: SequenceNumber = 0, _ body: (SequenceNumber, EditState) throws -> Bool
  ) throws {
    try storage.scan(.edits, from: [UInt8](sequence: sequence)) { key, payload in
      try body(Self.sequence(ofKey: key), EditState(payload))
    }
  }

  /// The greatest sequence recorded at or before `time`; 0 when there is none.
  ///
  /// - Throws: ``JournalError/belowHorizon(_:)`` when only trimmed entries could tell.
  package func sequence(at time: Timestamp) throws -> SequenceNumber {
    var low = horizon.sequence
    var high = head.lastSequence + 1
    // Times never decrease along the sequence: find the first entry after `time`.
    while low < high {
      let middle = low + (high - low) / 2
      guard let entry = try entry(middle) else {
        throw JournalError.damaged("entry \(middle) is missing; run `journal verify`")
      }
      if entry.header.time <= time { low = middle + 1 } else { high = middle }
    }
    if low == horizon.sequence, horizon.sequence > 1 {
      throw JournalError.belowHorizon(
        "what the journal showed at \(time) lies below the horizon: entries before "
          + "\(horizon.sequence) were trimmed; \(try archiveAdvice(for: horizon.sequence - 1))")
    }
    return low - 1
  }
}
