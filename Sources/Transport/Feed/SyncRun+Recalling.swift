import Journal

/// Finding out that a server which names no history went back to an earlier state.
///
/// Restored from a backup it has none of the versions it gave since. So one record that stands at the very version
/// it was known at says that all before is there; and where the newest that are known are gone or older, what
/// lies above the newest that is not was lost. A record that somebody has written again since says nothing.
extension SyncRun {
  /// How many of the records shown last are asked for.
  private static let witnesses = 16
  /// Most records asked for at once.
  private static let block = 100

  /// Begins a generation where the server has lost what it showed: the edits it lost are pending again.
  ///
  /// Asks once in a run, and not where what is shown answers it.
  ///
  /// - Parameter shown: What the server has just shown.
  /// - Returns: Whether one began.
  mutating func beginIfForgotten(showing shown: [FeedChange] = []) async throws -> Bool {
    guard !hasRecalled, let server = remote.recalling else { return false }
    let (name, folder) = (declaration.name, journal.folder)
    let (cursor, known) = try journal.read(span: .long) { reader in
      (
        try reader.readingPlace(of: name),
        try Recollection.newest(reader, folder, remote: name, limit: Self.witnesses)
      )
    }
    guard let cursor, !cursor.cursor.isEmpty, !cursor.isTaking else { return false }
    let collections = Recollection.byCollection(known).filter { !$0.isShown(by: shown) }
    guard !collections.isEmpty else { return false }
    hasRecalled = true
    var through: [[UInt8]: ServerVersion] = [:]
    var isLost = false
    var anew: Set<[UInt8]> = []
    for collection in collections {
      guard
        let versions = try await server.versions(
          of: collection.records.map(\.key), in: collection.name),
        versions.count == collection.records.count
      else { continue }
      let found = collection.judge(versions)
      through[Array(collection.name.utf8)] = found.through
      guard found.isLost else { continue }
      if try await server.hasBegunAnew(collection.name, since: cursor.cursor) {
        anew.insert(Array(collection.name.utf8))
      } else {
        isLost = true
      }
    }
    guard isLost else { return false }
    let lost = try await lostEdits(server, through, except: anew)
    try await begin(.wentBack, epoch: cursor.epoch, lost: lost)
    return true
  }

  /// The settled edits that the server had accepted and does not have any more.
  ///
  /// Asks for the records of the newest ones, block by block, until one stands as it is known.
  private func lostEdits(
    _ server: any RecallingRemote, _ through: [[UInt8]: ServerVersion], except anew: Set<[UInt8]>
  ) async throws -> Set<SequenceNumber> {
    let (name, folder) = (declaration.name, journal.folder)
    let accepted = try journal.read(span: .long) {
      try Recollection.accepted($0, folder, by: name)
    }
    var lost: Set<SequenceNumber> = []
    for (collection, edits) in accepted where !anew.contains(collection) {
      var through = through[collection]
      var rest = edits.sorted { $0.version > $1.version }[...]
      while let next = rest.first, through.map({ next.version > $0 }) ?? true {
        var block: [RecalledEdit] = []
        var keys: [String] = []
        var asked: Set<[UInt8]> = []
        while let edit = rest.first, asked.contains(edit.rowKey) || keys.count < Self.block {
          if asked.insert(edit.rowKey).inserted { keys.append(edit.key) }
          block.append(rest.removeFirst())
        }
        let collectionName = String(decoding: collection, as: UTF8.self)
        lost.formUnion(block.map(\.sequence))
        // What cannot be asked for counts as lost: sent again it changes nothing where it is there.
        guard let versions = try await server.versions(of: keys, in: collectionName),
          versions.count == keys.count
        else { continue }
        var standing: [[UInt8]: ServerVersion] = [:]
        for (key, version) in zip(keys, versions) { standing[Array(key.utf8)] = version }
        for edit in block {
          guard let version = standing[Array(edit.key.utf8)],
            version == edit.version || version == edit.known
          else { continue }
          through = through.map { max($0, version) } ?? version
        }
      }
      // What lies below is there, also where it stood in the same block.
      if let through {
        for edit in edits where edit.version <= through { lost.remove(edit.sequence) }
      }
    }
    return lost
  }
}

/// An edit that a server accepted, with what is known of its record by now.
private struct RecalledEdit: Sendable {
  let sequence: SequenceNumber
  let version: ServerVersion
  let key: String
  let rowKey: [UInt8]
  /// The version its record was shown at last.
  let known: ServerVersion?
}

/// What a journal knows of the versions a remote gave.
private enum Recollection {
  /// The records of one collection, of those that were shown last.
  struct Collection {
    var name: String
    var records: [ShownRecord]

    /// Whether the newest of them is among changes just as it is known.
    func isShown(by changes: [FeedChange]) -> Bool {
      guard let newest = records.max(by: { $0.version < $1.version }) else { return true }
      return changes.contains { change in
        change.version == newest.version && change.key.utf8.elementsEqual(newest.key.utf8)
          && change.collection.utf8.elementsEqual(name.utf8)
      }
    }

    /// Up to which version the server has what it gave, as far as these tell, and whether it lost any.
    func judge(_ versions: [ServerVersion?]) -> (through: ServerVersion?, isLost: Bool) {
      let through = zip(records, versions).filter { $0.version == $1 }.map(\.0.version).max()
      let isLost = zip(records, versions).contains { record, version in
        if let through, record.version < through { return false }
        // A deletion is forgotten when tombstones are purged.
        guard let version else { return record.isLive }
        return version < record.version
      }
      return (through, isLost)
    }
  }

  static func byCollection(_ records: [ShownRecord]) -> [Collection] {
    var collections: [Collection] = []
    for record in records {
      let place = collections.firstIndex { $0.name.utf8.elementsEqual(record.collection.utf8) }
      if let place {
        collections[place].records.append(record)
      } else {
        collections.append(Collection(name: record.collection, records: [record]))
      }
    }
    return collections
  }

  /// The records a remote showed last: as the entries say it, and where none are held any more those that
  /// stand at the highest versions, which is linear in the records.
  static func newest(
    _ reader: JournalReader, _ folder: any InlineFolder, remote: String, limit: Int
  ) throws -> [ShownRecord] {
    let shown = try reader.lastShown(by: remote, limit: limit)
    guard shown.isEmpty, let cursor = try reader.cursor(of: remote) else { return shown }
    let ownership = Ownership(of: remote, among: try reader.remotes())
    var newest: [ShownRecord] = []
    try folder.scanBases(reader.storage, from: []) { rowKey, base in
      guard base.generation == cursor.generation, base.version.timestamp > 0,
        base.version.tieBreak == 0,
        newest.count < limit || newest.last.map({ $0.version < base.version }) ?? true
      else { return true }
      let names = try RecordAddress.names(inRowKey: rowKey)
      guard ownership.owns(collection: Array(names.collection.utf8)) else { return true }
      newest.append(
        ShownRecord(
          collection: names.collection, key: names.key, version: base.version, isLive: base.isLive))
      newest.sort { $0.version > $1.version }
      if newest.count > limit { newest.removeLast() }
      return true
    }
    return newest
  }

  /// The settled edits a remote accepted, by collection. Linear in the entries held.
  static func accepted(
    _ reader: JournalReader, _ folder: any InlineFolder, by remote: String
  ) throws -> [[UInt8]: [RecalledEdit]] {
    var found: [[UInt8]: [RecalledEdit]] = [:]
    for line in try reader.settled(by: remote, above: nil) {
      let record = try reader.entry(line.edit)?.plainBody.withUnsafeBytes { try Body($0).record() }
      guard let record = record ?? nil else { continue }
      let rowKey = try folder.currentKey(record.rowKey, before: .max, in: reader.storage)
      let names = try RecordAddress(rowKey: rowKey).names
      var known: ServerVersion?
      try folder.lendBase(of: rowKey, in: reader.storage) { known = $0.version }
      found[Array(names.collection.utf8), default: []].append(
        RecalledEdit(
          sequence: line.edit, version: line.version, key: names.key, rowKey: rowKey, known: known))
    }
    return found
  }
}
