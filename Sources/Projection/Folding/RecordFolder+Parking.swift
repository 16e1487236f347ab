package import Journal

/// Edits that are set aside, put back in their place, and given up for ever.
extension RecordFolder {
  typealias OpenEdit = (sequence: SequenceNumber, edit: EditState)

  /// Takes edits out of their records' overlays and keeps them, with the entry that says why.
  ///
  /// Each record is folded again once, however many of its edits go.
  func setAside(
    _ edits: [OpenEdit], by entry: SequenceNumber, _ state: any FoldState
  ) throws {
    try takeOut(edits, state) { sequence, edit in
      var parked = edit
      parked.previousOpen = 0
      try move(sequence, parked, to: .parked(by: entry), state)
    }
  }

  /// What this device sets aside of its own accord: what waits to be sent, or is part of the segment
  /// the entry names.
  func foldParked(_ header: EntryHeader, _ body: Body, _ state: any FoldState) throws {
    let sent = try body.unsigned(.sent)
    let edits = try open(body.ranges(.entries), state) { delivery in
      switch delivery {
      case .pending: true
      case .inFlight(let segment): segment == sent
      case .accepted, .parked: false
      }
    }
    try setAside(edits, by: header.sequence, state)
  }

  /// A discarded edit counts as superseded: it is neither sent nor folded any more, whatever comes.
  ///
  /// An erasure is not given up: what it took is gone here already, and the server still has it.
  func foldDiscarded(_ body: Body, _ state: any FoldState) throws {
    let edits = try open(body.ranges(.entries), state) { delivery in
      switch delivery {
      case .pending, .parked: true
      case .inFlight, .accepted: false
      }
    }.filter { try !isErasure($0.sequence, state) }
    try takeOut(edits, state) { sequence, edit in
      try state.removeEdit(sequence)
      state.counts.count(edit.delivery, by: -1)
      state.counts.superseded += 1
    }
  }

  /// Puts parked edits back in their places in their records' overlays, to be sent and judged again.
  ///
  /// To retry is to decide anew: the first of a record's open edits stands on the version the base has now.
  func takeBack(
    _ ranges: [ClosedRange<SequenceNumber>], _ state: any FoldState
  ) throws {
    let edits = try open(ranges, state) { delivery in
      if case .parked = delivery { true } else { false }
    }
    for (key, edits) in try byRecord(edits, state) {
      guard let key else {
        for (sequence, edit) in edits { try move(sequence, edit, to: .pending, state) }
        continue
      }
      guard var row = try state.record(key).map({ try RecordRow($0) }) else { continue }
      var overlay = try Overlay(row, state)
      for (sequence, edit) in edits {
        state.counts.count(edit.delivery, by: -1)
        state.counts.count(.pending, by: 1)
        overlay.insert(sequence, edit, onto: row.base?.version)
      }
      try overlay.store(in: &row, state)
      try state.putRecord(key, row.encoded)
    }
  }

  package func exists(
    _ rowKey: [UInt8], before limit: SequenceNumber, without left: Set<SequenceNumber>,
    in state: any FoldState
  ) throws -> Bool {
    guard let row = try state.record(currentKey(rowKey, state)).map({ try RecordRow($0) }) else {
      return false
    }
    let fields = try Overlay(row, state).fold(over: row.baseFields, state) { member in
      member.sequence < limit && !left.contains(member.sequence)
    }
    return fields != nil
  }

  /// The open ones of the edits named, where they are as expected; of one record's story only its own.
  private func open(
    _ ranges: [ClosedRange<SequenceNumber>], _ state: any FoldState,
    where isExpected: (EditState.Delivery) -> Bool
  ) throws -> [OpenEdit] {
    try ranges.joined().compactMap { sequence in
      try state.edit(sequence).flatMap { isExpected($0.delivery) ? (sequence, $0) : nil }
    }
  }

  /// The edits by the row key of their record, in order of the first of each; nil for erasures.
  private func byRecord(
    _ edits: [OpenEdit], _ state: any FoldState
  ) throws -> [(key: [UInt8]?, edits: [OpenEdit])] {
    var places: [[UInt8]?: Int] = [:]
    var records: [(key: [UInt8]?, edits: [OpenEdit])] = []
    for edit in edits {
      let key =
        try isErasure(edit.sequence, state)
        ? nil : recordKeys(of: [edit.sequence], state).first
      if let place = places[key] {
        records[place].edits.append(edit)
      } else {
        places[key] = records.count
        records.append((key, [edit]))
      }
    }
    return records
  }

  private func takeOut(
    _ edits: [OpenEdit], _ state: any FoldState,
    then update: (SequenceNumber, EditState) throws -> Void
  ) throws {
    for (key, edits) in try byRecord(edits, state) {
      guard let key, var row = try state.record(key).map({ try RecordRow($0) }) else {
        for (sequence, edit) in edits { try update(sequence, edit) }
        continue
      }
      let gone = Set(edits.map(\.sequence))
      var overlay = try Overlay(row, state)
      _ = overlay.remove(standingOn: row.base?.version) { gone.contains($0.sequence) }
      for (sequence, edit) in edits { try update(sequence, edit) }
      try overlay.store(in: &row, state)
      try state.putRecord(key, row.encoded)
    }
  }
}
