import Journal
import Transport

/// Reads pages of the feed from a server's journal, in commit order.
struct FeedReader {
  /// A page ends at the first end of a group beyond this size.
  private static let pageBytes = 3 << 20

  /// Entries looked through for a page of some of the records.
  private static let pageEntries = 10_000
  /// And what they and their records' states may have together: they are kept till the page is done.
  private static let lookedBytes = 16 << 20

  let reader: JournalReader
  var asked = AskedRecords.all

  /// - Throws: ``ServerError/cursorUnknown(code:message:)``.
  func page(after cursor: String?, limit: Int) throws -> FeedPage {
    guard let cursor else {
      return try StatePages(reader: reader, state: StateReader(newestOf: reader), asked: asked)
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
      return try StatePages(reader: reader, state: state, asked: asked).page(
        after: place, limit: limit)
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
    var changes = PageChanges(asked: asked)
    var states = RecordStates(reader: reader)
    var last = cursor
    var through = ServerVersion(timestamp: 0, tieBreak: cursor)
    var (looked, lookedBytes) = (0, 0)
    try reader.scanEntries(from: cursor + 1) { entry in
      let header = entry.header
      last = header.sequence
      looked += 1
      through = ServerVersion(
        timestamp: header.time.milliseconds, tieBreak: header.sequence)
      if header.kind == .erased, let change = try reader.erasure(entry) {
        changes.append(change)
      }
      // Of an erased edit nothing is left to show; the erasure follows in its turn.
      if header.kind.isEdit, entry.encoding == StoredEntry.plainEncoding,
        !header.flags.contains(.absorbed),
        let change = try states.change(entry)
      {
        lookedBytes += change.change.bytes + (change.before?.count ?? 0)
        try changes.append(change, ofGroup: header.group)
      }
      let isFull =
        changes.count >= limit || changes.bytes >= Self.pageBytes
        || !asked.areAll && (looked >= Self.pageEntries || lookedBytes >= Self.lookedBytes)
      return !isFull || header.flags.contains(.moreOfGroup)
    }
    if last == cursor { through = try reader.version(through: cursor) }
    return FeedPage(
      epoch: reader.identity.journal.description,
      cursor: try FeedCursorText.entries(through: last, reader).text, through: through,
      hasMore: last < reader.head.lastSequence, changes: try changes.shown(),
      remaining: reader.head.lastSequence - last)
  }
}

/// The changes of a page as they are found.
private struct PageChanges {
  private struct Found {
    var change: FeedChange
    /// Whether the record was among those asked for before the change.
    var wasAmong: Bool
  }

  let asked: AskedRecords
  private var found: [Found] = []
  /// Within a group a record's newest state is enough: nobody sees the others.
  private var group: (first: SequenceNumber, places: [[UInt8]: Int]) = (0, [:])
  private(set) var bytes = 0

  init(asked: AskedRecords) {
    self.asked = asked
  }

  var count: Int { found.count }

  /// Appends an erasure: it names no record.
  mutating func append(_ change: FeedChange) {
    found.append(Found(change: change, wasAmong: true))
    bytes += change.bytes
  }

  mutating func append(
    _ next: RecordStates.Change, ofGroup first: SequenceNumber
  ) throws {
    let change = next.change
    let wasAmong = try asked.has(change.collection, next.before)
    guard first != 0 else {
      // Most of a journal is somebody else's: it takes no place on the page.
      guard let shown = try asked.shown(change, wasAmong: wasAmong) else { return }
      return append(shown)
    }
    if first != group.first { group = (first, [:]) }
    let key = try RecordAddress(collection: change.collection, key: change.key).rowKey
    if let place = group.places[key] {
      bytes -= found[place].change.bytes
      found[place].change = change.following(found[place].change)
      bytes += found[place].change.bytes
    } else {
      group.places[key] = found.count
      found.append(Found(change: change, wasAmong: wasAmong))
      bytes += change.bytes
    }
  }

  func shown() throws -> [FeedChange] {
    try found.compactMap { try asked.shown($0.change, wasAmong: $0.wasAmong) }
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
