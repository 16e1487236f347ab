/// The row every commit writes last, by which a stale or truncated file is recognised.
///
/// It stands in table ``Table/meta`` under ``key``; its payload begins with the id of the
/// transaction that wrote it and the file length that transaction reserved, two big-endian
/// 64-bit integers. What follows belongs to the journal.
package struct HeadRow: Sendable, Equatable {
  /// The key of the row in table ``Table/meta``: `head`.
  package static let key: [UInt8] = Array("head".utf8)
  /// The bytes of the payload that this layer reads.
  package static let prefixBytes = 16

  /// The transaction that wrote the row; equal to the id in the meta page of the same commit.
  package let transactionID: UInt64
  /// The file is never shorter than this unless it was truncated.
  package let fileBytes: UInt64

  /// A head row with these two fields.
  package init(transactionID: UInt64, fileBytes: UInt64) {
    self.transactionID = transactionID
    self.fileBytes = fileBytes
  }

  /// Reads the two fields from the front of `payload`; nil when it is too short.
  package init?(payload: UnsafeRawBufferPointer) {
    guard payload.count >= Self.prefixBytes else { return nil }
    transactionID = UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self))
    fileBytes = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
  }

  /// The sixteen bytes with which the payload begins.
  package var prefix: [UInt8] {
    withUnsafeBytes(of: transactionID.bigEndian) { Array($0) }
      + withUnsafeBytes(of: fileBytes.bigEndian) { Array($0) }
  }
}
