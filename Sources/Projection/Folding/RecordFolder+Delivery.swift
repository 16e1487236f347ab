import Journal

/// Delivery entries: where each edit stands on its way to the server.
extension RecordFolder {
  func foldDelivery(
    _ header: EntryHeader, _ body: Body, _ isReplay: Bool, _ state: any FoldState
  ) throws -> FoldOutcome {
    switch header.kind {
    case .sent:
      try moveOpen(body.ranges(.entries), to: .inFlight(sent: header.sequence), state) {
        $0 == .pending
      }
    case .retried where body.raw(.generation) != nil:
      try reopen(body.ranges(.entries).flatMap { Array($0) }, Self.decisions(body), state)
    case .retried where body.raw(.sent) == nil:
      try takeBack(body.ranges(.entries), state)
    case .retried:
      let release = try body.text(.reason).flatMap { ReleaseReason(rawValue: $0) }
      try moveOpen(body.ranges(.entries), to: .pending, state, release: release) {
        if case .inFlight = $0 { true } else { false }
      }
    case .parked: try foldParked(header, body, state)
    case .discarded: try foldDiscarded(body, state)
    case .deviceChanged:
      // The sealed segment was sealed by the device this copy no longer is, and may have arrived.
      for var edit in try state.openEdits() {
        guard case .inFlight = edit.state.delivery else { continue }
        edit.state.isInDoubt = true
        try move(edit.sequence, edit.state, to: .pending, state)
      }
    case .accepted:
      return try foldAccepted(header, body, isReplay, state)
    default:
      try foldRefused(header, body, state)
    }
    return FoldOutcome()
  }

  private func moveOpen(
    _ ranges: [ClosedRange<SequenceNumber>], to delivery: EditState.Delivery,
    _ state: any FoldState, release: ReleaseReason? = nil,
    where isExpected: (EditState.Delivery) -> Bool
  ) throws {
    for sequence in ranges.joined() {
      guard var edit = try state.edit(sequence), isExpected(edit.delivery) else { continue }
      if delivery == .pending {
        edit.isInDoubt = release?.leavesInDoubt(edit.isInDoubt) ?? edit.isInDoubt
      }
      try move(sequence, edit, to: delivery, state)
    }
  }

  func move(
    _ sequence: SequenceNumber, _ edit: EditState, to delivery: EditState.Delivery,
    _ state: any FoldState
  ) throws {
    var edit = edit
    state.counts.count(edit.delivery, by: -1)
    edit.delivery = delivery
    state.counts.count(delivery, by: 1)
    try state.putEdit(sequence, edit)
  }

  private func foldAccepted(
    _ header: EntryHeader, _ body: Body, _ isReplay: Bool, _ state: any FoldState
  ) throws -> FoldOutcome {
    var outcome = FoldOutcome()
    var reader = try AcceptanceReader(body)
    guard let remote = try body.text(.remote), let sent = try body.unsigned(.sent) else {
      throw JournalError.damaged("accepted entry \(header.sequence) names no remote")
    }
    let through = try state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }?.through
    var reached: [SequenceNumber] = []
    while let line = try reader.next() {
      let (sequence, version) = (line.sequence, line.version)
      // A parked edit has left its record's chain; an answer that comes too late does not fold it.
      guard let edit = try state.edit(sequence), edit.isFolded else { continue }
      if case .accepted = edit.delivery { continue }
      if try isErasure(sequence, state) {
        // Nothing of it comes back through the feed: the answer settles it.
        try state.removeEdit(sequence)
        state.counts.count(edit.delivery, by: -1)
        state.counts.settled += 1
        continue
      }
      try move(sequence, edit, to: .accepted(version, absorbed: line.isAbsorbed, sent: sent), state)
      if let through, version <= through { reached.append(sequence) }
      if line.isAbsorbed, !isReplay,
        let draft = try Self.lost(
          sequence, cause: header, version: version, ordinal: outcome.derived.count, state)
      {
        outcome.derived.append(draft)
      }
    }
    if let through { try settle(reached, from: remote, through: through, state) }
    return outcome
  }

  private func foldRefused(
    _ header: EntryHeader, _ body: Body, _ state: any FoldState
  ) throws {
    var reader = try body.reader(.refusals)
    var refused: [(sequence: SequenceNumber, edit: EditState)] = []
    // A file may name an edit twice: it is set aside once.
    var seen: Set<SequenceNumber> = []
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 3 else {
        throw JournalError.damaged("a refusal of entry \(header.sequence) is malformed")
      }
      let sequence = try reader.unsigned()
      let code = try reader.string()
      _ = try reader.text()
      guard var edit = try state.edit(sequence), edit.isFolded, seen.insert(sequence).inserted
      else { continue }
      // The server does not have it, or somebody has to look whether it does. Of the rest of a group nobody was asked.
      if code != ParkedEdit.groupCut { edit.isInDoubt = false }
      refused.append((sequence, edit))
    }
    try setAside(refused, by: header.sequence, state)
  }
}
