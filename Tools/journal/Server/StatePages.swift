import Journal
import Transport

/// Pages of a full state: each record as it stood at one sequence, then what was erased till then.
struct StatePages {
  /// A page ends with the first record beyond this size: with one more of 1 MiB it stays under the
  /// limit for an answer.
  private static let pageBytes = 6 << 20

  let reader: JournalReader
  let state: StateReader
  var asked = AskedRecords.all
  /// Records looked through for a page of some of them.
  private static let pageRecords = 50_000

  func page(after place: StatePlace, limit: Int) throws -> FeedPage {
    var page = Page(limit: limit, place: place)
    if case .records(let shown, let last) = place {
      try addRecords(after: last, shown, to: &page)
    }
    if !page.isCut { try addErasures(to: &page) }
    let end = try FeedCursorText.entries(through: state.sequence, reader)
    let followed = reader.head.lastSequence - state.sequence
    guard page.isCut else {
      return FeedPage(
        epoch: end.epoch, cursor: end.text, through: try reader.version(through: state.sequence),
        hasMore: followed > 0, changes: page.changes, remaining: followed)
    }
    let cursor = FeedCursorText.state(
      epoch: end.epoch, sequence: end.sequence, root: end.root, place: page.place)
    return FeedPage(
      epoch: end.epoch, cursor: cursor.text, through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: true, changes: page.changes, remaining: try remaining(page.place) + followed)
  }

  private struct Page {
    let limit: Int
    var changes: [FeedChange] = []
    var bytes = 0
    var place: StatePlace
    /// Whether there is more than fits.
    var isCut = false

    init(limit: Int, place: StatePlace) {
      self.limit = limit
      self.place = place
    }

    /// False where the page is full.
    mutating func hasRoom() -> Bool {
      isCut = changes.count >= limit || bytes >= StatePages.pageBytes
      return !isCut
    }

    mutating func append(_ change: FeedChange) {
      changes.append(change)
      bytes += change.bytes
    }
  }

  private func addRecords(after last: [UInt8], _ before: UInt64, to page: inout Page) throws {
    var shown = before
    try state.scan(from: last) { record in
      guard !record.rowKey.elementsEqual(last) else { return true }
      guard page.hasRoom(), asked.areAll || shown - before < Self.pageRecords else {
        page.isCut = true
        return false
      }
      if try isAsked(record) { page.append(try change(record)) }
      shown += 1
      page.place = .records(shown: shown, after: [UInt8](record.rowKey))
      return true
    }
    if !page.isCut { page.place = .erasures(after: 0) }
  }

  private func isAsked(_ record: StateReader.Record) throws -> Bool {
    guard !asked.areAll, let fields = record.fields else { return true }
    let collection = try RecordAddress.names(inRowKey: record.rowKey).collection
    return try asked.has(collection, fields)
  }

  private func change(_ record: StateReader.Record) throws -> FeedChange {
    let names = try RecordAddress.names(inRowKey: record.rowKey)
    var change = FeedChange(
      collection: names.collection, key: names.key, version: record.version, born: record.born,
      state: record.fields.map { .live([UInt8]($0)) } ?? .deleted)
    // The edit it came from, where it is held: its device knows it for its own.
    change.originID = try reader.heldHeader(record.version.tieBreak)?.id
    return change
  }

  /// Erasures through the state's sequence: what they took is not among the records, but devices may
  /// still have it. Linear in the entries held.
  private func addErasures(to page: inout Page) throws {
    guard case .erasures(let last) = page.place else { return }
    var found: [SequenceNumber] = []
    try reader.scanHeld(from: last + 1) { entry in
      guard entry.header.sequence <= state.sequence else { return false }
      if entry.header.kind == .erased { found.append(entry.header.sequence) }
      return found.count <= page.limit
    }
    for sequence in found {
      guard page.hasRoom() else { return }
      if let change = try reader.entry(sequence).flatMap({ try reader.erasure($0) }) {
        page.append(change)
      }
      page.place = .erasures(after: sequence)
    }
    // As many as a page may have were found: there may be more.
    if found.count > page.limit { page.isCut = true }
  }

  /// About how many records are left: deleted ones count, and those that came since.
  private func remaining(_ place: StatePlace) throws -> UInt64 {
    guard case .records(let shown, _) = place else { return 0 }
    let count = try reader.storage.count(.records)
    return count - min(count, shown)
  }
}
