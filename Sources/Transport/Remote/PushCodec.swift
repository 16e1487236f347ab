package import Journal

/// One change of a segment, as it travels.
package struct SegmentChange: Sendable, Equatable {
  package enum Base: Sendable, Equatable {
    case none
    case version(ServerVersion)
    /// The writer's earlier change to the record: stands for the version it was accepted at.
    case entry(EntryID)
  }

  package var sequence: SequenceNumber
  package var id: EntryID
  package var kind: EntryKind
  package var schema: UInt32
  package var time: Timestamp
  package var moreOfGroup: Bool
  package var base: Base
  /// A strict change comes to conflict when the record has moved on from its base.
  package var isStrict: Bool
  package var body: [UInt8]

  package init(
    sequence: SequenceNumber, id: EntryID, kind: EntryKind, schema: UInt32, time: Timestamp,
    moreOfGroup: Bool, base: Base, isStrict: Bool, body: [UInt8]
  ) {
    self.sequence = sequence
    self.id = id
    self.kind = kind
    self.schema = schema
    self.time = time
    self.moreOfGroup = moreOfGroup
    self.base = base
    self.isStrict = isStrict
    self.body = body
  }
}

/// The sealed run of changes: `docs/protocol` describes its bytes.
package enum SegmentCodec {
  package static let version: UInt64 = 1
  package static let maximumChanges = 1_000

  package static func encode(_ changes: [SegmentChange]) -> [UInt8] {
    var writer = CBORWriter(reserving: changes.reduce(64) { $0 + $1.body.count + 96 })
    writer.array(count: 2)
    writer.unsigned(version)
    writer.array(count: changes.count)
    for change in changes {
      writer.array(count: 9)
      writer.unsigned(change.sequence)
      writer.data(change.id.bytes)
      writer.unsigned(UInt64(change.kind.rawValue))
      writer.unsigned(UInt64(change.schema))
      writer.unsigned(change.time.milliseconds)
      writer.bool(change.moreOfGroup)
      write(change.base, into: &writer)
      writer.bool(change.isStrict)
      writer.data(change.body)
    }
    return writer.bytes
  }

  /// - Throws: `JournalError` for anything that is not exactly one segment of this version.
  package static func decode(_ segment: UnsafeRawBufferPointer) throws -> [SegmentChange] {
    var reader = CBORReader(segment)
    guard try reader.arrayCount() == 2, try reader.unsigned() == version else {
      throw JournalError.unsupported("a segment of another protocol version")
    }
    let count = try reader.arrayCount()
    guard count <= maximumChanges else {
      throw JournalError.invalidInput("a segment of \(count) changes; 1,000 are allowed")
    }
    var changes: [SegmentChange] = []
    for _ in 0..<count {
      guard try reader.arrayCount() == 9 else {
        throw JournalError.invalidInput("a change of a segment is malformed")
      }
      let sequence = try reader.unsigned()
      let id = EntryID(bytes: UnsafeRawBufferPointer(rebasing: segment[try reader.data()]))
      guard let id, let kind = UInt8(exactly: try reader.unsigned()),
        let schema = UInt32(exactly: try reader.unsigned()), sequence <= Limits.sequence
      else { throw JournalError.invalidInput("a change of a segment is malformed") }
      changes.append(
        SegmentChange(
          sequence: sequence, id: id, kind: EntryKind(rawValue: kind), schema: schema,
          time: Timestamp(milliseconds: try reader.unsigned()),
          moreOfGroup: try reader.bool(), base: try readBase(&reader, segment),
          isStrict: try reader.bool(), body: [UInt8](segment[try reader.data()])))
    }
    guard reader.isAtEnd else { throw JournalError.invalidInput("a segment has trailing bytes") }
    return changes
  }

  static func write(_ base: SegmentChange.Base, into writer: inout CBORWriter) {
    switch base {
    case .none: writer.null()
    case .version(let version): writer.version(version)
    case .entry(let id): writer.data(id.bytes)
    }
  }

  static func readBase(
    _ reader: inout CBORReader, _ segment: UnsafeRawBufferPointer
  ) throws -> SegmentChange.Base {
    switch try reader.peekMajor() {
    case 2:
      guard let id = EntryID(bytes: UnsafeRawBufferPointer(rebasing: segment[try reader.data()]))
      else { throw JournalError.invalidInput("a change's base is malformed") }
      return .entry(id)
    case 4: return .version(try reader.version())
    default:
      guard reader.skipNull() else {
        throw JournalError.invalidInput("a change's base is malformed")
      }
      return .none
    }
  }
}

/// The bodies of push and checkpoint requests and their answers.
package enum PushCodec {
  package static func encode(_ witness: Witness, segment: [UInt8]? = nil) -> [UInt8] {
    var writer = CBORWriter(reserving: (segment?.count ?? 0) + 1_024)
    writer.map(count: segment == nil ? 6 : 7)
    writer.unsigned(1)
    writer.data(witness.device.bytes)
    writer.unsigned(2)
    writer.text(witness.label)
    writer.unsigned(3)
    writer.text(witness.verifierKey)
    writer.unsigned(4)
    writer.text(witness.checkpoint)
    writer.unsigned(5)
    writer.unsigned(witness.fromSize)
    writer.unsigned(6)
    writer.array(count: witness.proof.count)
    for hash in witness.proof { writer.data(hash.bytes) }
    if let segment {
      writer.unsigned(7)
      writer.data(segment)
    }
    return writer.bytes
  }

  package static func decode(
    _ request: UnsafeRawBufferPointer
  ) throws -> (witness: Witness, segment: [UInt8]?) {
    var reader = CBORReader(request)
    let count = try reader.mapCount()
    func malformed() -> JournalError { .invalidInput("the request's body is malformed") }
    func expect(_ key: UInt64) throws {
      guard try reader.unsigned() == key else { throw malformed() }
    }
    guard count == 6 || count == 7 else { throw malformed() }
    try expect(1)
    guard
      let device = DeviceID(bytes: UnsafeRawBufferPointer(rebasing: request[try reader.data()]))
    else { throw malformed() }
    try expect(2)
    let label = try reader.string()
    try expect(3)
    let key = try reader.string()
    try expect(4)
    let checkpoint = try reader.string()
    try expect(5)
    let fromSize = try reader.unsigned()
    try expect(6)
    let hashes = try reader.arrayCount()
    guard hashes <= 64, label.utf8.count <= RecordAddress.maximumNameBytes else {
      throw malformed()
    }
    var proof: [TreeHash] = []
    for _ in 0..<hashes {
      guard let hash = TreeHash(bytes: request[try reader.data()]) else { throw malformed() }
      proof.append(hash)
    }
    var segment: [UInt8]?
    if count == 7 {
      try expect(7)
      segment = [UInt8](request[try reader.data()])
    }
    guard reader.isAtEnd else { throw malformed() }
    return (
      Witness(
        device: device, label: label, verifierKey: key, checkpoint: checkpoint,
        fromSize: fromSize, proof: proof), segment
    )
  }

  package static func encode(_ verdicts: [Verdict], size: UInt64) -> [UInt8] {
    var writer = CBORWriter()
    writer.map(count: 2)
    writer.unsigned(1)
    writer.unsigned(size)
    writer.unsigned(2)
    writer.array(count: verdicts.count)
    for verdict in verdicts { write(verdict, into: &writer) }
    return writer.bytes
  }

  private static func write(_ verdict: Verdict, into writer: inout CBORWriter) {
    switch verdict {
    case .accepted(let version, let id):
      writer.array(count: 4)
      writer.unsigned(0)
      writer.version(version)
      // The record's patch: remotes that have it send it.
      writer.null()
      if let id { writer.text(id) } else { writer.null() }
    case .absorbed(let version):
      writer.array(count: 2)
      writer.unsigned(1)
      writer.version(version)
    // The feed of our own server shows the state.
    case .applied(let state): write(.accepted(state.version), into: &writer)
    case .missed(let state): write(.absorbed(state.version), into: &writer)
    case .conflict(let state):
      writer.array(count: 2)
      writer.unsigned(2)
      FeedCodec.write(state, into: &writer)
    case .refused(let code, let message):
      writer.array(count: 3)
      writer.unsigned(3)
      writer.text(code)
      writer.text(message)
    case .retry(let after):
      writer.array(count: 2)
      writer.unsigned(4)
      writer.unsigned(after)
    }
  }

  private static func assignedID(_ reader: inout CBORReader) throws -> String {
    let id = try reader.string()
    guard (1...RecordAddress.maximumNameBytes).contains(id.utf8.count) else {
      throw JournalError.invalidInput("the server gives a record an id that is not 1 to 128 bytes")
    }
    return id
  }

  package static func decodeVerdicts(
    _ answer: UnsafeRawBufferPointer
  ) throws -> (verdicts: [Verdict], size: UInt64) {
    var reader = CBORReader(answer)
    func malformed() -> JournalError { .invalidInput("the answer to a push is malformed") }
    guard try reader.mapCount() == 2, try reader.unsigned() == 1 else { throw malformed() }
    let size = try reader.unsigned()
    guard try reader.unsigned() == 2 else { throw malformed() }
    let count = try reader.arrayCount()
    guard count <= SegmentCodec.maximumChanges else { throw malformed() }
    var verdicts: [Verdict] = []
    for _ in 0..<count {
      let members = try reader.arrayCount()
      switch (try reader.unsigned(), members) {
      case (0, 4):
        let version = try reader.version()
        guard reader.skipNull() else {
          throw JournalError.unsupported("the server sent a patch with its yes")
        }
        verdicts.append(.accepted(version, id: reader.skipNull() ? nil : try assignedID(&reader)))
      case (1, 2): verdicts.append(.absorbed(try reader.version()))
      case (2, 2): verdicts.append(.conflict(try FeedCodec.read(&reader, answer)))
      case (3, 3):
        verdicts.append(.refused(code: try reader.string(), message: try reader.string()))
      case (4, 2): verdicts.append(.retry(afterMilliseconds: try reader.unsigned()))
      default: throw malformed()
      }
    }
    guard reader.isAtEnd else { throw malformed() }
    return (verdicts, size)
  }
}
