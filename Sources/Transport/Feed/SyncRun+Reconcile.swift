import Journal

/// Comparing what is known of a server's records with the server, and repairing what differs.
extension SyncRun {
  /// Records in a bucket, about: as many are read for one that differs.
  private static let bucketRecords: UInt64 = 16

  /// Compares behind a complete pull: what differs then was missed, by whoever's mistake.
  ///
  /// Records that differ or are missing are taken in as they are on the server; those it does not have are
  /// gone. Edits that wait stay on top of both.
  ///
  /// - Throws: ``TransportError/massDeletion(_:)`` before the first record goes.
  mutating func reconcile(_ options: SyncEngine.Options) async throws {
    let name = declaration.name
    let device = try journal.device
    guard let server = remote.reconciling, let cursor = try await cursorAtEnd() else { return }
    let theirs = try await server.digests(at: cursor.cursor, device: device)
    let folder = journal.folder
    let mine = try journal.read(span: .long) { reader in
      let digests = try BaseDigests(reader, folder, remote: name)
      return (
        compared: theirs.filter { digests.isCompared($0.collection) },
        known: try digests.collections()
      )
    }
    var gone: [FullState.Unshown] = []
    for collection in Self.differing(mine.known, mine.compared) {
      let found = try await repair(collection, at: cursor, from: server, device)
      gone += found
    }
    let known = mine.known.reduce(0) { $0 + Int(clamping: $1.records) }
    let count = FullState.Count(shown: max(0, known - gone.count), unshown: gone.count)
    let note = try await release(count, options)
    if note?.outcome != .kept { try await remove(gone) }
    if let note {
      _ = try await journal.transact { context in
        try context.append(Draft(.cursor, body: cursor.body(remote: name, brake: note)))
      }
      hasAppended = true
    }
  }

  /// The cursor at which the device has what the server had.
  ///
  /// A page that told nothing new moves no cursor, but what it told may be known from an answer: compared with how things
  /// stood before, that would look like a difference.
  private mutating func cursorAtEnd() async throws -> RemoteCursor? {
    let (name, end) = (declaration.name, end)
    let (cursor, hasMoved) = try await journal.transact { context -> (RemoteCursor?, Bool) in
      guard var cursor = try context.reader().cursor(of: name) else { return (nil, false) }
      guard let end, !end.cursor.utf8.elementsEqual(cursor.cursor.utf8) else {
        return (cursor, false)
      }
      (cursor.epoch, cursor.cursor, cursor.through) = (end.epoch, end.cursor, end.through)
      try context.append(Draft(.cursor, body: cursor.body(remote: name)))
      return (cursor, true)
    }
    hasAppended = hasAppended || hasMoved
    return cursor
  }

  /// The collections whose digests differ, with the greater number of records.
  private static func differing(
    _ mine: [CollectionDigest], _ theirs: [CollectionDigest]
  ) -> [(name: String, records: UInt64)] {
    var known: [[UInt8]: CollectionDigest] = [:]
    for digest in mine { known[[UInt8](digest.collection.utf8)] = digest }
    var found: [(name: String, records: UInt64)] = []
    for digest in theirs {
      let own = known.removeValue(forKey: [UInt8](digest.collection.utf8))
      guard own != digest else { continue }
      found.append((digest.collection, max(digest.records, own?.records ?? 0)))
    }
    return found + known.values.map { ($0.collection, $0.records) }.sorted { $0.0 < $1.0 }
  }

  /// Takes in what differs in a collection; returns what the server does not have.
  private mutating func repair(
    _ collection: (name: String, records: UInt64), at cursor: RemoteCursor,
    from server: any ReconcilingRemote, _ device: DeviceID
  ) async throws -> [FullState.Unshown] {
    let (name, folder) = (declaration.name, journal.folder)
    let bits = Self.bits(for: collection.records)
    let theirs =
      bits == 0
      ? []
      : try await server.digest(
        of: collection.name, bits: bits, at: cursor.cursor, device: device)
    let mine = try journal.read(span: .long) { reader in
      try BaseDigests(reader, folder, remote: name).buckets(of: collection.name, bits: bits)
    }
    guard bits == 0 || theirs.count == mine.count else {
      throw TransportError.protocolViolation(
        "the server gave another number of digests than asked for")
    }
    let size = StateDigest.digestBytes
    let buckets = (0..<(mine.count / size)).filter { bucket in
      let range = (bucket * size)..<((bucket + 1) * size)
      return bits == 0 || mine[range] != theirs[range]
    }.map { UInt16(truncatingIfNeeded: $0) }
    var gone: [FullState.Unshown] = []
    for start in stride(from: 0, to: buckets.count, by: DigestCodec.maximumBuckets) {
      let asked = Array(buckets[start..<min(start + DigestCodec.maximumBuckets, buckets.count)])
      var known = try journal.read(span: .long) { reader in
        try BaseDigests(reader, folder, remote: name)
          .leaves(of: collection.name, in: Set(asked), bits: bits)
      }
      var place: String?
      repeat {
        let page = try await server.records(
          of: collection.name, in: asked, bits: bits, at: cursor.cursor, from: place,
          limit: pageLimit, device: device)
        guard page.hasMore == false || (page.cursor != place && !page.changes.isEmpty) else {
          throw TransportError.protocolViolation("the server shows the same records again")
        }
        try await take(page, of: collection.name, differingFrom: &known)
        place = page.hasMore ? page.cursor : nil
      } while place != nil
      gone += known.leaves.keys.sorted { $0.lexicographicallyPrecedes($1) }.map { key in
        FullState.Unshown(
          rowKey: key, born: known.born[key] ?? ServerVersion(timestamp: 0, tieBreak: 0))
      }
    }
    return gone
  }

  private static func bits(for records: UInt64) -> Int {
    var bits = 0
    while bits < StateDigest.maximumBits, records >> UInt64(bits) > bucketRecords { bits += 1 }
    return bits
  }

  /// Takes in the records of a page that are not known as they are there.
  private mutating func take(
    _ page: FeedPage, of collection: String, differingFrom known: inout BaseDigests.Leaves
  ) async throws {
    var changes: [FeedChange] = []
    for change in page.changes {
      guard case .live(let fields) = change.state,
        change.collection.utf8.elementsEqual(collection.utf8)
      else {
        throw TransportError.protocolViolation("the server shows records it was not asked for")
      }
      let key = try RecordAddress(collection: change.collection, key: change.key).rowKey
      let leaf = key.withUnsafeBytes { key in
        fields.withUnsafeBytes { StateDigest.leaf(key, change.version, $0) }
      }
      if known.leaves.removeValue(forKey: key) != leaf { changes.append(change) }
    }
    report.repaired += try await repair(changes, epoch: page.epoch)
    onProgress(SyncProgress(phase: .reconciling, done: UInt64(report.repaired)))
  }

  /// Removes what the server does not have.
  private mutating func remove(_ gone: [FullState.Unshown]) async throws {
    var changes: [FeedChange] = []
    for record in gone {
      let names = try RecordAddress(rowKey: record.rowKey).names
      changes.append(
        FeedChange(
          collection: names.collection, key: names.key,
          version: ServerVersion(timestamp: 0, tieBreak: 0), born: record.born,
          state: filters.unshown(names.collection)))
    }
    let count = try await repair(changes, epoch: epoch)
    report.repaired += count
    report.vanished += count
  }

  /// Takes in how the server has records; returns of how many that was news. One that is neither taken nor here is
  /// none.
  private mutating func repair(_ changes: [FeedChange], epoch: String) async throws -> Int {
    var intake = Intake(remote: declaration.name, epoch: epoch, isRepair: true)
    intake.filters = filters
    let taking = intake
    var count = 0
    for start in stride(from: 0, to: changes.count, by: Limits.groupEntries) {
      let part = changes[start..<min(start + Limits.groupEntries, changes.count)]
      let outcome = try await journal.transact { context in
        var outcome = Intake.Outcome()
        let test = try taking.filters.test(context)
        for change in part {
          outcome.add(try taking.append(change, testedBy: test, context))
        }
        return outcome
      }
      add(outcome)
      count += outcome.appended
    }
    return count
  }
}
