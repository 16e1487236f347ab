/// How rows lie on disk when they are encrypted, as far as storage has to know.
///
/// Without one, rows are stored and lent as they are. Checksums cover what lies on disk, so they
/// are compared without a key.
package protocol RowSealer: AnyObject, Sendable {
  /// What is stored for `payload`; nil when rows of that table and key stay as they are.
  func seal(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]?

  /// Whether rows of that table and key are stored otherwise than they are handed over.
  func seals(_ table: Table, _ key: UnsafeRawBufferPointer) -> Bool

  /// What was handed over of what is stored; nil when it lies there as it is.
  ///
  /// - Throws: ``JournalError/damaged(_:)`` when it was changed or belongs to another row,
  ///   ``JournalError/keyMissing(_:)`` without a key.
  func open(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]?
}

extension (any RowSealer)? {
  /// Lends the payload of a row whose checksum agreed, opened where it is sealed.
  @inline(__always)
  func lend<R>(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    guard let sealer = self, let opened = try sealer.open(table, key, payload) else {
      return try body(payload)
    }
    return try opened.withUnsafeBytes(body)
  }
}
