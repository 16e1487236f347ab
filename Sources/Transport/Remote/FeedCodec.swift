package import Journal

/// Pages of the feed, and the small answers: `docs/protocol` describes their bytes.
package enum FeedCodec {
  /// What may be asked for, and the rest of a group that a page does not cut.
  package static let maximumChanges = 10_000 + Limits.groupEntries

  package static func encode(_ page: FeedPage) -> [UInt8] {
    var writer = CBORWriter(reserving: 4_096)
    writer.map(count: page.remaining == nil ? 5 : 6)
    writer.unsigned(1)
    writer.text(page.epoch)
    writer.unsigned(2)
    writer.text(page.cursor)
    writer.unsigned(3)
    writer.version(page.through)
    writer.unsigned(4)
    writer.bool(page.hasMore)
    writer.unsigned(5)
    writer.array(count: page.changes.count)
    for change in page.changes { write(change, into: &writer) }
    if let remaining = page.remaining {
      writer.unsigned(6)
      writer.unsigned(remaining)
    }
    return writer.bytes
  }

  /// - Throws: `JournalError` for anything that is not exactly one page.
  package static func decode(_ bytes: UnsafeRawBufferPointer) throws -> FeedPage {
    var reader = CBORReader(bytes)
    func expect(_ key: UInt64) throws {
      guard try reader.unsigned() == key else {
        throw JournalError.invalidInput("a page of the feed is malformed")
      }
    }
    let members = try reader.mapCount()
    guard members == 5 || members == 6 else {
      throw JournalError.invalidInput("a page of the feed is malformed")
    }
    try expect(1)
    let epoch = try reader.string()
    try expect(2)
    let cursor = try reader.string()
    try expect(3)
    let through = try reader.version()
    try expect(4)
    let hasMore = try reader.bool()
    try expect(5)
    let count = try reader.arrayCount()
    guard count <= maximumChanges, epoch.utf8.count <= 256, cursor.utf8.count <= 4_096 else {
      throw JournalError.invalidInput("a page of the feed is over its limits")
    }
    var changes: [FeedChange] = []
    for _ in 0..<count { changes.append(try read(&reader, bytes)) }
    var remaining: UInt64?
    if members == 6 {
      try expect(6)
      remaining = try reader.unsigned()
    }
    guard reader.isAtEnd else {
      throw JournalError.invalidInput("a page of the feed has trailing bytes")
    }
    return FeedPage(
      epoch: epoch, cursor: cursor, through: through, hasMore: hasMore, changes: changes,
      remaining: remaining)
  }

  /// What a change has; any other member makes it one of a later release.
  private static let members: Set<BodyKey> = [
    .collection, .key, .fields, .version, .born, .state, .changed, .originID, .edits,
  ]
  private static let erasedMembers: Set<BodyKey> = [.version, .born, .state, .originID, .edits]
  /// More edits of one record than this are not named; the newest are.
  package static let maximumErasedEdits = 10_000

  static func write(_ change: FeedChange, into writer: inout CBORWriter) {
    var body = BodyBuilder()
    if change.state != .erased {
      body.add(.collection, text: change.collection)
      body.add(.key, text: change.key)
    }
    if case .live(let fields) = change.state { body.add(.fields, raw: fields) }
    body.add(.version, version: change.version)
    body.add(.born, version: change.born)
    switch change.state {
    case .live: body.add(.state, unsigned: 0)
    case .deleted: body.add(.state, unsigned: 1)
    case .erased: body.add(.state, unsigned: 2)
    case .withdrawn: body.add(.state, unsigned: 3)
    }
    if let changed = change.changed {
      body.add(.changed) { writer in
        writer.array(count: changed.count)
        for name in changed { writer.text(name) }
      }
    }
    if let id = change.originID { body.add(.originID, data: id.bytes) }
    if !change.erasedEdits.isEmpty {
      body.add(.edits) { writer in
        writer.array(count: change.erasedEdits.count)
        for id in change.erasedEdits { writer.data(id.bytes) }
      }
    }
    writer.raw(body.finish())
  }

  static func read(
    _ reader: inout CBORReader, _ bytes: UnsafeRawBufferPointer
  ) throws -> FeedChange {
    let range = try reader.skip(maxDepth: Limits.depth + 2)
    let body = try Body(UnsafeRawBufferPointer(rebasing: bytes[range]))
    guard body.has(only: members), let version = try body.version(.version),
      let born = try body.version(.born), let code = try body.unsigned(.state)
    else {
      throw JournalError.unsupported(
        "the feed has a change of a kind this release does not know; use a newer release")
    }
    let originID = try originID(body)
    if code == 2 {
      guard body.has(only: erasedMembers) else {
        throw JournalError.invalidInput("an erased record of the feed is named or has content")
      }
      return FeedChange(
        erased: born, version: version, edits: try erasedEdits(body), originID: originID)
    }
    guard body.raw(.edits) == nil, let collection = try body.text(.collection),
      let key = try body.text(.key)
    else {
      throw JournalError.invalidInput("a change of the feed names no record")
    }
    _ = try RecordAddress(collection: collection, key: key)
    let state: FeedChange.State
    switch code {
    case 0:
      guard let fields = body.raw(.fields), fields.first.map({ $0 >> 5 }) == 5 else {
        throw JournalError.invalidInput("a live record of the feed has no fields")
      }
      var members = CBORReader(fields)
      _ = try members.skip(maxDepth: Limits.depth)
      try EditDraft.checkNames([UInt8](fields))
      state = .live([UInt8](fields))
    case 1, 3:
      guard body.raw(.fields) == nil else {
        throw JournalError.invalidInput("a deleted or withdrawn record of the feed has fields")
      }
      state = code == 1 ? .deleted : .withdrawn
    default:
      throw JournalError.unsupported(
        "the feed has a record in state \(code), which this release does not know; "
          + "use a newer release")
    }
    return FeedChange(
      collection: collection, key: key, version: version, born: born, state: state,
      changed: try changedNames(body), originID: originID)
  }

  private static func originID(_ body: Body) throws -> EntryID? {
    try body.data(.originID).map(entryID)
  }

  private static func erasedEdits(_ body: Body) throws -> [EntryID] {
    guard let raw = body.raw(.edits) else { return [] }
    var reader = CBORReader(raw)
    let count = try reader.arrayCount()
    guard (1...maximumErasedEdits).contains(count) else {
      throw JournalError.invalidInput(
        "an erasure of the feed names \(count) edits, not 1 to \(maximumErasedEdits)")
    }
    return try (0..<count).map { _ in try entryID(raw[reader.data()]) }
  }

  private static func entryID(_ bytes: some Collection<UInt8>) throws -> EntryID {
    guard let id = EntryID(bytes: Array(bytes)) else {
      throw JournalError.invalidInput("an entry id of the feed is not 16 bytes")
    }
    return id
  }

  private static func changedNames(_ body: Body) throws -> [String]? {
    guard let raw = body.raw(.changed) else { return nil }
    var reader = CBORReader(raw)
    var names: [String] = []
    for _ in 0..<(try reader.arrayCount()) { names.append(try reader.string()) }
    return names
  }

  package static func encode(_ info: RemoteInfo) -> [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 2)
    writer.unsigned(1)
    writer.text(info.epoch)
    writer.unsigned(2)
    writer.unsigned(info.acknowledgedSize)
    return writer.bytes
  }

  package static func decodeInfo(_ bytes: UnsafeRawBufferPointer) throws -> RemoteInfo {
    var reader = CBORReader(bytes)
    guard try reader.mapCount() == 2, try reader.unsigned() == 1 else {
      throw JournalError.invalidInput("the server's answer about itself is malformed")
    }
    let epoch = try reader.string()
    guard try reader.unsigned() == 2, epoch.utf8.count <= 256 else {
      throw JournalError.invalidInput("the server's answer about itself is malformed")
    }
    let size = try reader.unsigned()
    try expectEnd(reader)
    return RemoteInfo(epoch: epoch, acknowledgedSize: size)
  }

  /// A size alone: the answer to a checkpoint, and with status 412 the size to prove from.
  package static func encode(size: UInt64) -> [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 1)
    writer.unsigned(1)
    writer.unsigned(size)
    return writer.bytes
  }

  package static func decodeSize(_ bytes: UnsafeRawBufferPointer) throws -> UInt64 {
    var reader = CBORReader(bytes)
    guard try reader.mapCount() == 1, try reader.unsigned() == 1 else {
      throw JournalError.invalidInput("the server's answer names no size")
    }
    let size = try reader.unsigned()
    try expectEnd(reader)
    return size
  }

  /// The answer to a checkpoint that was acknowledged.
  package static func encode(size: UInt64, cosigned: CosignedCheckpoint?) -> [UInt8] {
    guard let cosigned else { return encode(size: size) }
    var writer = CBORWriter()
    writer.map(count: 3)
    writer.unsigned(1)
    writer.unsigned(size)
    writer.unsigned(2)
    writer.text(cosigned.note)
    writer.unsigned(3)
    writer.text(cosigned.key)
    return writer.bytes
  }

  package static func decodeAcknowledgement(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (size: UInt64, cosigned: CosignedCheckpoint?) {
    func malformed() -> JournalError {
      .invalidInput("the server's answer to a checkpoint is malformed")
    }
    var reader = CBORReader(bytes)
    let members = try reader.mapCount()
    guard members == 1 || members == 3, try reader.unsigned() == 1 else { throw malformed() }
    let size = try reader.unsigned()
    guard members == 3 else {
      try expectEnd(reader)
      return (size, nil)
    }
    guard try reader.unsigned() == 2 else { throw malformed() }
    let note = try reader.string()
    guard try reader.unsigned() == 3 else { throw malformed() }
    let key = try reader.string()
    guard reader.isAtEnd, key.utf8.count <= 4_096 else { throw malformed() }
    return (size, CosignedCheckpoint(note: note, key: key))
  }

  package static func encode(code: String, message: String) -> [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 2)
    writer.unsigned(1)
    writer.text(code)
    writer.unsigned(2)
    writer.text(message)
    return writer.bytes
  }

  package static func decodeError(
    _ bytes: UnsafeRawBufferPointer
  ) throws -> (code: String, message: String) {
    var reader = CBORReader(bytes)
    guard try reader.mapCount() == 2, try reader.unsigned() == 1 else {
      throw JournalError.invalidInput("an error without a code")
    }
    let code = try reader.string()
    guard try reader.unsigned() == 2 else {
      throw JournalError.invalidInput("an error without a message")
    }
    let message = try reader.string()
    try expectEnd(reader)
    return (code, message)
  }

  private static func expectEnd(_ reader: CBORReader) throws {
    guard reader.isAtEnd else {
      throw JournalError.invalidInput("the server's answer has trailing bytes")
    }
  }
}
