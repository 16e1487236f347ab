import Journal
import Transport

/// Digests over the records of a server's journal as they stood at a cursor, and the records of buckets.
///
/// Each answer is linear in the records.
struct DigestReader {
  /// A page ends with the first record beyond this size.
  private static let pageBytes = 6 << 20

  let reader: JournalReader
  private let state: StateReader
  private let asked: AskedRecords

  /// - Throws: ``ServerError/cursorUnknown(code:message:)``.
  init(reader: JournalReader, asked: AskedRecords = .all, cursor text: String) throws {
    guard let position = FeedCursorText(text), case .entries(_, let sequence, _) = position else {
      throw ServerError.cursorUnknown(
        code: "cursor-malformed", message: "the cursor is not one that ended a page of entries")
    }
    try FeedReader(reader: reader).check(position)
    self.reader = reader
    self.asked = asked
    state = try StateReader(reader: reader, sequence: sequence)
  }

  var epoch: String { reader.identity.journal.description }

  /// The digest over each collection that has live records, by name.
  func collections() throws -> [CollectionDigest] {
    var digests: [CollectionDigest] = []
    var current: (prefix: [UInt8], name: String, digest: StateDigest)?
    func close() {
      guard let done = current, done.digest.records > 0 else { return }
      digests.append(
        CollectionDigest(
          collection: done.name, records: done.digest.records, digest: done.digest.bytes))
    }
    try state.scan(from: []) { record in
      guard let fields = record.fields else { return true }
      if current == nil || !record.rowKey.starts(with: current?.prefix ?? []) {
        close()
        let name = try RecordAddress.names(inRowKey: record.rowKey).collection
        current = (Self.prefix(of: name), name, StateDigest())
      }
      guard try asked.has(current?.name ?? "", fields) else { return true }
      current?.digest.add(record.rowKey, record.version, fields)
      return true
    }
    close()
    return digests
  }

  func buckets(of collection: String, bits: Int) throws -> [UInt8] {
    var digest = StateDigest(bits: bits)
    try scan(collection, after: []) { record, fields in
      digest.add(record.rowKey, record.version, fields)
      return true
    }
    return digest.bytes
  }

  /// The live records of some buckets, after a place that an earlier page named.
  func records(
    of collection: String, in buckets: Set<UInt16>, bits: Int, from place: String?, limit: Int
  ) throws -> FeedPage {
    guard let last = Hex.decode(place ?? "") else {
      throw ServerError.badRequest("`place` is not one this server named")
    }
    var (changes, bytes, end, hasMore) = ([FeedChange](), 0, last, false)
    try scan(collection, after: last) { record, fields in
      guard buckets.contains(StateDigest.bucket(of: record.rowKey, bits: bits)) else { return true }
      guard changes.count < limit, bytes < Self.pageBytes else {
        hasMore = true
        return false
      }
      let names = try RecordAddress.names(inRowKey: record.rowKey)
      var change = FeedChange(
        collection: names.collection, key: names.key, version: record.version, born: record.born,
        state: .live([UInt8](fields)))
      change.originID = try reader.heldHeader(record.version.tieBreak)?.id
      changes.append(change)
      bytes += change.bytes
      end = [UInt8](record.rowKey)
      return true
    }
    return FeedPage(
      epoch: epoch, cursor: Hex.encode(end), through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: hasMore, changes: changes)
  }

  private func scan(
    _ collection: String, after last: [UInt8],
    _ body: (StateReader.Record, UnsafeRawBufferPointer) throws -> Bool
  ) throws {
    let prefix = Self.prefix(of: collection)
    try state.scan(from: last.isEmpty ? prefix : last) { record in
      guard record.rowKey.starts(with: prefix) else { return false }
      guard let fields = record.fields, !record.rowKey.elementsEqual(last),
        try asked.has(collection, fields)
      else { return true }
      return try body(record, fields)
    }
  }

  private static func prefix(of collection: String) -> [UInt8] {
    [UInt8](collection.utf8).withUnsafeBytes { RecordAddress.prefix(collection: $0) }
  }
}
