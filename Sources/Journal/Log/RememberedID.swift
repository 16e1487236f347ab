/// What the table `ids` remembers of an edit: while it is held its sequence, afterwards enough to
/// answer a repeated append or push alike.
package struct RememberedID: Sendable, Equatable {
  package var sequence: SequenceNumber
  /// Set once the edit has been trimmed.
  package var trimmed: Trimmed?

  package struct Trimmed: Sendable, Equatable {
    package var time: Timestamp
    package var isAbsorbed: Bool
  }

  package init(sequence: SequenceNumber, trimmed: Trimmed? = nil) {
    self.sequence = sequence
    self.trimmed = trimmed
  }

  /// The length of the payload while the edit is held.
  static let heldBytes = 6

  /// The payload of an edit that is held, which needs no array.
  static func encodeHeld(_ sequence: SequenceNumber, into bytes: UnsafeMutableRawBufferPointer) {
    var writer = RowWriter(bytes)
    writer.uint48(sequence)
  }

  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendUInt48(sequence)
    if let trimmed {
      bytes.appendUInt48(trimmed.time.milliseconds)
      bytes.append(trimmed.isAbsorbed ? 1 : 0)
    }
    return bytes
  }

  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    sequence = try reader.uint48()
    guard reader.remaining > 0 else { return }
    let time = Timestamp(milliseconds: try reader.uint48())
    let flags = try reader.integer(UInt8.self)
    guard flags < 2, reader.remaining == 0 else {
      throw .damaged("a remembered id has impossible flags or trailing bytes")
    }
    trimmed = Trimmed(time: time, isAbsorbed: flags == 1)
  }
}
