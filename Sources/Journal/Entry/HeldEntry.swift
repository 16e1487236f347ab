/// An entry where it lies in its row: what ``StoredEntry`` copies. Borrows the body's bytes.
package struct HeldEntry {
  package let header: EntryHeader
  package let encoding: UInt8
  package let salt: Salt
  /// The entry before this one about the same record; 0 is none.
  package let previous: SequenceNumber
  /// The body as it is stored.
  package let body: UnsafeRawBufferPointer

  /// - Throws: ``JournalError/damaged(_:)`` or ``JournalError/unsupported(_:)``.
  init(
    _ payload: UnsafeRawBufferPointer, sequence: SequenceNumber, devices: [DeviceID]
  ) throws(JournalError) {
    (header, encoding, salt, previous) = try StoredEntry.decodePrefix(
      payload, sequence: sequence, devices: devices)
    body = UnsafeRawBufferPointer(rebasing: payload[StoredEntry.overhead...])
  }

  /// The body, once it is known to be of an encoding this release reads.
  package var plainBody: UnsafeRawBufferPointer {
    get throws(JournalError) {
      guard encoding == StoredEntry.plainEncoding else {
        throw .unsupported(
          "entry \(header.sequence) has a body of encoding \(encoding); use a newer release")
      }
      return body
    }
  }
}
