@testable import Journal
@testable import Projection
@testable import Transport

/// Inputs to begin with: one of each shape, so that no run starts by guessing the format.
enum Seeds {
  private static let samples: [Value] = [
    .null, .bool(true), 0, 23, 24, 255, 256, 65_536, 4_294_967_296, -1, -25, .integer(.min),
    .unsigned(.max), 0.0, -0.0, 1.5, 0.1, 65504.0, 1e300, 5.960464477539063e-08, "", "é",
    "e\u{301}",
    .bytes([1, 2, 3]), [], [1, [2, [3]]], [:], .reference(collection: "p", key: "1"),
    ["a": 1, "b": [true, nil], "aa": ["x": 1.0], "": "empty"],
  ]

  private static let fields: [UInt8] = CBOROracle.write(["a": 1, "b": "two", "tags": ["x": 1.5]])

  static func values() -> [[UInt8]] { samples.map(CBOROracle.write) }

  static func pairs() -> [[UInt8]] {
    let maps: [Value] = [
      [:], ["a": 1, "b": 2], ["b": 3, "aa": [:]], ["a": 1, "b": 2, "c": "text"],
    ]
    return maps.flatMap { left in
      maps.map { right in
        let first = CBOROracle.write(left)
        return [0, UInt8(first.count)] + first + CBOROracle.write(right)
      }
    }
  }

  static func texts() -> [[UInt8]] {
    samples.map { Array(JSONText.string($0).utf8) }
      + strings(
        #"{"a" : [1, -0, 1.0, 1e5, 1E-7, 12345678901234567890, 0.1e+22] , "b":null}"#,
        #""\u00e9\ud83d\ude00\n\t\"\\\/""#, " [ ] ", "18446744073709551615", "9007199254740993.0")
  }

  static func lines() -> [[UInt8]] {
    strings(
      #"{"op":"create","collection":"n","id":"1","fields":{"lat":51.85,"tags":{"x":1}},"actor":"m","at":"2013-08-04T20:12:55Z"}"#,
      #"{"op":"update","collection":"n","id":"1","set":{"lat":51.86},"unset":["tags"]}"#,
      #"{"op":"put","collection":"n","id":"1","fields":{},"group":7}"#,
      #"{"op":"delete","collection":"n","id":"1","entry":"0191f2c4-7b1e-7c3a-8d4e-5f60718293a4"}"#,
      #"{"op":"create","collection":"n","fields":{"a":[null,true,{"b":[]}]}}"#)
  }

  static func names() -> [[UInt8]] {
    let uuid = "0191f2c4-7b1e-7c3a-8d4e-5f60718293a4"
    let texts: [(UInt8, String)] = [
      (0, "2013-08-04T20:12:55.123Z"), (0, "2016-12-31t23:59:60+00:00"), (0, "01234567"),
      (0, "1970-01-01T00:00:00-23:59"), (0, "2000-02-29T12:00:00.5+05:30"), (1, uuid), (2, uuid),
      (3, "e.\(uuid).12.0011223344556677"), (3, "s.\(uuid).12.6e000031"), (4, "AAEC"), (4, "AA=="),
      (5, "00ff"), (6, "col\u{0}\u{0}key"), (7, TreeHash.empty.description),
    ]
    return texts.map { [$0.0] + Array($0.1.utf8) }
  }

  static func choices() -> [[UInt8]] {
    (1...24).map { pattern($0, count: 96) }
  }

  static func damages() -> [[UInt8]] {
    var damages: [[UInt8]] = []
    for operation: UInt8 in 0..<12 {
      for number in 1...4 {
        damages.append([UInt8(number & 1), operation] + pattern(number, count: 14))
      }
    }
    return damages
  }

  private static func pattern(_ number: Int, count: Int) -> [UInt8] {
    (0..<count).map { place in
      let value: Int = (place * 37 + 11) * number
      return UInt8(truncatingIfNeeded: value >> 2)
    }
  }

  private static func strings(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

  private static func made<R>(_ make: () throws -> R) -> R {
    do { return try make() } catch { fail("a seed cannot be made: \(error)") }
  }

  // MARK: Entries, rows

  private static func bodies() -> [(EntryKind, [UInt8])] {
    let edit = EditDraft(actor: "m", at: "2013-08-04T20:12:55Z", reason: "r")
    let changes: [EditDraft.Change] = [
      .create(fields: fields), .update(set: fields, unset: ["c", "d"]), .put(fields: [0xA0]),
      .delete,
    ]
    var bodies = changes.map { change in
      made {
        let draft = try edit.draft(change, collection: "p", key: "1")
        return (draft.kind, draft.body)
      }
    }
    var sent = BodyBuilder()
    sent.add(.remote, text: "main")
    sent.add(.entries, raw: CBOROracle.write([[1, 3], [5, 5]]))
    bodies.append((.sent, sent.finish()))
    var conflict = BodyBuilder()
    conflict.add(.collection, text: "p")
    conflict.add(.key, text: "1")
    conflict.add(.version, version: ServerVersion(timestamp: 1, tieBreak: 2))
    conflict.add(.outcomes) {
      ConflictOutcome.write(
        [ConflictOutcome(sequence: 2, decision: .replaceWith, patch: fields)], into: &$0)
    }
    bodies.append((.conflict, conflict.finish()))
    bodies.append((.cursor, cursor.body(remote: "main")))
    var accepted = BodyBuilder()
    accepted.add(.remote, text: "main")
    accepted.add(.sent, unsigned: 4)
    let versions = [5, 6].map { ServerVersion(timestamp: $0, tieBreak: 300) }
    made {
      try accepted.add(acceptances: [
        Acceptance(2, versions[1]), Acceptance(300, versions[0], isAbsorbed: true),
      ])
    }
    bodies.append((.accepted, accepted.finish()))
    var full = BodyBuilder()
    full.add(.remote, text: "main")
    full.add(.sent, unsigned: 4)
    full.add(.results, raw: CBOROracle.write([[2, 6, 300, 0], [300, 5, 300, 1]]))
    bodies.append((.accepted, full.finish()))
    return bodies
  }

  private static let cursor = RemoteCursor(
    epoch: "e", cursor: "c", through: ServerVersion(timestamp: 5, tieBreak: 6), generation: 1,
    entry: 9, filter: [UInt8](repeating: 6, count: 16))

  static func entries() -> [[UInt8]] {
    bodies().map { kind, body in
      var row: [UInt8] = [1, kind.rawValue, 0, 1]
      row.append(contentsOf: [UInt8](repeating: 0, count: 37))
      row.append(1)
      row.append(contentsOf: [UInt8](repeating: 0, count: StoredEntry.overhead - row.count))
      return row + body
    }
  }

  static func rows() -> [[UInt8]] {
    let version = ServerVersion(timestamp: 1, tieBreak: 2)
    var pending = EditState()
    pending.base = .version(version)
    pending.decision = 7
    var accepted = EditState()
    accepted.delivery = .accepted(version, absorbed: true, sent: 3)
    accepted.previousOpen = 2
    var (moved, named) = (RecordRow(), RecordRow())
    moved.moved = RecordRow.Moved(since: 4, key: [0x31])
    named.formerKeys = [[0x31], [0x32]]
    var withdrawn = RecordRow()
    withdrawn.base = RecordRow.Base(version: version, born: version, isWithdrawn: true)
    var row = RecordRow()
    row.base = RecordRow.Base(version: version, born: version, generation: 1)
    row.baseFields = fields
    row.openCount = 1
    row.newestOpen = 4
    row.overlaid = fields
    var head = Head()
    head.lastSequence = 3
    for _ in 0..<3 { head.frontier.append(.empty) }
    let device = JournalIdentity.Device(id: DeviceID(high: 1, low: 1), label: "l", verifierKey: "k")
    let identity = JournalIdentity(
      journal: EntryID(high: 1, low: 2), isLocal: false, secret: [UInt8](repeating: 5, count: 32),
      devices: [device, device], currentIndex: 1)
    var peer = PeerRow()
    peer.label = "label"
    let header = EntryHeader(
      kind: .put, flags: .absorbed, sequence: 5, id: EntryID(high: 1, low: 2),
      time: Timestamp(milliseconds: 9), device: device.id, commitment: .empty)
    let earlierTrimmed: [UInt8] = [0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 9, 1]
    let settings = CBOROracle.write(
      ["authEnv": "A", "collections": ["p"], "kind": "journal", "url": "http://127.0.0.1"])
    let rows: [(UInt8, [UInt8])] = [
      (0, pending.encoded), (0, accepted.encoded), (1, row.encoded), (1, RecordRow().encoded),
      (1, moved.encoded), (1, named.encoded), (1, withdrawn.encoded),
      (2, RememberedID(header, isTrimmed: true).encoded), (2, RememberedID(held: 1).encoded),
      (2, earlierTrimmed), (3, FoldCounts().encoded),
      (4, head.encoded), (5, Horizon().encoded), (6, identity.encoded), (7, cursor.encoded),
      (8, peer.encoded), (9, settings),
    ]
    return rows.map { [$0.0] + $0.1 }
  }

  // MARK: Protocol

  static func pushes() -> [[UInt8]] {
    let bases: [SegmentChange.Base] = [
      .none, .version(ServerVersion(timestamp: 1, tieBreak: 2)), .entry(EntryID(high: 1, low: 2)),
    ]
    let changes = zip(bodies(), bases).map { body, base in
      SegmentChange(
        sequence: 3, id: EntryID(high: 3, low: 4), kind: body.0, schema: 0,
        time: Timestamp(milliseconds: 5), moreOfGroup: base == .none, base: base, isStrict: false,
        body: body.1)
    }
    let segment = SegmentCodec.encode(changes)
    let witness = Witness(
      device: DeviceID(high: 1, low: 2), label: "laptop", verifierKey: "k", checkpoint: "c\n",
      fromSize: 7, proof: [.empty, .empty])
    return [
      segment, PushCodec.encode(witness), PushCodec.encode(witness, segment: segment),
      SegmentCodec.encode([]),
    ]
  }

  private static let changes: [FeedChange] = [
    FeedChange(
      collection: "p", key: "1", version: ServerVersion(timestamp: 1, tieBreak: 2),
      born: ServerVersion(timestamp: 0, tieBreak: 1), state: .live(fields), changed: ["a"],
      originID: EntryID(high: 1, low: 2)),
    FeedChange(
      collection: "p", key: "2", version: ServerVersion(timestamp: 1, tieBreak: 3),
      born: ServerVersion(timestamp: 0, tieBreak: 1), state: .deleted),
    FeedChange(
      collection: "p", key: "3", version: ServerVersion(timestamp: 1, tieBreak: 4),
      born: ServerVersion(timestamp: 0, tieBreak: 1), state: .withdrawn),
  ]

  static func filters() -> [[UInt8]] {
    made {
      let filters = [
        try RemoteFilter(
          "p", where: .all([.compare(.init("a", .in, [1, "b"])), .not(.absent(field: "c"))])),
        try RemoteFilter(
          "q", where: .any([.prefix(field: "a", "b"), .compare(.init("a", .less, 2))])),
      ]
      return [try RemoteFilter.encode(filters), try RemoteFilter.encode([filters[0]])]
    }
  }

  static func verdicts() -> [[UInt8]] {
    let version = ServerVersion(timestamp: 1, tieBreak: 2)
    return [
      PushCodec.encode([], size: 0),
      PushCodec.encode(
        [
          .accepted(version), .absorbed(version), .conflict(changes[0]), .conflict(changes[1]),
          .refused(code: "kind", message: "no"), .retry(afterMilliseconds: 100),
        ], size: 300),
    ]
  }

  static func pages() -> [[UInt8]] {
    let erasure = FeedChange(
      erased: ServerVersion(timestamp: 0, tieBreak: 1),
      version: ServerVersion(timestamp: 1, tieBreak: 4),
      edits: [EntryID(high: 1, low: 3), EntryID(high: 1, low: 2)],
      originID: EntryID(high: 1, low: 4))
    let page = FeedPage(
      epoch: "e", cursor: "c", through: ServerVersion(timestamp: 1, tieBreak: 2), hasMore: true,
      changes: changes + [erasure])
    let answers: [(UInt8, [UInt8])] = [
      (0, FeedCodec.encode(page)),
      (1, FeedCodec.encode(RemoteInfo(epoch: "e", acknowledgedSize: 300))),
      (2, FeedCodec.encode(size: 70_000)), (3, FeedCodec.encode(code: "forked", message: "m")),
    ]
    return answers.map { [$0.0] + $0.1 }
  }

  // MARK: Signatures

  /// The key that signs in these inputs and in the targets that read them.
  static let signer: SigningKey = made {
    try SigningKey(name: "sync-journal/test", seed: [UInt8](repeating: 7, count: 32))
  }

  static func notes() -> [[UInt8]] {
    made {
      let checkpoint = try Checkpoint(origin: signer.name, size: 12, root: .empty)
      let note = Array(try signer.sign(checkpoint).utf8)
      return [
        [0] + note, [0] + note + Array("— other AAAAAAA=\n".utf8),
        [1] + Array(checkpoint.text.utf8),
        [2] + Array("some text\n\nwith an empty line\n".utf8),
      ]
    }
  }

  static func keys() -> [[UInt8]] {
    [[0] + Array(signer.verifierKey.description.utf8), [1] + KeyFile.text(of: signer)]
  }
}
