@testable import Journal
@testable import Projection
@testable import Transport

extension FuzzTarget {
  /// A row of `entries` with its body: taken apart and put together again, every typed reading.
  static let entry = FuzzTarget("entry", seeds: Seeds.entries) { bytes in
    let devices = [DeviceID(high: 1, low: 1), DeviceID(high: 2, low: 2)]
    guard
      let entry = try accepted({
        try StoredEntry.decode(bytes, sequence: 7, devices: devices)
      })
    else { return }
    let prefix = [UInt8](unsafeUninitializedCapacity: StoredEntry.overhead) { buffer, count in
      let index: UInt16 = entry.header.device == devices[0] ? 0 : 1
      StoredEntry.writePrefix(
        entry.header, deviceIndex: index, encoding: entry.encoding, salt: entry.salt,
        previous: entry.previous, into: UnsafeMutableRawBufferPointer(buffer))
      count = StoredEntry.overhead
    }
    require(prefix + entry.body == [UInt8](bytes), "put together as other bytes")
    require(entry.header.leaf.count == EntryHeader.byteCount, "a leaf of another length")
    guard let body = try accepted({ try entry.plainBody }) else { return }
    try lend(body) { try checkBody($0, entry) }
  }

  private static func checkBody(_ bytes: UnsafeRawBufferPointer, _ entry: StoredEntry) throws {
    guard let body = try accepted({ try Body(bytes) }) else {
      require(try accepted { try Entry(entry) } == nil, "an entry of a body that is refused")
      return
    }
    for key in BodyKey.allCases {
      guard let raw = body.raw(key) else { continue }
      _ = try accepted { try body.text(key) }
      _ = try accepted { try body.unsigned(key) }
      _ = try accepted { try body.bool(key) }
      _ = try accepted { try body.data(key) }
      _ = try accepted { try body.version(key) }
      if let ranges = try accepted({ try body.ranges(key) }) {
        let total = ranges.reduce(0) { $0 + $1.count }
        require(total <= 1 << 20, "\(bytes.count) bytes name \(total) sequences")
      }
      _ = try accepted { try EditDraft.checkNames([UInt8](raw)) }
    }
    _ = try accepted { try body.record() }
    _ = try accepted { try Origin(body) }
    _ = try accepted { try ConflictOutcome.list(body) }
    _ = try accepted { try RemoteCursor(body, entry: 1) }
    try checkAcceptances(body)
    _ = try accepted { try EditRule.touchedNames(entry.header.kind, body) }
    for fields in [nil, [0xA0], [0xA1, 0x61, 0x61, 0x01]] as [[UInt8]?] {
      _ = try accepted { try EditRule.apply(entry.header.kind, body, to: fields) }
    }
    guard let shown = try accepted({ try Entry(entry) }) else { return }
    let text = JSONText.string(.object(shown.members))
    require(JSONOracle.read(Array(text.utf8), maxDepth: 64) != nil, "its text is no JSON: \(text)")
    for key in BodyKey.allCases {
      guard let raw = body.raw(key), let value = shown.members["\(key)"] else { continue }
      require(CBOROracle.write(value).elementsEqual(raw), "\(key) written back as other bytes")
    }
  }

  /// The lines of an answer have one encoding; the earlier layout says the same as today's.
  private static func checkAcceptances(_ body: Body) throws {
    let read = try accepted { () throws -> [Acceptance] in
      var reader = try AcceptanceReader(body)
      var lines: [Acceptance] = []
      while let line = try reader.next() { lines.append(line) }
      return lines
    }
    guard let read else { return }
    var builder = BodyBuilder()
    guard try accepted({ try builder.add(acceptances: read) }) != nil else {
      require(body.raw(.acceptances) == nil, "lines that cannot be written back")
      return
    }
    try lend(builder.finish()) { bytes in
      let again = try Body(bytes)
      guard let written = again.raw(.acceptances) else { fail("no lines written") }
      if let raw = body.raw(.acceptances) {
        require(written.elementsEqual(raw), "lines written back as other bytes")
      }
      var reader = try AcceptanceReader(again)
      for line in read { require(try reader.next() == line, "a line read back as another") }
      require(try reader.next() == nil, "more lines than there were")
    }
  }

  /// The rows of every other table; the first byte chooses. What is accepted is canonical.
  static let rows = FuzzTarget("rows", maximumBytes: 1_024, seeds: Seeds.rows) { bytes in
    guard let first = bytes.first else { return }
    // A copy of exactly its size: reading over the end has to be noticed.
    let payload = [UInt8](bytes.dropFirst())
    func check(_ encoded: [UInt8]?, _ what: String) {
      if let encoded { require(encoded == payload, "\(what) written back as other bytes") }
    }
    try lend(payload) { row in
      switch first % 10 {
      case 0: check(try accepted { try EditState(row) }?.encoded, "an edit's state")
      case 1: check(try accepted { try RecordRow(row) }?.encoded, "a record's row")
      case 2:
        let remembered = try accepted { try RememberedID(row) }
        if payload.count == 13 {
          // The layout of earlier builds is read and no longer written.
          guard let remembered else { return }
          try lend(remembered.encoded) {
            require(try RememberedID($0) == remembered, "a remembered id of earlier builds differs")
          }
        } else {
          check(remembered?.encoded, "a remembered id")
        }
      case 3: check(try accepted { try FoldCounts(row) }?.encoded, "counts")
      case 4: check(try accepted { try Head(row) }?.encoded, "a head row")
      case 5: check(try accepted { try Horizon(row) }?.encoded, "a horizon")
      case 6: check(try accepted { try JournalIdentity(row) }?.encoded, "an identity")
      case 7: check(try accepted { try RemoteCursor(payload) }?.encoded, "a cursor")
      case 8: check(try accepted { try PeerRow(row) }?.encoded, "a device's row")
      default:
        guard let remote = try accepted({ try RemoteDeclaration(name: "main", settings: row) })
        else { return }
        try lend(try remote.body()) { body in
          guard let settings = try Body(body).raw(.settings) else { fail("no settings") }
          require(
            try RemoteDeclaration(name: "main", settings: settings) == remote, "another remote")
        }
      }
    }
  }

  /// What a server reads: push and checkpoint requests, and the segment in them.
  static let push = FuzzTarget("push", maximumBytes: 8_192, seeds: Seeds.pushes) { bytes in
    if let (witness, segment) = try accepted({ try PushCodec.decode(bytes) }) {
      require(
        PushCodec.encode(witness, segment: segment) == [UInt8](bytes), "a request written otherwise"
      )
      if let segment { try lend(segment) { try checkSegment($0) } }
    } else {
      try checkSegment(bytes)
    }
  }

  private static func checkSegment(_ bytes: UnsafeRawBufferPointer) throws {
    guard let changes = try accepted({ try SegmentCodec.decode(bytes) }) else { return }
    require(SegmentCodec.encode(changes) == [UInt8](bytes), "a segment written otherwise")
    for change in changes {
      _ = try accepted { () throws in
        try lend(change.body) { body in
          let body = try Body(body)
          _ = try body.record()
          _ = try EditRule.apply(change.kind, body, to: [0xA0])
        }
      }
    }
  }

  /// What a device reads after a push.
  static let verdicts = FuzzTarget("verdicts", seeds: Seeds.verdicts) { bytes in
    guard let (verdicts, size) = try accepted({ try PushCodec.decodeVerdicts(bytes) }) else {
      return
    }
    require(PushCodec.encode(verdicts, size: size) == [UInt8](bytes), "an answer written otherwise")
  }

  /// What a device reads in a pull, and the small answers; the first byte chooses.
  static let feed = FuzzTarget("feed", maximumBytes: 8_192, seeds: Seeds.pages) { bytes in
    guard let first = bytes.first else { return }
    let answer = [UInt8](bytes.dropFirst())
    let encoded: [UInt8]? = try lend(answer) { answer in
      switch first % 4 {
      case 0: try accepted { FeedCodec.encode(try FeedCodec.decode(answer)) }
      case 1: try accepted { FeedCodec.encode(try FeedCodec.decodeInfo(answer)) }
      case 2: try accepted { FeedCodec.encode(size: try FeedCodec.decodeSize(answer)) }
      default:
        try accepted {
          let (code, message) = try FeedCodec.decodeError(answer)
          return FeedCodec.encode(code: code, message: message)
        }
      }
    }
    if let encoded { require(encoded == answer, "an answer written otherwise") }
  }

  /// What a device asks our server for: written back as it was, and asked of records.
  static let filters = FuzzTarget("filters", seeds: Seeds.filters) { bytes in
    guard let filters = try accepted({ try RemoteFilter.decode(bytes) }) else { return }
    require(try RemoteFilter.encode(filters) == [UInt8](bytes), "filters written otherwise")
    guard let test = try accepted({ try RecordFolder().recordTest(filters) }) else { return }
    for filter in filters {
      let meant = try filter.filter()
      for fields in [[:], ["a": 1, "c": "b"], ["a": [1, "b"], "b": nil]] as [Fields] {
        var writer = CBORWriter()
        try writer.fields(fields)
        let isTaken = try lend(writer.bytes) { try test.takes(filter.collection, $0) }
        require(isTaken == meant.matches(fields), "stored fields are tested otherwise")
      }
    }
  }
}
