import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A Kinto server that cannot be believed` {
  @Test(arguments: [0, 3, 9])
  func `takes a whole batch back for one conflict, and nothing is lost`(_ place: Int) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for number in 0..<10 {
      try await device.store.write { try $0.create("c", "r\(number)", ["n": 1]) }
    }
    server.state.withLock { $0.conflicts = [place, place] }
    let report = try await device.sync()
    #expect(report.accepted == 10 && server.ids.count == 10)
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `that never gets a batch done is left alone, and gets it later`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for key in ["1", "2"] { try await device.store.write { try $0.create("c", key, ["n": 1]) } }
    server.state.withLock { $0.conflicts = Array(repeating: 0, count: 40) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.counts.pending == 2 && device.counts.parked == 0)
    server.state.withLock { $0.conflicts = [] }
    try await device.sync()
    #expect(server.ids == ["1", "2"])
  }

  @Test func `shows a record late, behind others with later timestamps`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    try await device.sync()
    let late = server.state.withLock { $0.clock }
    server.state.withLock { $0.clock += 4_000 }
    server.write("c", "b", ["n": 2])
    try await device.sync()
    server.write("c", "late", ["n": 3], at: late + 1)
    try await device.sync()
    #expect(try device.keys == ["a", "b", "late"])
  }

  @Test func `whose list seems unchanged though a record came up late`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    let newest = server.write("c", "a", ["n": 1])
    server.state.withLock { $0.sinceThen = 3_000 }
    try await device.sync()
    server.write("c", "late", ["n": 3], at: newest - 1)
    try await device.sync()
    #expect(try device.keys == ["a", "late"])
  }

  @Test func `lost its answers: nothing is in conflict, nothing comes twice`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "u", ["n": 1, "old": 1])
    server.write("c", "d", ["n": 1])
    server.write("c", "w", ["n": 1])
    try await device.sync()
    try await device.store.write { try $0.create("c", "new", ["x": 1.5, "y": 2.0]) }
    try await device.store.write { try $0.update("c", "u", set: ["n": 2], unset: ["old"]) }
    try await device.store.write { try $0.delete("c", "d") }
    try await device.store.write { try $0.put("c", "w", ["n": 7]) }
    // The update asks for the record first: both answers are lost, one after the other.
    for _ in 0..<2 {
      server.state.withLock { $0.lostAnswers = 1 }
      await #expect(throws: TransportError.self) { try await device.sync() }
    }
    let stamps = server.state.withLock { $0.records["c"]?.mapValues(\.stamp) }
    try await device.sync()
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(server.fields("u") == ["n": 2] && server.fields("w") == ["n": 7])
    #expect(try device.get("new") == ["x": 1.5, "y": 2.0] && device.keys == ["new", "u", "w"])
    for key in ["new", "w", "d"] {
      #expect(
        server.state.withLock { $0.records["c"]?[key]?.stamp } == stamps?[key],
        "what was carried out is not carried out again")
    }
    #expect(try device.store.problems() == [])
  }

  @Test func `lost an answer, and reads numbers less exactly than they are written: no conflict`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    let written: Fields = ["x": 1.0899999999999999, "in": .object(["y": .array([0.1, 1e22])])]
    try await device.store.write { try $0.create("c", "a", written) }
    server.state.withLock { $0.lostAnswers = 1 }
    await #expect(throws: TransportError.self) { try await device.sync() }
    // 1.0899999999999999 is the number before 1.09; two and three beside the others.
    let read: Fields = [
      "x": 1.09, "in": .object(["y": .array([0.10000000000000003, 1.0000000000000006e22])]),
    ]
    server.state.withLock { $0.records["c"]?["a"]?.fields = read }
    try await device.store.write { try $0.update("c", "a", set: ["n": 1]) }
    try await device.sync()
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(try device.get("a")?["x"] == 1.09)
    #expect(try device.store.problems() == [])
    // What is further away is somebody's.
    try await device.store.write { try $0.update("c", "a", set: ["x": 2.5]) }
    server.state.withLock { $0.lostAnswers = 1 }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.write("c", "a", ["x": 2.5000000000000018, "n": 1])
    try await device.sync()
    #expect(try device.conflicts == 1)
  }

  @Test func `lost an answer before the next edit: only that one is sent`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { $0.lostAnswers = 1 }
    await #expect(throws: TransportError.self) { try await device.sync() }
    try await device.store.write { try $0.update("c", "a", set: ["m": 2]) }
    try await device.sync()
    #expect(server.batches.last?.first?.hasPrefix("PATCH a If-Match") == true)
    #expect(server.fields("a") == ["n": 1, "m": 2])
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `deleted what was made here before its list was read the first time`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.sync(.pushOnly)
    server.write("c", "a", nil)
    for number in 0..<5 { server.write("c", "never seen \(number)", nil) }
    let before = try device.store.journal.lastSequence
    try await device.sync()
    #expect(try device.keys == [])
    // The deletion and the cursor: what was never here leaves no trace.
    #expect(try device.store.journal.lastSequence == before + 2)
    #expect(try device.store.problems() == [])
  }

  @Test func `answers an edit of a record that is put and deleted again meanwhile: no conflict`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for key in ["put", "deleted"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
    }
    // The rest of what goes in one push: the record's later edits follow in the next one.
    for number in 0..<23 {
      try await device.store.write { try $0.create("c", "r\(number)", ["n": 1]) }
    }
    try await device.store.write { try $0.put("c", "put", ["n": 2]) }
    try await device.store.write { try $0.delete("c", "deleted") }
    let report = try await device.sync()
    #expect(report.accepted == 27 && report.conflicts == 0)
    #expect(server.fields("put") == ["n": 2] && server.fields("deleted") == nil)
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `has a record that moved on: the edit is made again on what is there now`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["mine": 1, "theirs": 1])
    try await device.sync()
    try await device.store.write { try $0.update("c", "a", set: ["mine": 2]) }
    server.write("c", "a", ["mine": 1, "theirs": 2])
    try await device.sync()
    #expect(server.fields("a") == ["mine": 2, "theirs": 2])
    #expect(try device.get("a") == ["mine": 2, "theirs": 2])
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `has lost a record that is changed here: the change does not bring it back`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    server.write("c", "b", ["n": 1])
    try await device.sync()
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { try $0.put("c", "b", ["n": 2]) }
    server.write("c", "a", nil)
    server.write("c", "b", nil)
    try await device.sync()
    #expect(server.ids == ["b"] && server.fields("b") == ["n": 2])
    #expect(try device.keys == ["b"] && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test(
    arguments: [
      ("nul", ["s": "a\u{0}b"]), ("nul", ["list": [1, ["deep\u{0}": 1]]]),
      ("deleted", ["deleted": true]),
      ("reserved-field", ["last_modified": 4_000_000_000_000]), ("reserved-field", ["id": "other"]),
    ] as [(String, Fields)])
  func `is never sent what it cannot keep, and gets everything else`(
    _ code: String, _ fields: Fields
  ) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "before", ["n": 1]) }
    try await device.store.write { try $0.create("c", "bad", fields) }
    try await device.store.write { try $0.update("c", "bad", set: ["n": 2]) }
    try await device.store.write { try $0.create("c", "after", ["n": 1]) }
    let report = try await device.sync()
    #expect(report.refused == 1 && server.ids == ["after", "before"])
    #expect(try device.refusals == [code])
    // Its update is of no use without it.
    #expect(try device.counts.parked == 2 && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `takes no ids but its own kind`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for key in ["a b", "-x", "é", "ok-1_2"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
    }
    let report = try await device.sync()
    #expect(report.refused == 3 && server.ids == ["ok-1_2"])
    #expect(try device.refusals == ["id", "id", "id"])
  }

  @Test func `refuses one of several edits that went together, and only that one is set aside`()
    async throws
  {
    let server = KintoDouble()
    server.state.withLock { state in
      state.refusing = { _, _, fields in fields["bad"] == nil ? nil : 400 }
    }
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { try $0.update("c", "a", set: ["bad": 1]) }
    let report = try await device.sync()
    #expect(report.accepted == 2 && report.refused == 1)
    #expect(server.fields("a") == ["n": 2])
    #expect(try device.counts.parked == 1 && device.counts.pending == 0)
    #expect(try device.refusals == ["http-400"])
    #expect(try device.store.problems() == [])
  }

  @Test func `wants other credentials in the middle of a batch`() async throws {
    let server = KintoDouble()
    server.state.withLock { $0.token = "Bearer new" }
    let tokens = Mutex(["Bearer new", "Bearer old", "Bearer new"])
    let device = try await RecordDevice(server) {
      tokens.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.sync()
    #expect(server.ids == ["a"])
    server.state.withLock { $0.token = "Bearer newer" }
    try await device.store.write { try $0.create("c", "b", ["n": 1]) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.counts.pending == 1 && device.counts.parked == 0)
  }

  @Test(arguments: [405, 410, 429, 500, 503])
  func `is in trouble, or takes no writes now: everything waits`(_ status: Int) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { $0.statuses = [status] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.state.withLock { state in
      state.refusing = { _, _, _ in status }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.counts.pending + device.counts.inFlight == 1)
    #expect(try device.counts.parked == 0)
    server.state.withLock { $0.refusing = { _, _, _ in nil } }
    try await device.sync()
    #expect(server.ids == ["a"])
  }
}
