import Journal
import Projection
import Transport

/// The records of a server's journal as they stood at one sequence, whatever came since.
///
/// What was erased since is not there: nobody gets to see it again.
struct StateReader {
  /// A record as it stood, lent.
  struct Record {
    var rowKey: UnsafeRawBufferPointer
    var version: ServerVersion
    var born: ServerVersion
    /// Nil where it was deleted.
    var fields: UnsafeRawBufferPointer?
  }

  let reader: JournalReader
  let sequence: SequenceNumber

  /// The newest state there is.
  init(newestOf reader: JournalReader) {
    self.reader = reader
    sequence = reader.head.lastSequence
  }

  /// - Throws: ``ServerError/cursorUnknown(code:message:)`` where entries behind `sequence` were trimmed:
  ///   how the records stood is not known any more.
  init(reader: JournalReader, sequence: SequenceNumber) throws {
    guard sequence + 1 >= reader.horizon.sequence, sequence <= reader.head.lastSequence else {
      throw ServerError.cursorUnknown(
        code: "resync-required", message: "how the records stood at this cursor was trimmed")
    }
    self.reader = reader
    self.sequence = sequence
  }

  /// Lends the records from a row key on, deleted ones included; `body` returns false to stop.
  ///
  /// A record that was not changed since is lent where it lies; of the others each entry since is read.
  func scan(from rowKey: [UInt8], _ body: (Record) throws -> Bool) throws {
    try reader.storage.scan(.records, from: rowKey) { key, payload in
      let row = try RecordRowView(payload)
      guard let base = row.base else { return true }
      if base.version.tieBreak <= sequence {
        return try body(
          Record(rowKey: key, version: base.version, born: base.born, fields: row.baseFields))
      }
      guard let earlier = try earlier([UInt8](key), base) else { return true }
      guard let fields = earlier.fields else {
        return try body(
          Record(rowKey: key, version: earlier.version, born: base.born, fields: nil))
      }
      return try fields.withUnsafeBytes { fields in
        try body(
          Record(rowKey: key, version: earlier.version, born: base.born, fields: fields))
      }
    }
  }

  /// How a record stood that was changed since; nil where it was not there yet.
  private func earlier(
    _ rowKey: [UInt8], _ base: RecordRow.Base
  ) throws -> (version: ServerVersion, fields: [UInt8]?)? {
    var position = base.version.tieBreak
    while position > 0 {
      guard position >= reader.horizon.sequence, let entry = try reader.entry(position) else {
        guard let row = try Baseline.record(rowKey, reader).map({ try RecordRow($0) }),
          let base = row.base
        else { return nil }
        return (base.version, row.baseFields)
      }
      if position <= sequence, !entry.header.flags.contains(.absorbed) {
        let version = ServerVersion(
          timestamp: entry.header.time.milliseconds, tieBreak: position)
        return (version, try RecordStates(reader: reader).state(of: rowKey, after: position))
      }
      guard entry.previous < position else {
        throw JournalError.damaged("entry \(position) links forward; run `journal verify`")
      }
      position = entry.previous
    }
    return nil
  }
}
