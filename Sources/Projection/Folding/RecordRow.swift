package import Journal

/// A record as the table `records` holds it: base, overlay, visible state. A copy of its own.
package struct RecordRow: Sendable {
  /// The record in the server's order.
  package struct Base: Sendable, Hashable {
    package var version: ServerVersion
    /// The version at which the record first came to be.
    package var born: ServerVersion
    package var generation: UInt32 = 0
    /// Whether the record is there at that version and outside of what is taken from the server.
    package var isWithdrawn = false
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

  /// The keys the record had before a server gave it this one.
  package var formerKeys: [[UInt8]] = []
  /// Where the record stands that had this key: all else but ``last`` is there.
  package var moved: Moved?

  /// That a server has given a record another key.
  package struct Moved: Sendable, Hashable {
    /// The `id assigned` entry.
    package var since: SequenceNumber
    /// The key within the same collection.
    package var key: [UInt8]
  }

  package init() {}

  /// What the app shows: nil when the record does not exist.
  package var visible: [UInt8]? { openCount > 0 ? overlaid : baseFields }

  /// Whether a state of the base's version tells the record's leaving of what is taken, or its coming back: neither
  /// changes a version.
  func isOtherSide(isWithdrawn: Bool) -> Bool {
    isWithdrawn ? baseFields != nil : base?.isWithdrawn == true
  }

  package var encoded: [UInt8] {
    Self.lend(baseFields) { baseFields in
      Self.lend(overlaid) { overlaid in
        Self.lend(formerKeys.isEmpty ? nil : FormerKeys.encoded(formerKeys)) { formerKeys in
          encoded(baseFields, overlaid, formerKeys)
        }
      }
    }
  }

  private func encoded(
    _ baseFields: UnsafeRawBufferPointer?, _ overlaid: UnsafeRawBufferPointer?,
    _ formerKeys: UnsafeRawBufferPointer?
  ) -> [UInt8] {
    Self.lend(moved?.key) { key in
      var view = RecordRowView()
      if let moved, let key { view.moved = (moved.since, key) }
      view.formerKeys = formerKeys
      view.base = base
      view.baseFields = baseFields
      view.last = last
      view.newestOpen = newestOpen
      view.openCount = openCount
      view.overlaid = overlaid
      return [UInt8](unsafeUninitializedCapacity: view.encodedBytes) { bytes, count in
        view.encode(into: UnsafeMutableRawBufferPointer(bytes))
        count = view.encodedBytes
      }
    }
  }

  private static func lend<R>(
    _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) -> R
  ) -> R {
    guard let bytes else { return body(nil) }
    return bytes.withUnsafeBytes { body($0) }
  }

  /// - Throws: `JournalError.damaged` when the payload is no record's row.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    let view = try RecordRowView(payload)
    base = view.base
    baseFields = view.baseFields.map { [UInt8]($0) }
    last = view.last
    newestOpen = view.newestOpen
    openCount = view.openCount
    overlaid = view.overlaid.map { [UInt8]($0) }
    formerKeys =
      try view.formerKeys.map { bytes throws(JournalError) in
        try FormerKeys.list(bytes)
      } ?? []
    moved = view.moved.map { Moved(since: $0.since, key: [UInt8]($0.key)) }
  }

  package init(_ payload: [UInt8]) throws(JournalError) {
    let row: Result<RecordRow, JournalError> = payload.withUnsafeBytes { bytes in
      Result { () throws(JournalError) in try RecordRow(bytes) }
    }
    self = try row.get()
  }
}
