package import Journal

/// A record's row where it lies, in the page or memory it was lent from: what ``RecordRow`` copies.
///
/// The one place that knows how a row is laid out.
package struct RecordRowView {
  static let layout: UInt8 = 1

  package var base: RecordRow.Base?
  package var baseFields: UnsafeRawBufferPointer?
  package var last: SequenceNumber = 0
  var newestOpen: SequenceNumber = 0
  var openCount: UInt32 = 0
  var overlaid: UnsafeRawBufferPointer?
  /// The keys the record had before, one behind the other, each behind its length; see ``FormerKeys``.
  var formerKeys: UnsafeRawBufferPointer?
  /// Where the record stands that had this key; nothing else is in such a row then but ``last``.
  var moved: (since: SequenceNumber, key: UnsafeRawBufferPointer)?

  /// A record nothing is known of.
  package init() {}

  /// What the app shows: nil when the record does not exist.
  package var visible: UnsafeRawBufferPointer? { openCount > 0 ? overlaid : baseFields }

  /// - Throws: `JournalError.damaged` when the payload is no record's row.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var rest = payload
    func take(_ count: Int) throws(JournalError) -> UnsafeRawBufferPointer {
      guard count <= rest.count else {
        throw .damaged("a record's row ends early; run `journal verify`")
      }
      defer { rest = UnsafeRawBufferPointer(rebasing: rest[count...]) }
      return UnsafeRawBufferPointer(rebasing: rest[..<count])
    }
    func integer<T: FixedWidthInteger>(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> T {
      T(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
    func uint48(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt64 {
      let high: UInt16 = integer(bytes, offset)
      let low: UInt32 = integer(bytes, offset + 2)
      return UInt64(high) << 32 | UInt64(low)
    }
    func version(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> ServerVersion {
      ServerVersion(timestamp: integer(bytes, offset), tieBreak: integer(bytes, offset + 8))
    }
    let front = try take(8)
    guard front[0] == Self.layout else {
      throw .unsupported("a record's row has a layout of a later release; use that release")
    }
    let flags = front[1]
    last = uint48(front, 2)
    if flags & 32 != 0 {
      let since = uint48(try take(6), 0)
      let key = try take(rest.count)
      guard flags == 32, (1...RecordAddress.maximumNameBytes).contains(key.count) else {
        throw .damaged("a moved record's row has impossible flags or no key; run `journal verify`")
      }
      moved = (since, key)
      return
    }
    if flags & 4 != 0 {
      let bytes = try take(36)
      base = RecordRow.Base(
        version: version(bytes, 0), born: version(bytes, 16), generation: integer(bytes, 32),
        isWithdrawn: flags & 128 != 0)
    }
    if flags & 8 != 0 {
      let bytes = try take(10)
      newestOpen = uint48(bytes, 0)
      openCount = integer(bytes, 6)
    }
    if flags & 64 != 0 { formerKeys = try take(try FormerKeys.byteCount(at: rest)) }
    if flags & 1 != 0 {
      let length: UInt32 = integer(try take(4), 0)
      baseFields = try take(Int(length))
    }
    if flags & 16 != 0 { overlaid = try take(rest.count) }
    guard rest.isEmpty, flags & 128 == 0 || flags & 2 != 0, (openCount > 0) == (flags & 8 != 0),
      openCount > 0 || flags & 16 == 0, (baseFields == nil && base != nil) == (flags & 2 != 0)
    else {
      throw .damaged("a record's row has impossible flags or trailing bytes; run `journal verify`")
    }
  }

  /// The length of the row's payload.
  var encodedBytes: Int {
    if let moved { return 14 + moved.key.count }
    return 8 + (base == nil ? 0 : 36) + (formerKeys?.count ?? 0)
      + (openCount > 0 ? 10 + (overlaid?.count ?? 0) : 0)
      + (baseFields.map { 4 + $0.count } ?? 0)
  }

  /// Writes the row's payload, ``encodedBytes`` bytes.
  func encode(into bytes: UnsafeMutableRawBufferPointer) {
    var writer = RowWriter(bytes)
    if let moved {
      writer.integer(Self.layout)
      writer.integer(UInt8(32))
      writer.uint48(last)
      writer.uint48(moved.since)
      writer.copy(moved.key)
      return
    }
    var flags: UInt8 = 0
    if formerKeys != nil { flags |= 64 }
    if baseFields != nil { flags |= 1 } else if base != nil { flags |= 2 }
    if let base {
      flags |= 4
      if base.isWithdrawn, baseFields == nil { flags |= 128 }
    }
    if openCount > 0 {
      flags |= 8
      if overlaid != nil { flags |= 16 }
    }
    writer.integer(Self.layout)
    writer.integer(flags)
    writer.uint48(last)
    if let base {
      writer.version(base.version)
      writer.version(base.born)
      writer.integer(base.generation)
    }
    if openCount > 0 {
      writer.uint48(newestOpen)
      writer.integer(openCount)
    }
    if let formerKeys { writer.copy(formerKeys) }
    if let baseFields {
      writer.integer(UInt32(truncatingIfNeeded: baseFields.count))
      writer.copy(baseFields)
    }
    if openCount > 0, let overlaid { writer.copy(overlaid) }
  }

  /// Stores the row. What it lies in ends with this.
  ///
  /// - Parameter isChecked: An edit made here leaves it, which rules on stored records may refuse.
  func store(
    _ key: UnsafeRawBufferPointer, in state: any FoldState, isChecked: Bool
  ) throws {
    let count = encodedBytes
    try withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { buffer in
      encode(into: buffer)
      if isChecked { try state.checkEdit(key, leaving: UnsafeRawBufferPointer(buffer)) }
      try state.putRecord(key, UnsafeRawBufferPointer(buffer))
    }
  }
}
