/// What a trim would do, seen from one view of the journal.
struct TrimPlan {
  /// What asks for the trim, and how much it leaves alone.
  struct Request: Sendable {
    var retention: TrimRetention
    /// Nothing above this sequence is trimmed.
    var bound: SequenceNumber?
    var now: Timestamp
  }

  let view: JournalReader
  /// The new horizon, or the present one where nothing is worth a trim.
  private(set) var horizon: SequenceNumber
  /// Entries that would go.
  private(set) var trimmed: UInt64 = 0
  /// The fold at the new horizon, where the view's own rows are not it.
  private(set) var state: MemoryFoldState?

  var isWorthIt: Bool { trimmed > 0 }

  var report: TrimReport {
    TrimReport(
      trimmed: trimmed, horizon: isWorthIt ? horizon : view.horizon.sequence,
      size: view.head.frontier.size, root: view.head.frontier.root)
  }

  var rows: BaselineRows { state.map { BaselineRows($0) } ?? BaselineRows(view: view) }

  /// Linear in the entries held; with a retention or bound the entries between the old and the
  /// new horizon are folded in memory.
  init(_ view: JournalReader, _ request: Request, folder: any InlineFolder) throws {
    self.view = view
    horizon = try Self.horizon(view, request)
    guard horizon > view.horizon.sequence else { return }
    var open: [SequenceNumber] = []
    if horizon == view.head.lastSequence + 1 {
      try view.scanEdits { sequence, _ in
        open.append(sequence)
        return true
      }
    } else {
      let state = try Replay.fold(view, through: horizon - 1, with: folder)
      open = state.openEdits().map(\.sequence)
      self.state = state
    }
    let islands = try Islands(view, open: open)
    var isWorthIt = false
    try view.scanEntries(from: 1) { entry in
      guard entry.header.sequence < horizon else { return false }
      guard try !islands.contains(entry) else { return true }
      trimmed += 1
      // A trim that would only remove the last trim's own entry would never end.
      isWorthIt = isWorthIt || entry.header.kind != .trimmed
      return true
    }
    if !isWorthIt { trimmed = 0 }
  }

  private static func horizon(
    _ view: JournalReader, _ request: Request
  ) throws -> SequenceNumber {
    let last = view.head.lastSequence
    var horizon = last + 1
    switch request.retention {
    case .nothing: break
    case .newest(let count): horizon = count >= last ? 1 : last + 1 - count
    case .milliseconds(let age):
      let now = request.now.milliseconds
      let oldest = Timestamp(milliseconds: now > age ? now - age : 0)
      horizon = view.horizon.sequence
      try view.scanEntries(from: view.horizon.sequence) { entry in
        guard entry.header.time < oldest else { return false }
        horizon = entry.header.sequence + 1
        return true
      }
    }
    if let bound = request.bound, bound < horizon { horizon = bound + 1 }
    for witness in try view.metaRows(prefix: "witness/") {
      let size = try witness.payload.withUnsafeBytes { bytes in
        var row = RowReader(bytes)
        return try row.integer(UInt64.self)
      }
      if size < horizon { horizon = size + 1 }
    }
    if horizon <= last, let entry = try view.entry(horizon), entry.header.group != 0 {
      horizon = min(horizon, entry.header.group)
    }
    for reopening in try reopenings(view).reversed() where reopening.contains(horizon) {
      horizon = reopening.lowerBound
    }
    return max(horizon, view.horizon.sequence)
  }

  /// Where no horizon may lie: behind an edit's acceptance and not behind the entry that made the edit
  /// pending again. At such a horizon it would not be open, and gone when that entry is folded.
  ///
  /// In ascending order of where they end, with their beginnings the last places that are free.
  private static func reopenings(
    _ view: JournalReader
  ) throws -> [Range<SequenceNumber>] {
    let prefix = MetaKey.cursor("")
    let hasGenerations = try view.metaRows(prefix: prefix).contains { row in
      try RemoteCursor(row.payload).generation > 0
    }
    guard hasGenerations else { return [] }
    var ranges: [Range<SequenceNumber>] = []
    try view.scanHeld(from: view.horizon.sequence) { entry in
      guard entry.header.kind == .retried, entry.encoding != StoredEntry.erasedEncoding else {
        return true
      }
      let body = try Body(entry.plainBody)
      guard body.raw(.generation) != nil, let from = try body.unsigned(.from),
        from <= entry.header.sequence
      else { return true }
      ranges.append(from..<entry.header.sequence + 1)
      return true
    }
    return ranges
  }
}
