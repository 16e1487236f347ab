/// How far a remote's feed has been taken in: the row `fold/cursor/<remote>`.
package struct RemoteCursor: Sendable, Hashable {
  /// Names the server's history; another epoch is another history.
  package var epoch: String
  /// Issued by the server; never parsed or compared here.
  package var cursor: String
  /// The version through which the feed is complete.
  package var through: ServerVersion
  /// Counts the times the full state had to be taken anew; versions compare only within one.
  package var generation: UInt32
  /// The `cursor` entry that says so.
  package var entry: SequenceNumber
  /// Whether the full state of this generation is still being read: what the server has not shown
  /// yet may still come.
  package var isTaking: Bool
  /// Names what was asked for, as ``RemoteDeclaration/filterDigest()`` does; empty where it was everything.
  package var filter: [UInt8]

  package init(
    epoch: String, cursor: String, through: ServerVersion, generation: UInt32 = 0,
    entry: SequenceNumber = 0, isTaking: Bool = false, filter: [UInt8] = []
  ) {
    self.epoch = epoch
    self.cursor = cursor
    self.through = through
    self.generation = generation
    self.entry = entry
    self.isTaking = isTaking
    self.filter = filter
  }

  /// What a `cursor` entry says.
  package init(_ body: Body, entry: SequenceNumber) throws(JournalError) {
    guard let epoch = try body.text(.epoch), let cursor = try body.text(.cursor),
      let through = try body.version(.through),
      let generation = UInt32(exactly: try body.unsigned(.generation) ?? 0)
    else { throw .damaged("a cursor entry is incomplete") }
    self.init(
      epoch: epoch, cursor: cursor, through: through, generation: generation, entry: entry,
      isTaking: try body.bool(.taking), filter: try body.data(.filter) ?? [])
  }

  /// The body of the entry that says this of a remote.
  ///
  /// - Parameters:
  ///   - reason: Of the entry that begins a generation: why.
  ///   - brake: What would be taken away at once, and what was said to that.
  package func body(
    remote: String, reason: GenerationReason? = nil, brake: BrakeNote? = nil
  ) -> [UInt8] {
    var body = BodyBuilder()
    if let reason { body.add(.reason, text: reason.rawValue) }
    body.add(.remote, text: remote)
    body.add(.epoch, text: epoch)
    body.add(.cursor, text: cursor)
    body.add(.through, version: through)
    body.add(.generation, unsigned: UInt64(generation))
    if isTaking { body.add(.taking) { $0.bool(true) } }
    if brake?.outcome == .confirmed { body.add(.confirmed) { $0.bool(true) } }
    if let brake { brake.add(to: &body) }
    if brake?.outcome == .kept { body.add(.kept) { $0.bool(true) } }
    if !filter.isEmpty { body.add(.filter, data: filter) }
    return body.finish()
  }

  package var encoded: [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 5 + (isTaking ? 1 : 0) + (filter.isEmpty ? 0 : 1))
    writer.unsigned(1)
    writer.text(epoch)
    writer.unsigned(2)
    writer.text(cursor)
    writer.unsigned(3)
    writer.version(through)
    writer.unsigned(4)
    writer.unsigned(UInt64(generation))
    writer.unsigned(5)
    writer.unsigned(entry)
    if isTaking {
      writer.unsigned(6)
      writer.bool(true)
    }
    if !filter.isEmpty {
      writer.unsigned(7)
      writer.data(filter)
    }
    return writer.bytes
  }

  package init(_ payload: [UInt8]) throws {
    self = try payload.withUnsafeBytes { bytes in
      var reader = CBORReader(bytes)
      let count = try reader.mapCount()
      func expect(_ key: UInt64) throws {
        guard (5...7).contains(count), try reader.unsigned() == key else {
          throw JournalError.damaged("a remote's cursor row is malformed; run `journal verify`")
        }
      }
      try expect(1)
      let epoch = try reader.string()
      try expect(2)
      let cursor = try reader.string()
      try expect(3)
      let through = try reader.version()
      try expect(4)
      guard let generation = UInt32(exactly: try reader.unsigned()) else {
        throw JournalError.damaged("a remote's cursor row is malformed; run `journal verify`")
      }
      try expect(5)
      let entry = try reader.unsigned()
      var key = count > 5 ? try reader.unsigned() : 0
      let isTaking = try key == 6 && reader.bool()
      if isTaking { key = count > 6 ? try reader.unsigned() : 0 }
      let filter = key == 7 ? [UInt8](bytes[try reader.data()]) : []
      guard count == 5 + (isTaking ? 1 : 0) + (filter.isEmpty ? 0 : 1), reader.isAtEnd else {
        throw JournalError.damaged("a remote's cursor row has another end; run `journal verify`")
      }
      return RemoteCursor(
        epoch: epoch, cursor: cursor, through: through, generation: generation, entry: entry,
        isTaking: isTaking, filter: filter)
    }
  }
}

extension JournalReader {
  package func cursor(of remote: String) throws -> RemoteCursor? {
    try meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }
  }

  /// Where reading goes on: the cursor, or a place behind it if nothing was told on the way there.
  package func readingPlace(of remote: String) throws -> RemoteCursor? {
    guard let cursor = try cursor(of: remote) else { return nil }
    let place = try meta(MetaKey.place(remote)).map { try RemoteCursor($0) }
    // The place behind an earlier entry says nothing any more.
    return place?.entry == cursor.entry ? place : cursor
  }
}
