@testable import Journal
@testable import Projection

extension FuzzTarget {
  /// A run of entries over rows as a hostile file may hold them: the fold refuses or goes on, in
  /// bounded time. Over rows it made itself, counts and chains of open edits agree with the edits.
  static let fold = FuzzTarget("fold", maximumBytes: 1_024, seeds: Seeds.choices) { bytes in
    var choices = Choices(bytes)
    let isHostile = choices.flag()
    let state = FoldTable(isLocal: choices.below(8) == 1)
    var maker = EntryMaker(isHostile: isHostile)
    if isHostile {
      _ = try accepted { try maker.plantRows(in: state, &choices) }
    }
    for _ in 0..<32 where !choices.isAtEnd {
      let entry = maker.next(&choices, isLocal: state.isLocal)
      state.entries[entry.header.sequence] = entry
      let outcome = try accepted {
        try state.fold(entry, isReplay: choices.below(4) != 0)
      }
      guard let outcome else { return }
      state.counts.through = entry.header.sequence
      for draft in outcome.derived { try lend(draft.body) { _ = try Body($0) } }
      for row in state.records.values { _ = try RecordRow(row) }
      if !isHostile { try state.checkAgreement() }
    }
  }
}

/// The fold's state in plain dictionaries.
private final class FoldTable: FoldState {
  var counts = FoldCounts()
  let isLocal: Bool
  var records: [[UInt8]: [UInt8]] = [:]
  var edits: [SequenceNumber: EditState] = [:]
  var metaRows: [String: [UInt8]] = [:]
  var entries: [SequenceNumber: StoredEntry] = [:]

  init(isLocal: Bool) {
    self.isLocal = isLocal
  }

  /// Folds an entry as a replay does, or as its writer does.
  func fold(_ entry: StoredEntry, isReplay: Bool) throws -> FoldOutcome {
    let folder = RecordFolder()
    if isReplay {
      return try entry.plainBody.withUnsafeBytes {
        try folder.replay(entry.header, body: $0, in: self)
      }
    }
    return try folder.fold(
      entry.header, Draft(entry.header.kind, body: entry.plainBody), in: self)
  }

  func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    guard let row = records[[UInt8](key)] else { return try body(nil) }
    try row.withUnsafeBytes { try body($0) }
  }
  func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
    records[[UInt8](key)] = [UInt8](payload)
  }
  func count(edit isLocal: Bool) { counts.count(edit: isLocal) }
  func edit(_ sequence: SequenceNumber) -> EditState? { edits[sequence] }
  func putEdit(_ sequence: SequenceNumber, _ state: EditState) { edits[sequence] = state }
  func removeEdit(_ sequence: SequenceNumber) { edits[sequence] = nil }
  func openEdits() -> [(sequence: SequenceNumber, state: EditState)] {
    edits.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
  func meta(_ key: String) -> [UInt8]? { metaRows[key] }
  func putMeta(_ key: String, _ payload: [UInt8]?) { metaRows[key] = payload }
  func metaRows(prefix: String) -> [(key: String, payload: [UInt8])] {
    metaRows.filter { $0.key.utf8.starts(with: prefix.utf8) }
      .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { ($0.key, $0.value) }
  }
  func entry(_ sequence: SequenceNumber) -> StoredEntry? { entries[sequence] }

  func checkAgreement() throws {
    var found = FoldCounts()
    for edit in edits.values { found.count(edit.delivery, by: 1) }
    require(
      (found.pending, found.inFlight, found.accepted, found.parked)
        == (counts.pending, counts.inFlight, counts.accepted, counts.parked),
      "counts \(counts), edits \(found)")
    var folded = 0
    for row in try records.values.map({ try RecordRow($0) }) {
      var sequence = row.newestOpen
      for _ in 0..<row.openCount {
        guard let edit = edits[sequence], edit.isFolded else {
          fail("the chain breaks at \(sequence)")
        }
        require(edit.previousOpen < sequence, "the chain goes up at \(sequence)")
        sequence = edit.previousOpen
        folded += 1
      }
      require(sequence == 0, "the chain goes on at \(sequence)")
    }
    require(folded == edits.values.count { $0.isFolded }, "an open edit is in no chain")
  }
}

/// Makes entries from a fuzzer's bytes, most of them well-formed.
private struct EntryMaker {
  private static let kinds: [EntryKind] = [
    .create, .update, .put, .delete, .sent, .accepted, .refused, .retried, .parked,
    .discarded, .remoteChange, .cursor,
    .conflict, .declared, .deviceChanged, .opened, .trimmed, .erased, .idAssigned,
  ]
  private let isHostile: Bool
  private var sequence: SequenceNumber = 1
  private var time: UInt64 = 1_700_000_000_000

  init(isHostile: Bool) {
    self.isHostile = isHostile
  }

  mutating func next(_ choices: inout Choices, isLocal: Bool) -> StoredEntry {
    let kind = choices.pick(Self.kinds)
    defer { sequence += 1 }
    time += UInt64(choices.below(3))
    let header = EntryHeader(
      kind: kind, flags: isLocal || choices.below(16) == 1 ? .local : [], sequence: sequence,
      id: EntryID(high: 0, low: sequence), time: Timestamp(milliseconds: time),
      device: DeviceID(high: 1, low: 1), commitment: .empty)
    return StoredEntry(
      header: header, salt: Salt(high: 0, low: 0), previous: 0, body: body(kind, &choices))
  }

  /// An own sequence, or any number.
  private func reference(_ choices: inout Choices) -> UInt64 {
    isHostile && choices.below(8) == 1
      ? choices.number() : max(1, sequence &- UInt64(choices.below(12)))
  }

  private func version(_ choices: inout Choices) -> ServerVersion {
    isHostile && choices.below(8) == 1
      ? ServerVersion(timestamp: choices.number(), tieBreak: choices.number())
      : ServerVersion(timestamp: UInt64(choices.below(20)), tieBreak: UInt64(choices.below(3)))
  }

  private func fields(_ choices: inout Choices) -> [UInt8] {
    if choices.below(32) == 1 { return choices.take(24) }
    var fields = Fields()
    for _ in 0..<choices.below(4) {
      fields[choices.pick(["a", "b", "c", "long"])] = .integer(Int64(choices.below(5)))
    }
    return CBOROracle.write(.object(fields))
  }

  private func body(_ kind: EntryKind, _ choices: inout Choices) -> [UInt8] {
    if isHostile, choices.below(16) == 1 { return choices.take(64) }
    var body = BodyBuilder()
    let speaksOfRecord =
      kind.isEdit || kind == .remoteChange || kind == .conflict || kind == .idAssigned
    if speaksOfRecord {
      body.add(.collection, text: choices.pick(["p", "q"]))
      body.add(.key, text: choices.pick(["1", "2", "3"]))
    }
    let remote = choices.pick(["main", "other"])
    switch kind {
    case .create, .put: body.add(.fields, raw: fields(&choices))
    case .update:
      body.add(.set, raw: fields(&choices))
      body.add(.unset) {
        $0.array(count: 1)
        $0.text("a")
      }
    case .sent, .retried, .parked, .discarded:
      body.add(.remote, text: remote)
      body.add(.entries) { writer in
        let ranges = (0..<choices.below(3)).map { _ in
          let first = reference(&choices)
          return [first, first &+ UInt64(choices.below(4))]
        }
        writer.raw(CBOROracle.write(.array(ranges.map { .array($0.map { Value($0) }) })))
      }
      if kind != .sent, choices.flag() { body.add(.sent, unsigned: reference(&choices)) }
    case .accepted:
      body.add(.remote, text: remote)
      body.add(.sent, unsigned: reference(&choices))
      if choices.flag() {
        var last: UInt64 = 0
        let lines = (0...choices.below(4)).map { _ -> Acceptance in
          last += 1 + UInt64(choices.below(4))
          return Acceptance(last, version(&choices), isAbsorbed: choices.flag())
        }
        do { try body.add(acceptances: lines) } catch { fail("lines that ascend: \(error)") }
        break
      }
      body.add(.results) { writer in
        let results = (0..<choices.below(4)).map { _ -> Value in
          let version = version(&choices)
          return .array(
            [reference(&choices), version.timestamp, version.tieBreak, UInt64(choices.below(2))]
              .map { Value($0) })
        }
        writer.raw(CBOROracle.write(.array(results)))
      }
    case .refused:
      body.add(.remote, text: remote)
      body.add(.refusals) { writer in
        let refusals = (0..<choices.below(3)).map { _ -> Value in
          .array([Value(reference(&choices)), .string("code"), .string("text")])
        }
        writer.raw(CBOROracle.write(.array(refusals)))
      }
    case .remoteChange: addChange(to: &body, remote, &choices)
    case .cursor:
      let cursor = RemoteCursor(
        epoch: choices.pick(["e", "f"]), cursor: "c", through: version(&choices),
        generation: UInt32(choices.below(3)), entry: sequence,
        filter: choices.pick([[], [UInt8](repeating: 6, count: 16)]))
      return cursor.body(remote: remote)
    case .conflict:
      body.add(.version, version: version(&choices))
      body.add(.outcomes) { writer in
        let outcomes = (0..<choices.below(3)).map { _ in
          ConflictOutcome(
            sequence: reference(&choices),
            decision: ConflictOutcome.Decision(rawValue: UInt64(choices.below(4))) ?? .keep,
            patch: fields(&choices))
        }
        ConflictOutcome.write(outcomes, into: &writer)
      }
    case .idAssigned:
      body.add(.remote, text: remote)
      body.add(.newKey, text: choices.pick(["1", "2", "3", "4"]))
    case .declared:
      body.add(.subject, text: "remote")
      body.add(.name, text: remote)
      body.add(.settings, raw: fields(&choices))
      if choices.flag() { body.add(.removed) { $0.bool(true) } }
    default: break
    }
    return body.finish()
  }

  private func addChange(
    to body: inout BodyBuilder, _ remote: String, _ choices: inout Choices
  ) {
    let isLive = choices.below(4) != 1
    if isLive { body.add(.fields, raw: fields(&choices)) }
    body.add(.remote, text: remote)
    body.add(.epoch, text: "e")
    body.add(.version, version: version(&choices))
    body.add(.born, version: version(&choices))
    body.add(.state, unsigned: isLive ? 0 : choices.flag() ? 3 : 1)
    if choices.flag() {
      body.add(.changed) {
        $0.array(count: 1)
        $0.text("a")
      }
    }
    if choices.flag() { body.add(.own, unsigned: reference(&choices)) }
  }

  /// Rows no fold would have made.
  mutating func plantRows(in state: FoldTable, _ choices: inout Choices) throws {
    state.counts = try lend(
      (0..<9).reduce(into: [0, 0, 0, 1]) { bytes, _ in bytes.appendBigEndian(choices.number()) }
    ) { try FoldCounts($0) }
    sequence = 1 + UInt64(choices.below(8))
    for number in 1...sequence {
      var edit = EditState()
      edit.previousOpen = choices.flag() ? choices.number() & (1 << 48 - 1) : number &- 1
      edit.decision = choices.below(8) == 1 ? reference(&choices) & (1 << 48 - 1) : 0
      state.edits[number] = edit
      state.entries[number] = next(&choices, isLocal: false)
    }
    for key in ["1", "2"] {
      let address = try RecordAddress(collection: "p", key: key)
      var row = RecordRow()
      row.last = sequence
      if choices.flag() {
        row.base = RecordRow.Base(
          version: version(&choices), born: version(&choices), generation: UInt32(choices.below(2)))
      }
      if choices.flag() { row.baseFields = fields(&choices) }
      row.openCount = UInt32(truncatingIfNeeded: choices.number())
      row.newestOpen = reference(&choices) & (1 << 48 - 1)
      if choices.flag() { row.overlaid = fields(&choices) }
      if choices.below(4) == 1 { row.formerKeys = [[UInt8](choices.pick(["2", "3"]).utf8)] }
      if choices.below(4) == 1 {
        row = RecordRow()
        row.moved = RecordRow.Moved(
          since: reference(&choices) & (1 << 48 - 1), key: [UInt8](choices.pick(["1", "2"]).utf8))
      }
      state.records[address.rowKey] = row.encoded
    }
  }
}
