import Journal

/// What a server knows of a device: the row of the table `peers`.
struct PeerRow: Sendable, Equatable {
  var label = ""
  /// Empty until the device has shown a checkpoint.
  var verifierKey = ""
  /// The last checkpoint acknowledged.
  var size: UInt64 = 0
  var root = TreeHash.empty
  var note = ""
  /// The sequence through which the device has booked the feed.
  var cursor: SequenceNumber = 0

  init() {}

  var encoded: [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 6)
    writer.unsigned(1)
    writer.text(label)
    writer.unsigned(2)
    writer.text(verifierKey)
    writer.unsigned(3)
    writer.unsigned(size)
    writer.unsigned(4)
    writer.data(root.bytes)
    writer.unsigned(5)
    writer.text(note)
    writer.unsigned(6)
    writer.unsigned(cursor)
    return writer.bytes
  }

  init(_ payload: UnsafeRawBufferPointer) throws {
    var reader = CBORReader(payload)
    func expect(_ key: UInt64) throws {
      guard try reader.unsigned() == key else {
        throw JournalError.damaged("a device's row is malformed; run `journal verify`")
      }
    }
    guard try reader.mapCount() == 6 else {
      throw JournalError.damaged("a device's row is malformed; run `journal verify`")
    }
    try expect(1)
    label = try reader.string()
    try expect(2)
    verifierKey = try reader.string()
    try expect(3)
    size = try reader.unsigned()
    try expect(4)
    guard let root = TreeHash(bytes: payload[try reader.data()]) else {
      throw JournalError.damaged("a device's root is malformed; run `journal verify`")
    }
    self.root = root
    try expect(5)
    note = try reader.string()
    try expect(6)
    cursor = try reader.unsigned()
    guard reader.isAtEnd else {
      throw JournalError.damaged("a device's row has trailing bytes; run `journal verify`")
    }
  }

  static func read(_ device: DeviceID, _ storage: any StorageReader) throws -> PeerRow? {
    try storage.withValue(.peers, device.bytes) { try PeerRow($0) }
  }

  /// The sequence below which every known device has booked the feed; nil without devices.
  static func lowestCursor(_ reader: JournalReader) throws -> SequenceNumber? {
    var lowest: SequenceNumber?
    try reader.storage.scan(.peers, from: nil) { _, payload in
      let cursor = try PeerRow(payload).cursor
      lowest = min(lowest ?? cursor, cursor)
      return true
    }
    return lowest
  }
}
