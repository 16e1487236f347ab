package import Journal

/// Generations of base: what happens to edits when a server's history is no longer the one they were
/// accepted in.
extension RecordFolder {
  /// Where the server lost what it had accepted, all of it that is not settled is to be sent again.
  ///
  /// In the same history accepted edits stay so: the full state reaches their versions.
  func beginGeneration(
    of remote: String, _ reason: String, _ state: any FoldState
  ) throws {
    guard let reason = GenerationReason(rawValue: reason) else {
      throw JournalError.unsupported(
        "a generation of base began for a reason only a later release knows; use that release")
    }
    guard !reason.keepsHistory else { return }
    try returnToPending(remote, state)
    try dropBases(of: remote, state)
  }

  /// What a remote has in flight, or accepted and not settled, is pending again under the same ids;
  /// sealed segments are dropped.
  func returnToPending(_ remote: String, _ state: any FoldState) throws {
    for edit in try state.openEdits() {
      switch edit.state.delivery {
      case .inFlight(let sent), .accepted(_, _, let sent):
        guard try state.wasSent(by: sent, to: remote) else { continue }
        try move(edit.sequence, edit.state, to: .pending, state)
      case .pending, .parked: continue
      }
    }
  }

  /// No edit says any more that it was made on a version of the history that is gone.
  private func dropBases(of remote: String, _ state: any FoldState) throws {
    let ownership = try ownership(of: remote, state)
    for edit in try state.openEdits() {
      guard case .version = edit.state.base, let entry = try state.entry(edit.sequence),
        entry.encoding != StoredEntry.erasedEncoding,
        try entry.plainBody.withUnsafeBytes({ try ownership.owns(Body($0)) })
      else { continue }
      var without = edit.state
      without.base = .none
      try state.putEdit(edit.sequence, without)
    }
  }

  func ownership(of remote: String, _ state: any FoldState) throws -> Ownership {
    let prefix = MetaKey.remote("")
    let remotes = try state.metaRows(prefix: prefix).map { row in
      try row.payload.withUnsafeBytes {
        try RemoteDeclaration(name: String(row.key.dropFirst(prefix.count)), settings: $0)
      }
    }
    return Ownership(of: remote, among: remotes)
  }

  /// Edits and erasures that were settled are pending again, each in its place among its record's
  /// open edits. What was erased since, or waits already, is passed over.
  func reopen(
    _ sequences: [SequenceNumber], _ decisions: [SequenceNumber: SequenceNumber],
    _ state: any FoldState
  ) throws {
    var keys: [[UInt8]] = []
    var edits: [[UInt8]: [SequenceNumber]] = [:]
    for sequence in sequences {
      if let open = try state.edit(sequence) {
        guard open.isFolded, open.delivery != .pending else { continue }
        try move(sequence, open, to: .pending, state)
        continue
      }
      guard let entry = try state.entry(sequence), entry.encoding != StoredEntry.erasedEncoding,
        !entry.header.flags.contains(.local)
      else { continue }
      if entry.header.kind == .erased {
        try state.putEdit(sequence, EditState())
        countReopened(1, state)
      } else if entry.header.kind.isEdit, let key = try recordKeys(of: [sequence], state).first {
        if edits[key] == nil { keys.append(key) }
        edits[key, default: []].append(sequence)
      }
    }
    for key in keys {
      guard let sequences = edits[key], var row = try state.record(key).map({ try RecordRow($0) })
      else { continue }
      var overlay = try Overlay(row, state)
      for sequence in sequences {
        var edit = EditState()
        edit.decision = decisions[sequence] ?? 0
        overlay.insert(sequence, edit)
      }
      try overlay.store(in: &row, state)
      try state.putRecord(key, row.encoded)
      countReopened(UInt64(sequences.count), state)
    }
  }

  /// The conflict entries whose patches hold for edits, by the edit.
  static func decisions(_ body: Body) throws -> [SequenceNumber: SequenceNumber] {
    guard let raw = body.raw(.decisions) else { return [:] }
    var reader = CBORReader(raw)
    var decisions: [SequenceNumber: SequenceNumber] = [:]
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 2 else {
        throw JournalError.damaged("a decision about a reopened edit is malformed")
      }
      decisions[try reader.unsigned()] = try reader.unsigned()
    }
    return decisions
  }

  private func countReopened(_ count: UInt64, _ state: any FoldState) {
    // The story of one record does not count what happened to others.
    state.counts.settled -= min(count, state.counts.settled)
    state.counts.pending += count
  }

  /// Whether a new generation shows a record as the one before had it: nothing contests an edit then.
  func isShownAgain(_ before: RecordRow, _ after: RecordRow) -> Bool {
    guard let known = before.base, let shown = after.base else { return false }
    return known.generation != shown.generation && before.baseFields == after.baseFields
  }

  package func scanBases(
    _ storage: any StorageReader, from rowKey: [UInt8]?,
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ base: RecordBase) throws -> Bool
  ) throws {
    try storage.scan(.records, from: rowKey) { key, payload in
      let row = try RecordRowView(payload)
      guard let base = row.base else { return true }
      return try body(key, Self.base(base, row))
    }
  }

  package func lendBase(
    of rowKey: [UInt8], in storage: any StorageReader, _ body: (RecordBase) throws -> Void
  ) throws {
    try rowKey.withUnsafeBytes { key in
      try storage.lend(.records, key) { payload in
        let row = try RecordRowView(payload)
        if let base = row.base { try body(Self.base(base, row)) }
      }
    }
  }

  private static func base(_ base: RecordRow.Base, _ row: RecordRowView) -> RecordBase {
    RecordBase(
      generation: base.generation, version: base.version, born: base.born, fields: row.baseFields,
      isWithdrawn: base.isWithdrawn)
  }
}
