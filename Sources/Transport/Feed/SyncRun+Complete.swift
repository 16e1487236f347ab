import Journal

/// Collections a page shows as a whole.
extension SyncRun {
  /// Removes the settled records of complete collections that the page does not show, before the page and
  /// its cursor are booked: cut short, both are asked for again.
  ///
  /// Not while a full state is read: its end does the same.
  ///
  /// - Throws: ``TransportError/massDeletion(_:)`` before the first record goes.
  mutating func removeUnshown(_ page: FeedPage, _ options: SyncEngine.Options) async throws {
    guard !page.complete.isEmpty else { return }
    let name = declaration.name
    let folder = journal.folder
    // What cannot be a key is refused when the page is booked.
    let shown = Set(
      page.changes.compactMap { try? RecordAddress(collection: $0.collection, key: $0.key).rowKey })
    let gone = try journal.read(span: .long) { reader in
      try reader.cursor(of: name)?.isTaking == true
        ? [] : CompleteSets.unshown(page.complete, shown, reader, folder)
    }
    let note = try await release(
      FullState.Count(shown: shown.count, unshown: gone.count), options)
    if note?.outcome == .kept { return }
    let intake = Intake(remote: name, epoch: page.epoch, isRepair: true)
    for start in stride(from: 0, to: gone.count, by: Limits.groupEntries) {
      let slice = gone[start..<min(start + Limits.groupEntries, gone.count)]
      add(
        try await journal.transact { context in
          var outcome = Intake.Outcome()
          for change in slice {
            let one = try intake.append(change, context)
            outcome.pulled += one.pulled
            outcome.conflicts += one.conflicts
            outcome.appended += one.appended
          }
          return outcome
        })
      report.vanished += slice.count
    }
    if let note { try await noteOutcome(note) }
  }
}

/// What is missing in sets that are complete.
private enum CompleteSets {
  /// Deletions of the live records that are not shown and have no edit on its way.
  static func unshown(
    _ collections: [String], _ shown: Set<[UInt8]>, _ reader: JournalReader,
    _ folder: any InlineFolder
  ) throws -> [FeedChange] {
    let edited = try editedRecords(reader, folder)
    let local = try reader.localCollections()
    var gone: [FeedChange] = []
    for collection in collections {
      let prefix = Array(collection.utf8).withUnsafeBytes {
        RecordAddress.prefix(collection: $0)
      }
      if local.contains(prefix) { continue }
      try folder.scanBases(reader.storage, from: prefix) { rowKey, base in
        guard rowKey.starts(with: prefix) else { return false }
        let key = [UInt8](rowKey)
        guard base.isLive, !shown.contains(key), !edited.contains(key) else { return true }
        // Older than anything: a record that one list has left out comes back as it was.
        gone.append(
          FeedChange(
            collection: collection, key: try RecordAddress(rowKey: key).names.key,
            version: ServerVersion(timestamp: 0, tieBreak: 0), born: base.born, state: .deleted))
        return true
      }
    }
    return gone
  }

  /// The server may have listed its records before it took these edits.
  private static func editedRecords(
    _ reader: JournalReader, _ folder: any InlineFolder
  ) throws -> Set<[UInt8]> {
    var records: Set<[UInt8]> = []
    try reader.scanEdits { sequence, _ in
      let record = try reader.entry(sequence)?.plainBody.withUnsafeBytes {
        try Body($0).record()
      }
      if let record = record ?? nil {
        records.insert(
          try folder.currentKey(record.rowKey, before: .max, in: reader.storage))
      }
      return true
    }
    return records
  }
}
