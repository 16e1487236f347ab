import Journal
import Projection
import Transport

/// The states of records after particular entries, found through their chains.
struct RecordStates {
  /// The feed's change for an edit.
  struct Change {
    var change: FeedChange
    /// The record's fields before it; nil where it was not there.
    var before: [UInt8]?
  }

  let reader: JournalReader
  /// The state after the last entry asked for, per record: the next one goes on from it.
  private var latest: [[UInt8]: (sequence: SequenceNumber, fields: [UInt8]?)] = [:]

  init(reader: JournalReader) {
    self.reader = reader
  }

  /// The feed's change for an edit; nil when the edit changed nothing.
  mutating func change(_ entry: StoredEntry) throws -> Change? {
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
      return Change(change: change, before: before)
    }
  }

  /// A record's fields after an entry about it; linear in the chain back to its last whole state.
  func state(of rowKey: [UInt8], after sequence: SequenceNumber) throws -> [UInt8]? {
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
