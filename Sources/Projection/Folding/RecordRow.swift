package import Journal

/// A record as the table `records` holds it: base, overlay, visible state.
///
/// Borrows nothing: fields are ranges of the payload it keeps.
package struct RecordRow: Sendable {
  static let layout: UInt8 = 1

  /// The record in the server's order.
  package struct Base: Sendable, Hashable {
    package var version: ServerVersion
    /// The version at which the record first came to be.
    package var born: ServerVersion
    package var generation: UInt32 = 0
  }

  /// Present once the server, or a local journal, has given the record a version.
  package var base: Base?
  /// The base's fields; nil when the record does not exist there.
  package var baseFields: [UInt8]?
  /// The last entry about the record.
  package var last: SequenceNumber = 0
  package var newestOpen: SequenceNumber = 0
  package var openCount: UInt32 = 0
  /// The fields with the overlay folded on top; meaningful while ``openCount`` is not 0.
  package var overlaid: [UInt8]?

  package init() {}

  /// What the app shows: nil when the record does not exist.
  package var visible: [UInt8]? { openCount > 0 ? overlaid : baseFields }

  /// Puts an edit on top of the overlay.
  ///
  /// - Throws: `JournalError.damaged` when the row counts more open edits than a journal can hold.
  mutating func lay(_ edit: SequenceNumber, _ fields: [UInt8]?) throws(JournalError) {
    guard openCount < .max else {
      throw .damaged(
        "the record of edit \(edit) counts too many open edits; run `journal verify`")
    }
    newestOpen = edit
    openCount += 1
    overlaid = fields
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(80 + (baseFields?.count ?? 0) + (overlaid?.count ?? 0))
    var flags: UInt8 = 0
    if baseFields != nil { flags |= 1 } else if base != nil { flags |= 2 }
    if base != nil { flags |= 4 }
    if openCount > 0 {
      flags |= 8
      if overlaid != nil { flags |= 16 }
    }
    bytes.append(Self.layout)
    bytes.append(flags)
    bytes.appendUInt48(last)
    if let base {
      bytes.appendBigEndian(base.version.timestamp)
      bytes.appendBigEndian(base.version.tieBreak)
      bytes.appendBigEndian(base.born.timestamp)
      bytes.appendBigEndian(base.born.tieBreak)
      bytes.appendBigEndian(base.generation)
    }
    if openCount > 0 {
      bytes.appendUInt48(newestOpen)
      bytes.appendBigEndian(openCount)
    }
    if let baseFields {
      bytes.appendBigEndian(UInt32(truncatingIfNeeded: baseFields.count))
      bytes.append(contentsOf: baseFields)
    }
    if openCount > 0, let overlaid { bytes.append(contentsOf: overlaid) }
    return bytes
  }

  /// - Throws: `JournalError.damaged` when the payload is no record's row.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    guard try reader.integer(UInt8.self) == Self.layout else {
      throw .unsupported("a record's row has a layout of a later release; use that release")
    }
    let flags = try reader.integer(UInt8.self)
    last = try reader.uint48()
    if flags & 4 != 0 {
      base = Base(
        version: ServerVersion(
          timestamp: try reader.integer(UInt64.self), tieBreak: try reader.integer(UInt64.self)),
        born: ServerVersion(
          timestamp: try reader.integer(UInt64.self), tieBreak: try reader.integer(UInt64.self)),
        generation: try reader.integer(UInt32.self))
    }
    if flags & 8 != 0 {
      newestOpen = try reader.uint48()
      openCount = try reader.integer(UInt32.self)
    }
    if flags & 1 != 0 {
      let length = try reader.integer(UInt32.self)
      baseFields = [UInt8](try reader.take(Int(length)))
    }
    if flags & 16 != 0 { overlaid = [UInt8](try reader.rest()) }
    guard reader.remaining == 0, flags < 32, (openCount > 0) == (flags & 8 != 0),
      openCount > 0 || flags & 16 == 0, (baseFields == nil && base != nil) == (flags & 2 != 0)
    else {
      throw .damaged("a record's row has impossible flags or trailing bytes; run `journal verify`")
    }
  }

  package init(_ payload: [UInt8]) throws(JournalError) {
    let row: Result<RecordRow, JournalError> = payload.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in try RecordRow(bytes) }
    }
    self = try row.get()
  }
}
