import Journal
import Projection
import Transport

/// When a strict change comes to conflict: its record has moved on from the base it was made on, and what moved is what
/// it touches.
struct StrictRule {
  let context: AppendContext
  /// What of the past may still be looked at on behalf of the request.
  let budget: StrictBudget

  /// The state a change of a unit comes to conflict with; nil where it does not.
  ///
  /// Linear in what happened to the record since its base. What was trimmed of that, or lies beyond the request's
  /// budget, counts as touched.
  ///
  /// - Parameter earlier: The changes before it in its group, which are judged with it.
  func conflict(
    _ change: SegmentChange, on record: RecordAddress, _ row: RecordRow?,
    after earlier: Set<EntryID>
  ) throws -> FeedChange? {
    guard change.isStrict else { return nil }
    if case .entry(let id) = change.base, !earlier.contains(id), try version(of: id) == nil {
      // It came to conflict itself, or was refused: what stands on it does not stand.
      return try state(record, row)
    }
    guard let row, let known = row.base else { return nil }
    // Who deletes what is gone already has what he wants.
    if change.kind == .delete, row.baseFields == nil { return nil }
    let base: ServerVersion?
    switch change.base {
    case .none: base = nil
    case .version(let version): base = version
    case .entry(let id):
      if earlier.contains(id) { return nil }
      base = try version(of: id)
    }
    guard known.version != base, try touches(change, since: base, row) else { return nil }
    return try state(record, row)
  }

  /// Whether what happened to a record since a version has anything in common with a change.
  private func touches(
    _ change: SegmentChange, since base: ServerVersion?, _ row: RecordRow
  ) throws -> Bool {
    // Its writer knew of none: whatever there is, is news to it, and what has come and gone is not.
    guard let base else { return row.baseFields != nil }
    let touched = try change.body.withUnsafeBytes {
      try EditRule.touchedNames(change.kind, Body($0))
    }
    guard let touched else { return true }
    guard !touched.isEmpty else { return false }
    var sequence = row.last
    while sequence > 0 {
      guard let entry = try context.state.entry(sequence) else { return true }
      let version = ServerVersion(
        timestamp: entry.header.time.milliseconds, tieBreak: entry.header.sequence)
      if version <= base { return false }
      guard budget.spend(entry.body.count), try !touches(touched, entry) else { return true }
      guard entry.previous < sequence else {
        throw JournalError.damaged("entry \(sequence) links forward; run `journal verify`")
      }
      sequence = entry.previous
    }
    // Nothing is held between the base and what is known.
    return sequence == 0 && row.last == 0
  }

  private func touches(_ names: Set<[UInt8]>, _ entry: StoredEntry) throws -> Bool {
    guard !entry.header.flags.contains(.absorbed) else { return false }
    guard entry.encoding != StoredEntry.erasedEncoding, entry.header.kind.isEdit else {
      return true
    }
    return try entry.plainBody.withUnsafeBytes { bytes in
      guard let other = try EditRule.touchedNames(entry.header.kind, Body(bytes)) else {
        return true
      }
      return !names.isDisjoint(with: other)
    }
  }

  private func state(_ record: RecordAddress, _ row: RecordRow?) throws -> FeedChange {
    let names = try record.names
    let version = row?.base?.version ?? ServerVersion(timestamp: 0, tieBreak: 0)
    return FeedChange(
      collection: names.collection, key: names.key, version: version,
      born: row?.base?.born ?? version, state: row?.baseFields.map { .live($0) } ?? .deleted)
  }

  /// The version an edit was accepted at; nil where it never was.
  private func version(of id: EntryID) throws -> ServerVersion? {
    guard let remembered = try context.remembered(id) else { return nil }
    let time =
      try remembered.trimmed(id)?.time ?? context.state.entry(remembered.sequence)?.header.time
    return time.map {
      ServerVersion(timestamp: $0.milliseconds, tieBreak: remembered.sequence)
    }
  }
}

/// How much of their records' pasts the strict changes of one request may have looked at.
///
/// A base is whatever its device says: without a bound a device that names the oldest one in each change would make
/// the server walk along all that ever happened to a record, in its write transaction. What a request may ask for
/// grows with what it brings. Whoever was away for longer comes to conflict, and decides on the state as it is.
final class StrictBudget {
  /// Entries a request may look at anyway, and for each change more.
  static let entries = 1_024
  static let entriesPerChange = 64
  /// A longer body counts as so many entries as it fills.
  private static let bodyBytes = 1_024

  private var left: Int

  init(changes: Int) {
    left = Self.entries + Self.entriesPerChange * changes
  }

  /// Takes an entry with so long a body from what is left; false once nothing is.
  func spend(_ bodyBytes: Int) -> Bool {
    guard left > 0 else { return false }
    left -= 1 + bodyBytes / Self.bodyBytes
    return true
  }
}
