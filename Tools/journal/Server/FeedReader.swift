import Journal
import Transport

/// Reads pages of the feed from a server's journal, in commit order.
struct FeedReader {
  /// A page ends at the first end of a group beyond this size.
  private static let pageBytes = 3 << 20

  let reader: JournalReader

  /// - Throws: ``ServerError/cursorUnknown(code:message:)``.
  func page(after cursor: String?, limit: Int) throws -> FeedPage {
    guard let cursor else {
      return try StatePages(reader: reader, state: StateReader(newestOf: reader))
        .page(after: .beginning, limit: limit)
    }
    guard let position = FeedCursorText(cursor) else {
      throw ServerError.cursorUnknown(
        code: "cursor-malformed", message: "the cursor is not one this server made")
    }
    try check(position)
    switch position {
    case .entries(_, let through, _): return try entryPage(after: through, limit: limit)
    case .state(_, let sequence, _, let place):
      let state = try StateReader(reader: reader, sequence: sequence)
      return try StatePages(reader: reader, state: state).page(after: place, limit: limit)
    }
  }

  /// That what a cursor names is still this server's history, and still there to be read.
  ///
  /// - Throws: ``ServerError/cursorUnknown(code:message:)``.
  func check(_ position: FeedCursorText) throws {
    let epoch = reader.identity.journal.description
    try check(
      position.epoch == epoch, "epoch-changed", "the server's history is another one now")
    let through = position.sequence
    try check(
      through <= reader.head.lastSequence, "went-back",
      "the server went back to before this cursor")
    try check(
      through + 1 >= reader.horizon.sequence, "resync-required",
      "what followed this cursor was trimmed")
    let expected = try Hex.encode(JournalTree(reader).root(size: through).bytes.prefix(8))
    try check(
      position.root == expected, "went-back", "the server went back to before this cursor")
  }

  private func check(_ holds: Bool, _ code: String, _ message: String) throws {
    guard holds else { throw ServerError.cursorUnknown(code: code, message: message) }
  }

  // MARK: Entries

  private func entryPage(after cursor: SequenceNumber, limit: Int) throws -> FeedPage {
    var changes: [FeedChange] = []
    var states = RecordStates(reader: reader)
    // Within a group a record's newest state is enough: nobody sees the others.
    var group: (first: SequenceNumber, places: [[UInt8]: Int]) = (0, [:])
    var bytes = 0
    var last = cursor
    var through = ServerVersion(timestamp: 0, tieBreak: cursor)
    try reader.scanEntries(from: cursor + 1) { entry in
      let header = entry.header
      last = header.sequence
      through = ServerVersion(
        timestamp: header.time.milliseconds, tieBreak: header.sequence)
      if header.kind == .erased, let change = try reader.erasure(entry) {
        changes.append(change)
        bytes += change.bytes
      }
      // Of an erased edit nothing is left to show; the erasure follows in its turn.
      if header.kind.isEdit, entry.encoding == StoredEntry.plainEncoding,
        !header.flags.contains(.absorbed),
        let change = try states.change(entry)
      {
        if header.group == 0 || header.group != group.first { group = (header.group, [:]) }
        let key = try RecordAddress(collection: change.collection, key: change.key).rowKey
        if let place = group.places[key] {
          bytes -= changes[place].bytes
          changes[place] = change.following(changes[place])
          bytes += changes[place].bytes
        } else {
          if header.group != 0 { group.places[key] = changes.count }
          changes.append(change)
          bytes += change.bytes
        }
      }
      let isFull = changes.count >= limit || bytes >= Self.pageBytes
      return !isFull || header.flags.contains(.moreOfGroup)
    }
    if last == cursor { through = try reader.version(through: cursor) }
    return FeedPage(
      epoch: reader.identity.journal.description,
      cursor: try FeedCursorText.entries(through: last, reader).text, through: through,
      hasMore: last < reader.head.lastSequence, changes: changes,
      remaining: reader.head.lastSequence - last)
  }
}

extension FeedChange {
  /// What the change takes of a page, about.
  var bytes: Int {
    if case .live(let fields) = state { fields.count + 256 } else { 256 + erasedEdits.count * 17 }
  }

  /// This change in the place of an earlier one of the same group.
  fileprivate func following(_ earlier: FeedChange) -> FeedChange {
    var change = self
    if let changed, let before = earlier.changed {
      change.changed =
        before
        + changed.filter { name in
          !before.contains { $0.utf8.elementsEqual(name.utf8) }
        }
    } else {
      change.changed = nil
    }
    return change
  }
}
