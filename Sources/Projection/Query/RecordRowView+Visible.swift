import Journal

extension RecordRowView {
  /// What ``visible`` is of a stored row, without reading the rest of it.
  ///
  /// For reads that look at very many rows. Refuses what `init(_:)` refuses, which says why.
  static func visible(
    _ payload: UnsafeRawBufferPointer
  ) throws(JournalError) -> UnsafeRawBufferPointer? {
    // A row without a base, of edits made here alone, or one without open edits: as good as all are.
    guard payload.count >= 18, payload[0] == layout else {
      return try RecordRowView(payload).visible
    }
    switch payload[1] {
    case 24:
      let count = payload.loadUnaligned(fromByteOffset: 14, as: UInt32.self)
      guard count != 0 else { break }
      return UnsafeRawBufferPointer(rebasing: payload[18...])
    case 5 where payload.count >= 48:
      let length = UInt32(
        bigEndian: payload.loadUnaligned(fromByteOffset: 44, as: UInt32.self))
      guard Int(length) == payload.count - 48 else { break }
      return UnsafeRawBufferPointer(rebasing: payload[48...])
    default: break
    }
    return try RecordRowView(payload).visible
  }
}
