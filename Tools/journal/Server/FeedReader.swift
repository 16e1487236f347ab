import Journal
import Projection
import Transport

/// Reads pages of the feed from a server's journal, in commit order.
struct FeedReader {
  /// A page ends at the first end of a group beyond this size.
  private static let pageBytes = 3 << 20

  let reader: JournalReader

  /// - Throws: ``ServerError/cursorUnknown(code:message:)``.
  func page(after cursor: String?, limit: Int) throws -> FeedPage {
    guard let cursor else {
      return reader.horizon.sequence > 1
        ? try snapshotPage(after: [], limit: limit)
        : try entryPage(after: 0, limit: limit)
    }
    guard let position = FeedCursorText(cursor) else {
      throw ServerError.cursorUnknown(
        code: "cursor-malformed", message: "the cursor is not one this server made")
    }
    let epoch = reader.identity.journal.description
    switch position {
    case .entries(let cursorEpoch, let through, let root):
      try check(cursorEpoch == epoch, "epoch-changed", "the server's history is another one now")
      try check(
        through <= reader.head.lastSequence, "went-back",
        "the server went back to before this cursor")
      try check(
        through + 1 >= reader.horizon.sequence, "resync-required",
        "what followed this cursor was trimmed")
      let expected = try Hex.encode(JournalTree(reader).root(size: through).bytes.prefix(8))
      try check(
        root == expected, "went-back", "the server went back to before this cursor")
      return try entryPage(after: through, limit: limit)
    case .snapshot(let cursorEpoch, let horizon, let after):
      try check(cursorEpoch == epoch, "epoch-changed", "the server's history is another one now")
      // Another trim made another full state: begin it anew, known versions add nothing.
      let isSame = horizon == reader.horizon.sequence
      return try snapshotPage(after: isSame ? after : [], limit: limit)
    }
  }

  private func check(_ holds: Bool, _ code: String, _ message: String) throws {
    guard holds else { throw ServerError.cursorUnknown(code: code, message: message) }
  }

  // MARK: Full state

  private func snapshotPage(after last: [UInt8], limit: Int) throws -> FeedPage {
    var changes: [FeedChange] = []
    var position = last
    var isCut = false
    var bytes = 0
    try Baseline.scanRecords(reader, from: last) { key, payload in
      let rowKey = [UInt8](key)
      guard rowKey != last else { return true }
      guard changes.count < limit, bytes < Self.pageBytes else {
        isCut = true
        return false
      }
      position = rowKey
      let row = try RecordRow(payload)
      guard let base = row.base else { return true }
      let names = try RecordAddress(rowKey: rowKey).names
      changes.append(
        FeedChange(
          collection: names.collection, key: names.key, version: base.version, born: base.born,
          state: row.baseFields.map { .live($0) } ?? .deleted))
      bytes += (row.baseFields?.count ?? 0) + 256
      return true
    }
    let epoch = reader.identity.journal.description
    let horizon = reader.horizon.sequence
    guard isCut else {
      let through = try versionBefore(horizon)
      return FeedPage(
        epoch: epoch, cursor: try FeedCursorText.entries(through: horizon - 1, reader).text,
        through: through, hasMore: true, changes: changes)
    }
    return FeedPage(
      epoch: epoch,
      cursor: FeedCursorText.snapshot(epoch: epoch, horizon: horizon, after: position).text,
      through: ServerVersion(timestamp: 0, tieBreak: 0), hasMore: true, changes: changes)
  }

  /// A version no older than every one below a sequence and older than its own.
  private func versionBefore(_ sequence: SequenceNumber) throws -> ServerVersion {
    guard let entry = try reader.entry(sequence) else {
      throw JournalError.damaged("entry \(sequence) is missing; run `journal verify`")
    }
    return ServerVersion(timestamp: entry.header.time.milliseconds, tieBreak: sequence - 1)
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
      if header.kind == .erased, let change = try erasure(entry) {
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
    if last == cursor, cursor > 0 {
      through =
        cursor >= reader.horizon.sequence
        ? try versionBefore(cursor).reaching(cursor)
        : ServerVersion(timestamp: reader.head.lastTime.milliseconds, tieBreak: cursor)
    }
    return FeedPage(
      epoch: reader.identity.journal.description,
      cursor: try FeedCursorText.entries(through: last, reader).text, through: through,
      hasMore: last < reader.head.lastSequence, changes: changes)
  }
}

extension FeedReader {
  /// The feed's change for an `erased` entry; nil when no device can know the record.
  private func erasure(_ entry: StoredEntry) throws -> FeedChange? {
    guard !entry.header.flags.contains(.absorbed),
      let born = try entry.plainBody.withUnsafeBytes({ try Body($0).version(.born) })
    else { return nil }
    let version = ServerVersion(
      timestamp: entry.header.time.milliseconds, tieBreak: entry.header.sequence)
    return FeedChange(
      erased: born, version: version, edits: try erasedEdits(entry), originID: entry.header.id)
  }

  /// The ids of the edits an erasure took the content of, the newest where they are too many.
  private func erasedEdits(_ erasure: StoredEntry) throws -> [EntryID] {
    let ranges = try erasure.plainBody.withUnsafeBytes { bytes in
      try Body(bytes).ranges(.entries, atMost: .max)
    }
    var ids: [EntryID] = []
    for range in ranges.reversed() {
      for sequence in range.reversed() {
        guard ids.count < FeedCodec.maximumErasedEdits else { return ids }
        guard let entry = try reader.entry(sequence), entry.header.kind.isEdit else { continue }
        ids.append(entry.header.id)
      }
    }
    return ids
  }
}

extension ServerVersion {
  fileprivate func reaching(_ sequence: SequenceNumber) -> ServerVersion {
    ServerVersion(timestamp: timestamp, tieBreak: sequence)
  }
}

extension FeedChange {
  /// What the change takes of a page, about.
  fileprivate var bytes: Int {
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

/// The states of records after particular entries, found through their chains.
struct RecordStates {
  let reader: JournalReader
  /// The state after the last entry asked for, per record: the next one goes on from it.
  private var latest: [[UInt8]: (sequence: SequenceNumber, fields: [UInt8]?)] = [:]

  init(reader: JournalReader) {
    self.reader = reader
  }

  /// The feed's change for an edit; nil when the edit changed nothing.
  mutating func change(_ entry: StoredEntry) throws -> FeedChange? {
    let sequence = entry.header.sequence
    return try entry.plainBody.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let record = try body.record() else {
        throw JournalError.damaged("edit \(sequence) names no record; run `journal verify`")
      }
      let before = try state(of: record.rowKey, after: entry.previous)
      let effect = try EditRule.apply(entry.header.kind, body, to: before)
      latest[record.rowKey] = (sequence, effect.fields)
      guard effect.hasEffect else { return nil }
      let names = try record.names
      let version = ServerVersion(
        timestamp: entry.header.time.milliseconds, tieBreak: sequence)
      let born =
        try reader.storage.withValue(.records, record.rowKey) { try RecordRow($0).base?.born }
        ?? nil
      var change = FeedChange(
        collection: names.collection, key: names.key, version: version, born: born ?? version,
        state: effect.fields.map { .live($0) } ?? .deleted, originID: entry.header.id)
      if before != nil, let touched = try EditRule.touchedNames(entry.header.kind, body) {
        change.changed = touched.sorted { $0.lexicographicallyPrecedes($1) }
          .map { String(decoding: $0, as: UTF8.self) }
      }
      return change
    }
  }

  /// A record's fields after an entry about it; linear in the chain back to its last whole state.
  private func state(of rowKey: [UInt8], after sequence: SequenceNumber) throws -> [UInt8]? {
    var chain: [StoredEntry] = []
    var position = sequence
    var fields: [UInt8]?
    while position > 0 {
      if let known = latest[rowKey], known.sequence == position {
        fields = known.fields
        break
      }
      guard position >= reader.horizon.sequence, let entry = try reader.entry(position) else {
        fields = try Baseline.record(rowKey, reader).map { try RecordRow($0) }?.baseFields
        break
      }
      guard entry.previous < position else {
        throw JournalError.damaged("entry \(position) links forward; run `journal verify`")
      }
      chain.append(entry)
      if entry.header.kind == .put || entry.header.kind == .delete { break }
      position = entry.previous
    }
    for entry in chain.reversed() {
      fields = try entry.plainBody.withUnsafeBytes {
        try EditRule.apply(entry.header.kind, Body($0), to: fields).fields
      }
    }
    return fields
  }
}
