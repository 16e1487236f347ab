import Journal

/// Settling: what becomes of accepted edits once the feed has passed them.
extension RecordFolder {
  /// Versions of different remotes do not compare: an edit is settled by the remote that took it.
  func isReached(
    _ edit: EditState, from remote: String, through: ServerVersion, _ state: any FoldState
  ) throws -> Bool {
    guard case .accepted(let version, _, let sent) = edit.delivery, version <= through else {
      return false
    }
    return try state.wasSent(by: sent, to: remote)
  }

  /// Settles accepted edits, each record's together.
  func settle(
    _ edits: [SequenceNumber], from remote: String, through: ServerVersion,
    _ state: any FoldState
  ) throws {
    let settled = Set(edits)
    for key in try recordKeys(of: edits, state) {
      guard var row = try state.record(key).map({ try RecordRow($0) }) else { continue }
      var overlay = try Overlay(row, state)
      let leaving = overlay.members.filter { settled.contains($0.sequence) }
      try keep(leaving, in: &row, of: remote, state)
      try settle(&overlay, row, from: remote, through: through, state)
      try overlay.store(in: &row, state)
      try state.putRecord(key, row.encoded)
    }
  }

  /// Takes accepted edits the base has caught up with out of the overlay.
  func settle(
    _ overlay: inout Overlay, _ row: RecordRow, from remote: String, through: ServerVersion,
    _ state: any FoldState
  ) throws {
    let reached = Set(
      try overlay.members.filter { member in
        try isReached(member.state, from: remote, through: through, state)
      }.map(\.sequence))
    let settled = overlay.remove(standingOn: row.base?.version) { reached.contains($0.sequence) }
    for member in settled {
      try state.removeEdit(member.sequence)
      state.counts.count(member.state.delivery, by: -1)
      state.counts.settled += 1
    }
  }

  /// Folds settled edits into a record of which the feed says nothing: one that the server no longer has, or shows no
  /// more, and that was kept here. Its base is of an earlier generation.
  ///
  /// Without this a deletion would last until its answer is settled, and then the record would be back.
  private func keep(
    _ settled: [Overlay.Member], in row: inout RecordRow, of remote: String, _ state: any FoldState
  ) throws {
    guard let first = settled.first, row.baseFields != nil, let base = row.base,
      let cursor = try state.meta(MetaKey.cursor(remote)).map({ try RemoteCursor($0) }),
      base.generation != cursor.generation,
      // Another remote may have the collection by now, and the base is what that one shows.
      try Overlay.entry(first.sequence, state).plainBody.withUnsafeBytes({
        try ownership(of: remote, state).owns(Body($0))
      })
    else { return }
    for member in settled {
      row.baseFields = try Overlay.apply(member, to: row.baseFields, state)
    }
  }
}
