/// What the table `ids` remembers of an edit: while it is held its sequence, afterwards enough to
/// answer a repeated append or push alike.
///
/// A row has its length from the append on, and a trim rewrites it in place. Rows that grew then
/// would split every page of a table written in order, and leave it half full.
package struct RememberedID: Sendable, Equatable {
  package var sequence: SequenceNumber
  package var isTrimmed = false
  /// Whether the edit changed nothing on this server.
  package var isAbsorbed = false
  /// When the edit was recorded; nil where its id was made at that very time and says so itself.
  /// Rows of held edits that earlier builds wrote leave it to the entry.
  package private(set) var time: Timestamp?

  /// What is known of a trimmed edit.
  package struct Trimmed: Sendable, Equatable {
    package var time: Timestamp
    package var isAbsorbed: Bool
  }

  private static let trimmedBit: UInt64 = 1 << 47
  private static let absorbedBit: UInt64 = 1 << 46
  private static let latest: UInt64 = 1 << 48 - 1

  /// What is remembered of an entry.
  package init(_ header: EntryHeader, isTrimmed: Bool = false) {
    sequence = header.sequence
    self.isTrimmed = isTrimmed
    isAbsorbed = header.flags.contains(.absorbed)
    if header.id.unixMilliseconds != header.time.milliseconds {
      time = Timestamp(milliseconds: min(header.time.milliseconds, Self.latest))
    }
  }

  /// What earlier builds remembered of an edit that is held.
  package init(held sequence: SequenceNumber) {
    self.sequence = sequence
  }

  /// What is known of the edit of this id beside its sequence; nil while it is held.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when neither the row nor the id says when it was
  ///   recorded.
  package func trimmed(_ id: EntryID) throws(JournalError) -> Trimmed? {
    guard isTrimmed else { return nil }
    guard let time = time ?? id.unixMilliseconds.map({ Timestamp(milliseconds: $0) }) else {
      throw .damaged(
        "the id \(id) of trimmed entry \(sequence) has no recording time; run `journal verify`")
    }
    return Trimmed(time: time, isAbsorbed: isAbsorbed)
  }

  /// The length of the payload, the same before and after a trim.
  @inline(__always)
  var byteCount: Int { time == nil ? 6 : 12 }

  /// Writes the payload, which needs no array.
  @inline(__always)
  func encode(into bytes: UnsafeMutableRawBufferPointer) {
    var writer = RowWriter(bytes)
    writer.uint48(
      sequence | (isTrimmed ? Self.trimmedBit : 0) | (isAbsorbed ? Self.absorbedBit : 0))
    if let time { writer.uint48(time.milliseconds) }
  }

  package var encoded: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, count in
      encode(into: UnsafeMutableRawBufferPointer(bytes))
      count = byteCount
    }
  }

  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    let word = try reader.uint48()
    sequence = word & Limits.sequence
    isTrimmed = word & Self.trimmedBit != 0
    isAbsorbed = word & Self.absorbedBit != 0
    guard reader.remaining > 0 else { return }
    time = Timestamp(milliseconds: try reader.uint48())
    guard reader.remaining > 0 else { return }
    // As earlier builds wrote a trimmed edit: one byte of flags behind.
    let flags = try reader.integer(UInt8.self)
    guard flags < 2, reader.remaining == 0, word <= Limits.sequence else {
      throw .damaged("a remembered id has impossible flags or trailing bytes")
    }
    isTrimmed = true
    isAbsorbed = flags == 1
  }
}
