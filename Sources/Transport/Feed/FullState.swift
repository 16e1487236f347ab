import Journal

/// The full state of a generation that is being read: what it has shown and what it has not.
struct FullState: Sendable {
  /// A record that the server had and no longer shows.
  struct Unshown: Sendable {
    var rowKey: [UInt8]
    var born: ServerVersion
  }

  /// How many records live in the server's order, as it is known here.
  struct Count: Sendable {
    var shown = 0
    var unshown = 0
  }

  private let remote: String
  private let generation: UInt32
  private let ownership: Ownership
  private let local: LocalCollections
  private let filters: TakenRecords

  /// Nil while no full state of the remote is being read.
  init?(_ reader: JournalReader, remote: String, _ filters: TakenRecords) throws {
    guard let cursor = try reader.cursor(of: remote), cursor.isTaking else { return nil }
    self.remote = remote
    generation = cursor.generation
    ownership = Ownership(of: remote, among: try reader.remotes())
    local = try reader.localCollections()
    self.filters = filters
  }

  // MARK: What was not shown

  /// Linear in the records. Those that are not asked for any more are expected to go and not counted.
  func count(_ reader: JournalReader, _ folder: any InlineFolder) throws -> Count {
    var count = Count()
    let test = try filters.test(folder)
    try scan(reader, folder, from: []) { rowKey, base in
      if base.generation == generation {
        count.shown += 1
      } else if let test, let fields = base.fields {
        let collection = try RecordAddress.names(inRowKey: rowKey).collection
        if try test.takes(collection, fields) { count.unshown += 1 }
      } else {
        count.unshown += 1
      }
      return true
    }
    return count
  }

  /// The next records the server has not shown, at most as many as one transaction takes.
  ///
  /// - Parameter isOutside: Only those that are not asked for.
  func unshown(
    _ reader: JournalReader, _ folder: any InlineFolder, from rowKey: [UInt8],
    isOutside: Bool = false
  ) throws -> [Unshown] {
    var found: [Unshown] = []
    let test = try isOutside ? filters.test(folder) : nil
    if isOutside, test == nil { return [] }
    try scan(reader, folder, from: rowKey) { rowKey, base in
      let isTaken =
        if let test, let fields = base.fields {
          try test.takes(RecordAddress.names(inRowKey: rowKey).collection, fields)
        } else {
          isOutside
        }
      if base.generation != generation, !isTaken {
        found.append(Unshown(rowKey: [UInt8](rowKey), born: base.born))
      }
      return found.count < Limits.groupEntries
    }
    return found
  }

  /// The live records of the remote's collections.
  private func scan(
    _ reader: JournalReader, _ folder: any InlineFolder, from rowKey: [UInt8],
    _ body: (UnsafeRawBufferPointer, RecordBase) throws -> Bool
  ) throws {
    // Records of one collection lie together: whose they are is asked once.
    var collection: (prefix: [UInt8], isOwned: Bool) = ([], false)
    try folder.scanBases(reader.storage, from: rowKey) { rowKey, base in
      guard base.isLive else { return true }
      if collection.prefix.isEmpty || !rowKey.starts(with: collection.prefix) {
        let name = [UInt8](try RecordAddress.names(inRowKey: rowKey).collection.utf8)
        let prefix = name.withUnsafeBytes { RecordAddress.prefix(collection: $0) }
        collection = (
          prefix, ownership.owns(collection: name) && !local.contains(prefix)
        )
      }
      return collection.isOwned ? try body(rowKey, base) : true
    }
  }

  // MARK: Entries

  /// Appends that records are gone: as deletions older than anything the server may still say of them.
  static func append(
    _ gone: [Unshown], with intake: Intake, _ context: AppendContext
  ) throws -> Intake.Outcome {
    var outcome = Intake.Outcome()
    for record in gone {
      // What was erased here meanwhile leaves no trace.
      guard try context.state.record(record.rowKey) != nil else { continue }
      let names = try RecordAddress(rowKey: record.rowKey).names
      outcome.add(
        try intake.append(
          FeedChange(
            collection: names.collection, key: names.key,
            version: ServerVersion(timestamp: 0, tieBreak: 0), born: record.born,
            state: intake.filters.unshown(names.collection)),
          context))
    }
    return outcome
  }

  /// Appends the cursor that ends the full state.
  func appendEnd(_ page: FeedPage, _ brake: BrakeNote?, _ context: AppendContext) throws {
    let cursor = RemoteCursor(
      epoch: page.epoch, cursor: page.cursor, through: page.through, generation: generation,
      filter: filters.digest)
    let body = cursor.body(remote: remote, brake: brake)
    try context.append(Draft(.cursor, body: body))
  }

  /// Of a page within a full state the newest change of each record: what lay between is past.
  ///
  /// Fields the server names as changed are left out: they are told from its state before, not from
  /// the one known here.
  static func newest(_ changes: [FeedChange]) throws -> [FeedChange] {
    var kept: [FeedChange?] = changes
    var last: [[UInt8]: Int] = [:]
    for (index, change) in changes.enumerated() where change.state != .erased {
      let key = try RecordAddress(collection: change.collection, key: change.key).rowKey
      if let earlier = last.updateValue(index, forKey: key) { kept[earlier] = nil }
      kept[index]?.changed = nil
    }
    return kept.compactMap { $0 }
  }
}
