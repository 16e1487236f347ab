/// What a trim did, or would do.
public struct TrimReport: Sendable, Equatable {
  /// Entries that are no longer held.
  public var trimmed: UInt64 = 0
  /// The lowest sequence from which every entry is held.
  public var horizon: SequenceNumber = 1
  /// Tree size and root before the trim's own entry.
  public var size: UInt64 = 0
  public var root = TreeHash.empty
}

/// Which settled entries a trim leaves alone.
public enum TrimRetention: Sendable, Equatable {
  /// Whatever may go, goes.
  case nothing
  /// The newest entries, by number.
  case newest(UInt64)
  /// Entries recorded within the last so many milliseconds.
  case milliseconds(UInt64)
}

extension Journal {
  /// How long ids of trimmed edits are remembered: 400 days.
  package static let idMemoryMilliseconds: UInt64 = 400 * 24 * 3_600 * 1_000
  private static let batch = 1_000

  /// Trims settled entries below a new horizon, in batches, beginning with an entry that says so.
  ///
  /// Nothing is trimmed above what a witness last saw or above `bound`; edits not yet settled
  /// stay as islands.
  ///
  /// - Throws: ``JournalError``.
  package func trim(
    keeping retention: TrimRetention, bound: SequenceNumber? = nil, isDryRun: Bool = false,
    reason: String = "compaction", folder: any InlineFolder
  ) async throws -> TrimReport {
    try await finishTrim()
    let now = configuration.now()
    let plan: @Sendable (JournalReader) throws -> SequenceNumber = { reader in
      try Self.newHorizon(reader, retention, bound: bound, now: now)
    }
    if isDryRun {
      return try read { reader in
        try Self.report(reader, horizon: plan(reader), folder: folder).report
      }
    }
    let (report, needsTrim) = try await transact { context in
      let reader = try context.reader()
      let horizon = try plan(reader)
      let (report, isWorthIt) = try Self.report(reader, horizon: horizon, folder: folder)
      guard isWorthIt else { return (report, false) }
      try Self.begin(context, reader, horizon: horizon, report, reason: reason, folder: folder)
      return (report, true)
    }
    if needsTrim { try await finishTrim() }
    return report
  }

  /// Goes on, in the background, with a trim that was cut short before this opening.
  func continueTrim() {
    submit { context in
      guard try !context.reader().horizon.isTrimComplete else { return }
      try Self.trimBatch(context)
    } completion: { [weak self] result in
      guard let self, case .success = result,
        case .success(false) = Result(catching: { try read { $0.horizon.isTrimComplete } })
      else { return }
      continueTrim()
    }
  }

  /// Goes on with a trim that was cut short. Cheap when there is none.
  package func finishTrim() async throws {
    while try read({ !$0.horizon.isTrimComplete }) {
      try await transact { try Self.trimBatch($0) }
    }
    let cutoff = configuration.now().milliseconds
    guard cutoff > Self.idMemoryMilliseconds else { return }
    let oldest = cutoff - Self.idMemoryMilliseconds
    if try read({ try Self.hasForgettable($0, before: oldest) }) {
      try await transact { try Self.forgetIDs($0, before: oldest) }
    }
  }

  private static func newHorizon(
    _ reader: JournalReader, _ retention: TrimRetention, bound: SequenceNumber?, now: Timestamp
  ) throws -> SequenceNumber {
    let last = reader.head.lastSequence
    var horizon = last + 1
    switch retention {
    case .nothing: break
    case .newest(let count): horizon = count >= last ? 1 : last + 1 - count
    case .milliseconds(let age):
      let oldest = Timestamp(milliseconds: now.milliseconds > age ? now.milliseconds - age : 0)
      horizon = reader.horizon.sequence
      try reader.scanEntries(from: reader.horizon.sequence) { entry in
        guard entry.header.time < oldest else { return false }
        horizon = entry.header.sequence + 1
        return true
      }
    }
    if let bound, bound < horizon { horizon = bound + 1 }
    for witness in try reader.metaRows(prefix: "witness/") {
      let size = try witness.payload.withUnsafeBytes { bytes in
        var row = RowReader(bytes)
        return try row.integer(UInt64.self)
      }
      if size < horizon { horizon = size + 1 }
    }
    if horizon <= last, let entry = try reader.entry(horizon), entry.header.group != 0 {
      horizon = min(horizon, entry.header.group)
    }
    return max(horizon, reader.horizon.sequence)
  }

  private static func report(
    _ reader: JournalReader, horizon: SequenceNumber, folder: any InlineFolder
  ) throws -> (report: TrimReport, isWorthIt: Bool) {
    let size = reader.head.frontier.size
    var report = TrimReport(
      horizon: reader.horizon.sequence, size: size, root: reader.head.frontier.root)
    var open: [SequenceNumber] = []
    if horizon == reader.head.lastSequence + 1 {
      try reader.scanEdits { sequence, _ in
        open.append(sequence)
        return true
      }
    } else if horizon > reader.horizon.sequence {
      open = try Replay.fold(reader, through: horizon - 1, with: folder)
        .openEdits().map(\.sequence)
    } else {
      return (report, false)
    }
    let islands = try Islands(reader, open: open)
    var isWorthIt = false
    try reader.scanEntries(from: 1) { entry in
      guard entry.header.sequence < horizon else { return false }
      guard try !islands.contains(entry) else { return true }
      report.trimmed += 1
      // A trim that would only remove the last trim's own entry would never end.
      isWorthIt = isWorthIt || entry.header.kind != .trimmed
      return true
    }
    guard isWorthIt else {
      report.trimmed = 0
      return (report, false)
    }
    report.horizon = horizon
    return (report, true)
  }

  private static func begin(
    _ context: AppendContext, _ reader: JournalReader, horizon: SequenceNumber,
    _ report: TrimReport, reason: String, folder: any InlineFolder
  ) throws {
    if horizon == reader.head.lastSequence + 1 {
      try Baseline.storeCurrent(context.transaction)
    } else {
      try Baseline.store(
        Replay.fold(reader, through: horizon - 1, with: folder), context.transaction)
    }
    let digest = try Baseline.digest(context.transaction)
    var body = BodyBuilder()
    body.add(.reason, text: reason)
    body.add(.from, unsigned: reader.horizon.sequence)
    body.add(.throughSequence, unsigned: horizon - 1)
    body.add(.root, data: report.root.bytes)
    body.add(.size, unsigned: report.size)
    body.add(.baseline, data: digest.bytes)
    let appended = try context.append(Draft(.trimmed, body: body.finish()))
    var row = Horizon()
    row.sequence = horizon
    row.baselineDigest = digest
    row.entry = appended.sequence ?? 0
    try context.putMeta(MetaKey.horizon, row.encoded)
  }

  private static func trimBatch(_ context: AppendContext) throws {
    let reader = try context.reader()
    var row = reader.horizon
    let islands = try Islands(reader, open: Baseline.openEdits(context.transaction))
    var removed: [StoredEntry] = []
    var seen = 0
    var next = row.sequence
    try reader.scanEntries(from: row.nextToTrim) { entry in
      guard entry.header.sequence < row.sequence else { return false }
      guard seen < batch else {
        next = entry.header.sequence
        return false
      }
      seen += 1
      if try !islands.contains(entry) { removed.append(entry) }
      return true
    }
    for entry in removed { try remove(entry, context) }
    row.nextToTrim = next
    try context.putMeta(MetaKey.horizon, row.encoded)
  }

  private static func remove(_ entry: StoredEntry, _ context: AppendContext) throws {
    let header = entry.header
    try Gaps.insert(header.leafHash, sequence: header.sequence, context.transaction)
    try context.delete(.entries, [UInt8](sequence: header.sequence))
    guard header.kind.isEdit else { return }
    let remembered = RememberedID(
      sequence: header.sequence,
      trimmed: .init(time: header.time, isAbsorbed: header.flags.contains(.absorbed)))
    try context.put(.ids, header.id.bytes, remembered.encoded)
    let origin = try entry.body.withUnsafeBytes { try Origin(Body($0)) }
    if let origin { try context.delete(.origins, origin.key) }
  }

  private static func forgettable(
    _ reader: JournalReader, before oldest: UInt64, _ body: (EntryID) throws -> Bool
  ) throws {
    try reader.storage.scan(.ids, from: nil) { key, payload in
      guard let id = EntryID(bytes: key), id.high >> 16 < oldest else { return false }
      guard let time = id.unixMilliseconds, time < oldest,
        let trimmed = try RememberedID(payload).trimmed, trimmed.time.milliseconds < oldest
      else { return true }
      return try body(id)
    }
  }

  private static func hasForgettable(_ reader: JournalReader, before oldest: UInt64) throws -> Bool
  {
    var found = false
    try forgettable(reader, before: oldest) { _ in
      found = true
      return false
    }
    return found
  }

  private static func forgetIDs(_ context: AppendContext, before oldest: UInt64) throws {
    let reader = try context.reader()
    var ids: [EntryID] = []
    try forgettable(reader, before: oldest) { id in
      ids.append(id)
      return true
    }
    for id in ids { try context.delete(.ids, id.bytes) }
    if let newest = ids.compactMap(\.unixMilliseconds).max() {
      try context.putMeta(MetaKey.forgotten, [UInt8](sequence: newest))
    }
  }
}
