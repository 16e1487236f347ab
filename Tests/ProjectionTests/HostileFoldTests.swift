import Journal
import Testing

@testable import Projection

/// Folding over rows that only a damaged or hostile file holds.
@Suite struct `Folding over rows nobody wrote` {
  /// The fold's state in dictionaries, with whatever rows a test puts there.
  private final class State: FoldState {
    var counts = FoldCounts()
    let isLocal = false
    var records: [[UInt8]: [UInt8]] = [:]
    var edits: [SequenceNumber: EditState] = [:]
    var entries: [SequenceNumber: StoredEntry] = [:]

    func withRecord(
      _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
    ) throws {
      guard let row = records[[UInt8](key)] else { return try body(nil) }
      try row.withUnsafeBytes { try body($0) }
    }
    func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) {
      records[[UInt8](key)] = [UInt8](payload)
    }
    func count(edit isLocal: Bool) {
      counts.edits += 1
      counts.pending += 1
    }
    func edit(_ sequence: SequenceNumber) -> EditState? { edits[sequence] }
    func putEdit(_ sequence: SequenceNumber, _ state: EditState) { edits[sequence] = state }
    func removeEdit(_ sequence: SequenceNumber) { edits[sequence] = nil }
    func openEdits() -> [(sequence: SequenceNumber, state: EditState)] { [] }
    func meta(_ key: String) -> [UInt8]? { nil }
    func putMeta(_ key: String, _ payload: [UInt8]?) {}
    func metaRows(prefix: String) -> [(key: String, payload: [UInt8])] { [] }
    func entry(_ sequence: SequenceNumber) -> StoredEntry? { entries[sequence] }
  }

  private static let version = ServerVersion(timestamp: 1, tieBreak: 1)

  private func fold(_ kind: EntryKind, over row: RecordRow, _ state: State) throws {
    let record = try RecordAddress(collection: "c", key: "1")
    state.records[record.rowKey] = row.encoded
    var body = BodyBuilder()
    body.add(.collection, text: "c")
    body.add(.key, text: "1")
    if kind == .put { body.add(.fields, raw: [0xA0]) }
    if kind == .remoteChange {
      body.add(.remote, text: "main")
      body.add(.version, version: Self.version)
      body.add(.state, unsigned: 1)
    }
    let header = EntryHeader(
      kind: kind, sequence: 9, id: EntryID(high: 0, low: 9), time: Timestamp(milliseconds: 1),
      device: DeviceID(high: 1, low: 1), commitment: .empty)
    _ = try body.finish().withUnsafeBytes {
      try RecordFolder().replay(header, body: $0, in: state)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `a chain of open edits that leads back into itself is damage`() throws {
    let state = State()
    state.edits[5] = EditState()
    state.edits[5]?.previousOpen = 5
    var row = RecordRow()
    (row.openCount, row.newestOpen) = (.max, 5)
    let error = #expect(throws: JournalError.self) { try fold(.remoteChange, over: row, state) }
    #expect(error?.code == "damaged")
  }

  @Test(.timeLimit(.minutes(1)))
  func `a count of open edits takes no memory before the edits are found`() throws {
    var row = RecordRow()
    (row.openCount, row.newestOpen) = (.max, 5)
    let error = #expect(throws: JournalError.self) { try fold(.remoteChange, over: row, State()) }
    #expect(error?.code == "damaged")
  }

  @Test func `a count of open edits that is full takes no further edit`() throws {
    var row = RecordRow()
    (row.openCount, row.newestOpen) = (.max, 5)
    let error = #expect(throws: JournalError.self) { try fold(.put, over: row, State()) }
    #expect(error?.code == "damaged")
  }

  @Test func `an edit once parked is not taken for accepted by a later answer`() throws {
    for isFull in [false, true] {
      let state = State()
      state.edits[5] = EditState()
      state.edits[5]?.delivery = .parked(by: 6)
      let parked = state.edits
      try accept(5, isFull: isFull, state)
      #expect(state.edits == parked)
    }
  }

  @Test func `an answer in the earlier layout folds like one in today's`() throws {
    for isFull in [false, true] {
      let state = State()
      state.edits[5] = EditState()
      state.counts.pending = 1
      try accept(5, isFull: isFull, state)
      #expect(
        state.edits[5]?.delivery
          == .accepted(ServerVersion(timestamp: 7, tieBreak: 8), absorbed: true, sent: 4))
      #expect((state.counts.pending, state.counts.accepted) == (0, 1))
    }
  }

  private func header(_ kind: EntryKind, _ sequence: SequenceNumber) -> EntryHeader {
    EntryHeader(
      kind: kind, sequence: sequence, id: EntryID(high: 0, low: sequence),
      time: Timestamp(milliseconds: 1), device: DeviceID(high: 1, low: 1), commitment: .empty)
  }

  /// Folds an answer that names one edit, in the layout that is written or in full.
  private func accept(_ edit: SequenceNumber, isFull: Bool, _ state: State) throws {
    var body = BodyBuilder()
    body.add(.remote, text: "main")
    body.add(.sent, unsigned: 4)
    if isFull {
      body.add(.results) { writer in
        writer.array(count: 1)
        writer.array(count: 4)
        for number: UInt64 in [edit, 7, 8, 1] { writer.unsigned(number) }
      }
    } else {
      let version = ServerVersion(timestamp: 7, tieBreak: 8)
      try body.add(acceptances: [Acceptance(edit, version, isAbsorbed: true)])
    }
    _ = try body.finish().withUnsafeBytes {
      try RecordFolder().replay(header(.accepted, 9), body: $0, in: state)
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func `keys that lead to each other are damage`() throws {
    for since: SequenceNumber in [3, 4] {
      let state = State()
      var (one, other) = (RecordRow(), RecordRow())
      one.moved = RecordRow.Moved(since: 4, key: [0x32])
      other.moved = RecordRow.Moved(since: since, key: [0x31])
      state.records[try RecordAddress(collection: "c", key: "2").rowKey] = other.encoded
      for kind in [EntryKind.put, .remoteChange] {
        let error = #expect(throws: JournalError.self) { try fold(kind, over: one, state) }
        #expect(error?.code == "damaged")
      }
    }
  }

  @Test func `a record has no more keys than its row can name`() throws {
    let state = State()
    var row = RecordRow()
    row.formerKeys = (0..<255).map { [UInt8]("k\($0)".utf8) }
    let record = try RecordAddress(collection: "c", key: "2").rowKey
    state.records[record] = row.encoded
    let error = #expect(throws: JournalError.self) {
      try assign("2", to: "1", state)
    }
    #expect(error?.code == "damaged")
    #expect(state.records == [record: row.encoded])
  }

  @Test func `a key given to a record that has it already changes nothing but the last entry`()
    throws
  {
    let state = State()
    try assign("2", to: "1", state)
    let (old, new) = (
      try RecordAddress(collection: "c", key: "1").rowKey,
      try RecordAddress(collection: "c", key: "2").rowKey
    )
    let before = state.records
    // Round in a circle, and to itself.
    for (key, named) in [("1", "2"), ("2", "1"), ("1", "1"), ("2", "2")] {
      try assign(key, to: named, state)
      #expect(state.records == before)
    }
    #expect(try RecordRow(#require(state.records[old])).moved?.key == [0x32])
    #expect(try RecordRow(#require(state.records[new])).formerKeys == [[0x31]])
  }

  private func assign(_ key: String, to named: String, _ state: State) throws {
    var body = BodyBuilder()
    body.add(.collection, text: "c")
    body.add(.key, text: named)
    body.add(.remote, text: "main")
    body.add(.newKey, text: key)
    let header = EntryHeader(
      kind: .idAssigned, sequence: 9, id: EntryID(high: 0, low: 9),
      time: Timestamp(milliseconds: 1), device: DeviceID(high: 1, low: 1), commitment: .empty)
    _ = try body.finish().withUnsafeBytes {
      try RecordFolder().replay(header, body: $0, in: state)
    }
  }

  @Test func `a row that names keys has whole ones, and one that moved has nothing else`() throws {
    var row = RecordRow()
    row.formerKeys = [[0x61], Array(repeating: 0x62, count: 128)]
    row.base = RecordRow.Base(version: Self.version, born: Self.version)
    row.baseFields = [0xA0]
    #expect(try RecordRow(row.encoded).formerKeys == row.formerKeys)
    #expect(try RecordRow(row.encoded).encoded == row.encoded)
    // The number of keys stands behind the base, the length of the first one behind that.
    for (offset, value) in [(44, 0), (44, 3), (45, 0), (45, 129), (47, 0)] as [(Int, UInt8)] {
      var changed = row.encoded
      changed[offset] = value
      #expect(throws: JournalError.self, "\(offset)") { try RecordRow(changed) }
    }
    var moved = RecordRow()
    moved.moved = RecordRow.Moved(since: 7, key: [0x61])
    (moved.last) = 5
    #expect(try RecordRow(moved.encoded).encoded == moved.encoded)
    #expect(throws: JournalError.self) { try RecordRow(moved.encoded.dropLast() + []) }
    let long = moved.encoded + Array(repeating: 0x61, count: 128)
    #expect(throws: JournalError.self) { try RecordRow(long) }
    for flags: UInt8 in [33, 34, 36, 40, 48, 96, 160] {
      var changed = moved.encoded
      changed[1] = flags
      #expect(throws: JournalError.self, "flags \(flags)") { try RecordRow(changed) }
    }
  }

  @Test func `a record's row has no flags that contradict each other`() throws {
    var row = RecordRow()
    row.base = RecordRow.Base(version: Self.version, born: Self.version)
    row.baseFields = [0xA0]
    #expect(try RecordRow(row.encoded).encoded == row.encoded)
    for flags: UInt8 in [2, 32, 16] {
      var changed = row.encoded
      changed[1] |= flags
      #expect(throws: JournalError.self, "flags \(flags)") { try RecordRow(changed) }
    }
  }
}
