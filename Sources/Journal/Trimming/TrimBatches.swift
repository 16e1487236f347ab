/// What follows a `trimmed` entry: the entries go, then the old baseline, then old ids.
extension Journal {
  /// How long ids of trimmed edits are remembered: 400 days.
  package static let idMemoryMilliseconds: UInt64 = 400 * 24 * 3_600 * 1_000
  /// Rows a batch looks at. Small, so that no writer waits long for its turn.
  static let trimBatchRows = 250

  /// Goes on, in the background, with a trim that was cut short before this opening.
  func continueTrim() {
    do {
      let step = try read(span: .long) { try TrimStep($0) }
      guard step.hasWork else { return }
      submit {
        try step.run($0)
      } completion: { [weak self] result in
        if case .success = result { self?.continueTrim() }
      }
    } catch {
      // Whoever trims, reads or verifies next meets the same damage and is told.
      return
    }
  }

  /// Goes on with a trim that was cut short. Cheap when there is none.
  package func finishTrim() async throws {
    var step = try read(span: .long) { try TrimStep($0) }
    while step.hasWork {
      try await transact { [step] in try step.run($0) }
      step = try read(span: .long) { [step] in try TrimStep($0, after: step) }
    }
    try await forgetIDs()
  }

  private func forgetIDs() async throws {
    let now = configuration.now().milliseconds
    guard now > Self.idMemoryMilliseconds else { return }
    let oldest = now - Self.idMemoryMilliseconds
    while true {
      let ids = try read(span: .long) { try Self.forgettable($0, before: oldest) }
      guard !ids.isEmpty else { return }
      try await transact { try Self.forget(ids, $0) }
    }
  }

  /// Some of the ids that are older than the id memory, by their own time and their recording's.
  private static func forgettable(
    _ reader: JournalReader, before oldest: UInt64
  ) throws -> [EntryID] {
    var ids: [EntryID] = []
    try reader.storage.scan(.ids, from: nil) { key, payload in
      guard let id = EntryID(bytes: key), id.high >> 16 < oldest else { return false }
      guard let time = id.unixMilliseconds, time < oldest,
        let trimmed = try RememberedID(payload).trimmed(id), trimmed.time.milliseconds < oldest
      else { return true }
      ids.append(id)
      return ids.count < trimBatchRows
    }
    return ids
  }

  private static func forget(_ ids: [EntryID], _ context: AppendContext) throws {
    for id in ids { try context.delete(.ids, id.bytes) }
    let stored = try context.state.meta(MetaKey.forgotten)
    let before: UInt64? = try stored?.withUnsafeBytes { bytes in
      var row = RowReader(bytes)
      return try row.integer(UInt64.self)
    }
    if let newest = ids.compactMap(\.unixMilliseconds).max(), newest > before ?? 0 {
      try context.putMeta(MetaKey.forgotten, [UInt8](sequence: newest))
    }
  }
}

/// The next batch of a trim under way, prepared outside the write transaction.
struct TrimStep: Sendable {
  private let horizon: Horizon
  private let islands: Islands
  /// Whether rows of a baseline no longer in force wait to be deleted.
  private let hasOldBaseline: Bool

  var hasWork: Bool { !horizon.isTrimComplete || hasOldBaseline }

  /// - Parameter earlier: The step before, whose view of the islands is good for the same trim.
  init(_ reader: JournalReader, after earlier: TrimStep? = nil) throws {
    horizon = reader.horizon
    if let earlier, earlier.horizon.entry == horizon.entry {
      islands = earlier.islands
    } else {
      islands =
        horizon.isTrimComplete
        ? Islands() : try Islands(reader, open: Baseline.openEdits(reader))
    }
    var found = false
    // A baseline that somebody is just writing is not an old one.
    if horizon.isTrimComplete, horizon.entry != 0, try reader.meta(MetaKey.nextBaseline) == nil {
      try Baseline.scan(reader.storage, generation: horizon.generation ^ 1) { _, _, _ in
        found = true
        return false
      }
    }
    hasOldBaseline = found
  }

  /// Does what is next, unless another process has gone on meanwhile.
  func run(_ context: AppendContext) throws {
    let reader = try context.reader()
    guard reader.horizon == horizon else { return }
    if horizon.isTrimComplete {
      guard try reader.meta(MetaKey.nextBaseline) == nil else { return }
      _ = try Baseline.clear(
        context, generation: horizon.generation ^ 1, limit: Journal.trimBatchRows)
    } else {
      try removeEntries(context, reader)
    }
  }

  private func removeEntries(_ context: AppendContext, _ reader: JournalReader) throws {
    var row = horizon
    var removed: [StoredEntry] = []
    var seen = 0
    row.nextToTrim = row.sequence
    try reader.scanEntries(from: horizon.nextToTrim) { entry in
      guard entry.header.sequence < row.sequence else { return false }
      guard seen < Journal.trimBatchRows else {
        row.nextToTrim = entry.header.sequence
        return false
      }
      seen += 1
      if try !islands.contains(entry) { removed.append(entry) }
      return true
    }
    var gaps = Gaps()
    for entry in removed {
      gaps.add(entry.header.leafHash, sequence: entry.header.sequence)
      try remove(entry, context)
    }
    try gaps.store(context.transaction)
    try context.putMeta(MetaKey.horizon, row.encoded)
  }

  private func remove(_ entry: StoredEntry, _ context: AppendContext) throws {
    let header = entry.header
    try context.delete(.entries, [UInt8](sequence: header.sequence))
    guard header.kind.hasRememberedID else { return }
    // As long as the row it replaces: no page splits.
    let remembered = RememberedID(header, isTrimmed: true)
    try context.put(.ids, header.id.bytes, remembered.encoded)
    guard entry.encoding == StoredEntry.plainEncoding else { return }
    let origin = try entry.body.withUnsafeBytes { try Origin(Body($0)) }
    if let origin { try context.delete(.origins, origin.key) }
  }
}
