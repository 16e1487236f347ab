extension JournalReader {
  /// Some of a remote's earlier cursors in one history, newest first: each about twice as far back as
  /// the one before, and the oldest that is held.
  ///
  /// Cursors within a full state are left out: what lay behind them cannot be told. Linear in the
  /// entries held.
  package func earlierCursors(of remote: String, epoch: String) throws -> [RemoteCursor] {
    var found: [RemoteCursor] = []
    var oldest: RemoteCursor?
    var count = 0
    var wanted = 0
    try storage.scanBackward(.entries, from: nil) { key, payload in
      let sequence = try Self.sequence(ofKey: key)
      guard sequence >= horizon.sequence else { return false }
      let entry = try HeldEntry(payload, sequence: sequence, devices: devices)
      guard entry.header.kind == .cursor else { return true }
      let body = try Body(entry.plainBody)
      guard try body.text(.remote) == remote else { return true }
      let cursor = try RemoteCursor(body, entry: sequence)
      guard cursor.epoch.utf8.elementsEqual(epoch.utf8), !cursor.cursor.isEmpty, !cursor.isTaking
      else { return true }
      if count == wanted {
        found.append(cursor)
        wanted = 2 * wanted + 1
      }
      count += 1
      oldest = cursor
      return true
    }
    if let oldest, found.last?.entry != oldest.entry { found.append(oldest) }
    return found
  }

  /// Edits and erasures that a remote accepted at versions above `through`, or by an answer booked behind
  /// `size` entries, and that are settled, with the entry that says so and the version, by their sequence.
  ///
  /// What was absorbed is left out, unless its group is among them, what another history of the
  /// remote accepted, and what was given up since. Linear in the entries held, with memory for what is found.
  package func settled(
    by remote: String, above through: ServerVersion?, after size: UInt64? = nil
  ) throws -> [(edit: SequenceNumber, acceptance: SequenceNumber, version: ServerVersion)] {
    var acceptances:
      [SequenceNumber: (entry: SequenceNumber, version: ServerVersion, isAbsorbed: Bool)] = [:]
    var epoch: String?
    try scanHeld(from: horizon.sequence) { entry in
      let header = entry.header
      guard Self.tellingOfSettled.contains(header.kind),
        entry.encoding != StoredEntry.erasedEncoding
      else { return true }
      let body = try Body(entry.plainBody)
      switch header.kind {
      case .accepted:
        guard try body.text(.remote) == remote else { return true }
        var lines = try AcceptanceReader(body)
        while let line = try lines.next() {
          let isLater = size.map { header.sequence > $0 } ?? false
          let isAbove = isLater || through.map { line.version > $0 } ?? true
          acceptances[line.sequence] =
            isAbove ? (header.sequence, line.version, line.isAbsorbed) : nil
        }
      case .cursor:
        guard try body.text(.remote) == remote, let named = try body.text(.epoch) else {
          return true
        }
        if let epoch, !epoch.utf8.elementsEqual(named.utf8) { acceptances = [:] }
        epoch = named
      // Pending again since another history began, and given up then.
      case .discarded:
        for edit in try body.ranges(.entries).joined() { acceptances[edit] = nil }
      case .conflict:
        for edit in try Islands.superseded(by: body) where acceptances[edit]?.isAbsorbed == false {
          acceptances[edit] = nil
        }
      default:
        let isGone = try body.text(.subject) == "remote" && body.text(.name) == remote
        if isGone, try body.bool(.removed) { (acceptances, epoch) = ([:], nil) }
      }
      return true
    }
    var groups: Set<SequenceNumber> = []
    var held: [(edit: SequenceNumber, group: SequenceNumber)] = []
    for (sequence, acceptance) in acceptances {
      guard try edit(sequence) == nil, let entry = try entry(sequence),
        entry.encoding != StoredEntry.erasedEncoding,
        entry.header.kind.isEdit || entry.header.kind == .erased
      else { continue }
      let group = entry.header.group
      held.append((sequence, group))
      if group != 0, !acceptance.isAbsorbed { groups.insert(group) }
    }
    return held.sorted { $0.edit < $1.edit }.compactMap { edit, group in
      guard let acceptance = acceptances[edit], !acceptance.isAbsorbed || groups.contains(group)
      else { return nil }
      return (edit, acceptance.entry, acceptance.version)
    }
  }

  private static let tellingOfSettled: [EntryKind] = [
    .accepted, .cursor, .declared, .discarded, .conflict,
  ]
}
