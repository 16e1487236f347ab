public import Journal

/// What happened to one record, entry by entry, with its row before and after each.
///
/// Folds the entries about the record and those of delivery, which may change any record, and passes
/// over the edits, remote changes and decisions about others: it costs a look at the header of each
/// entry, and memory for one record.
struct RecordStory {
  /// An entry that is about the record or has changed what it shows.
  struct Step {
    let entry: StoredEntry
    let before: RecordRow?
    let after: RecordRow?
  }

  let reader: JournalReader
  let through: SequenceNumber
  /// Every row key it was known under by then, the one it stood under then first.
  let rowKeys: [[UInt8]]
  private let state: MemoryFoldState
  private let chain: Set<SequenceNumber>?

  /// - Throws: `JournalError.belowHorizon`, `JournalError.invalidInput` beyond the last sequence.
  init(_ reader: JournalReader, _ address: RecordAddress, through: SequenceNumber) throws {
    try Replay.check(reader, through: through)
    (self.reader, self.through) = (reader, through)
    let aliases = try reader.storage.holdsFold ? Aliases(reader.storage) : Aliases(of: reader)
    let limit = through < .max ? through + 1 : .max
    rowKeys = try aliases.allKeys(of: address.rowKey, before: limit)
    state = try MemoryFoldState(reader, only: rowKeys)
    chain = try Self.chain(reader, rowKeys)
  }

  /// The record's row at the horizon; nil when nothing below it concerned the record.
  func start() throws -> RecordRow? {
    for rowKey in rowKeys {
      if let row = try Baseline.record(rowKey, reader).map({ try RecordRow($0) }), row.moved == nil
      {
        return row
      }
    }
    return nil
  }

  /// The fold as it stands after the step that was lent last.
  var fold: MemoryFoldState { state }

  /// Lends the steps, oldest first. Call it once.
  func follow(_ body: (Step) throws -> Void) throws {
    let folder = RecordFolder()
    guard through >= reader.horizon.sequence else { return }
    var rows = rowKeys.map { state.records[$0] }
    try reader.scanHeld(from: reader.horizon.sequence) { entry in
      let sequence = entry.header.sequence
      guard sequence <= through else { return false }
      guard entry.encoding != StoredEntry.erasedEncoding else { return true }
      let isAboutRecords = Self.isAboutOneRecord(entry.header.kind)
      let isOurs = try isAboutRecords && isOurs(entry)
      guard isOurs || !isAboutRecords else { return true }
      _ = try folder.replay(entry.header, body: entry.plainBody, in: state)
      let before = rows
      rows = rowKeys.map { state.records[$0] }
      guard isOurs || before != rows, let stored = try reader.entry(sequence) else { return true }
      let (from, to) = try Self.changed(before, rows)
      try body(
        Step(
          entry: stored, before: try before[from].map { try RecordRow($0) },
          after: try rows[to].map { try RecordRow($0) }))
      return true
    }
  }

  /// Which of the record's rows a step has changed: two of them where it went from one to the other.
  private static func changed(
    _ before: [[UInt8]?], _ after: [[UInt8]?]
  ) throws -> (from: Int, to: Int) {
    let changed = before.indices.filter { before[$0] != after[$0] }
    guard let first = changed.first else { return (0, 0) }
    var (from, to) = (first, first)
    for index in changed {
      guard let row = try after[index].map({ try RecordRow($0) }) else { continue }
      if row.moved == nil { to = index } else if before[index] != nil { from = index }
    }
    return changed.count > 1 ? (from, to) : (to, to)
  }

  private static func isAboutOneRecord(_ kind: EntryKind) -> Bool {
    kind.isEdit || kind == .remoteChange || kind == .conflict || kind == .idAssigned
  }

  private func isOurs(_ entry: HeldEntry) throws -> Bool {
    if let chain { return chain.contains(entry.header.sequence) }
    var isOurs = false
    let bytes = try entry.plainBody
    _ = try Body(bytes).withRowKey { key in isOurs = rowKeys.contains { key.elementsEqual($0) } }
    return isOurs
  }

  /// The entries about the record above the horizon, by the links between them; nil in a pack, which
  /// does not hold where they begin.
  private static func chain(
    _ reader: JournalReader, _ rowKeys: [[UInt8]]
  ) throws -> Set<SequenceNumber>? {
    guard reader.storage.holdsFold else { return nil }
    var chain: Set<SequenceNumber> = []
    for rowKey in rowKeys {
      var sequence = try StoredRecords(reader: reader).last(rowKey)
      while sequence >= reader.horizon.sequence, let entry = try reader.entry(sequence) {
        guard entry.previous < sequence else {
          throw JournalError.damaged("entry \(sequence) links forward; run `journal verify`")
        }
        chain.insert(sequence)
        sequence = entry.previous
      }
    }
    return chain
  }
}

extension Aliases {
  /// The keys of a pack, which holds no rows but the baseline's: one look at each of these and at the
  /// header of each entry.
  init(of reader: JournalReader) throws {
    var rows: [[UInt8]: Row] = [:]
    try Baseline.scanRecords(reader, from: []) { rowKey, payload in
      let row = try Row(payload)
      if row.moved != nil || !row.formerKeys.isEmpty { rows[[UInt8](rowKey)] = row }
      return true
    }
    try reader.scanHeld(from: reader.horizon.sequence) { entry in
      guard entry.header.kind == .idAssigned, entry.encoding != StoredEntry.erasedEncoding else {
        return true
      }
      let body = try Body(entry.plainBody)
      guard let named = try body.record(), let key = try body.text(.newKey) else { return true }
      let known = Aliases { rows[$0] ?? Row() }
      let old = try known.currentKey(of: named.rowKey, before: .max)
      let new = try known.currentKey(
        of: RecordAddress(collection: named.names.collection, key: key).rowKey, before: .max)
      guard old != new else { return true }
      let prefix = try RecordAddress.prefixBytes(inRowKey: old)
      let former = rows[old]?.formerKeys ?? []
      rows[new, default: Row()].formerKeys += former + [Array(old.dropFirst(prefix))]
      var moved = Row()
      moved.moved = RecordRow.Moved(
        since: entry.header.sequence, key: Array(new.dropFirst(prefix)))
      rows[old] = moved
      return true
    }
    self.init { [rows] in rows[$0] ?? Row() }
  }
}

/// What lies below a journal's horizon and cannot be told from what it holds.
public struct BelowHorizon: Sendable, Hashable {
  /// Entries up to this sequence were trimmed.
  public var through: SequenceNumber
  /// The archive that holds them, as it was named when it was made; nil when none was.
  public var archive: String?

  init(_ reader: JournalReader) throws {
    let last = reader.horizon.sequence - 1
    through = last
    archive = try reader.archives().first { $0.through >= last }?.path
  }
}

extension BelowHorizon: CustomStringConvertible {
  /// Where to look, for people.
  public var description: String {
    "it lies below the horizon: entries up to \(through) were trimmed; "
      + (archive.map { "look into the archive \($0)" } ?? "no archive was made of them")
  }
}
