import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A server of plain records in trouble` {
  private var puts: RESTSettings { `A server of plain records`.puts }

  private func counts(_ device: RecordDevice) throws -> FoldCounts {
    try device.store.journal.read { try $0.counts() }
  }

  @Test func `sets aside what it refuses and takes everything else`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    for number in 0..<20 {
      try await device.store.write {
        try $0.create("c", "r\(number)", ["n": .integer(Int64(number))])
      }
    }
    server.state.withLock { state in
      state.refusing = { method, path in path == "/c/r0" ? (422, #"{"error":"no"}"#) : nil }
    }
    let report = try await device.sync()
    #expect(report.accepted == 19 && report.refused == 1 && report.parked == 1)
    #expect(server.ids("c").count == 19)
    #expect(try device.store.problems() == [])
  }

  @Test func `refuses the rest of a group behind an edit it refuses`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    try await device.store.write { tx in
      try tx.create("c", "a", ["n": 1])
      try tx.create("c", "b", ["n": 2])
      try tx.create("c", "c", ["n": 3])
    }
    try await device.store.write { try $0.create("c", "alone", ["n": 4]) }
    server.state.withLock { state in
      state.refusing = { method, path in path == "/c/b" ? (400, "") : nil }
    }
    let report = try await device.sync()
    #expect(server.ids("c") == ["a", "alone"])
    #expect(report.refused == 2)
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked again with fresh credentials where it does not take the old ones`()
    async throws
  {
    let server = PlainServer(puts)
    let tokens = Mutex(["Bearer old", "Bearer new"])
    let device = try await RecordDevice(server) {
      tokens.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    server.state.withLock { state in
      let isFirst = Mutex(true)
      state.refusing = { method, _ in
        method == "HEAD"
          && isFirst.withLock { first in
            defer { first = false }
            return first
          }
          ? (401, "") : nil
      }
    }
    let report = try await device.sync()
    #expect(report.accepted == 1)
    #expect(server.state.withLock { $0.credentials.prefix(2) } == ["Bearer old", "Bearer new"])
  }

  @Test func `keeps nobody's edits when the credentials are not taken half way`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    for key in ["1", "2", "3"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
    }
    server.state.withLock { $0.refusing = { _, path in path == "/c/2" ? (401, "") : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try counts(device).pending == 2 && counts(device).parked == 0)
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(server.ids("c") == ["1", "2", "3"])
    #expect(
      server.log.filter { $0 == "PUT /c/1" }.count == 1, "what was accepted is not sent again")
    #expect(try device.store.problems() == [])
  }

  @Test func `is left alone for now when it is overloaded, and gets everything later`() async throws
  {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    for key in ["1", "2", "3"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
    }
    server.state.withLock { state in
      state.retryAfter = "7"
      state.refusing = { _, path in path == "/c/2" ? (503, "") : nil }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(!server.log.contains("PUT /c/3"), "the server, not the edit, is in trouble")
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(server.ids("c") == ["1", "2", "3"])
  }

  @Test func `gets a create by PUT once more when the answer was lost, and has one record`()
    async throws
  {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    server.state.withLock { $0.losingAnswers = ["PUT /c/1": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    let report = try await device.sync()
    #expect(report.accepted == 1 && server.ids("c") == ["1"])
    #expect(try device.get("1") == ["n": 1])
    #expect(try device.store.problems() == [])
  }

  @Test func `never gets a create by POST twice on a guess`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    _ = try? await device.sync()
    #expect(server.log.filter { $0 == "POST /c" }.count == 1)
    #expect(try counts(device).parked == 1)
    #expect(try device.store.problems() == [])
  }

  @Test func `never gets a create by POST twice from a sync that was cut off`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.sync(.pullOnly)
    server.state.withLock { state in
      // The first contact is answered; the create is the last thing the sync does.
      state.refusing = { method, _ in method == "HEAD" ? (200, "") : nil }
      state.endsSync = true
    }
    await #expect(throws: CancellationError.self) { try await device.sync() }
    #expect(try counts(device).inFlight == 1)
    try await device.sync()
    #expect(server.log.filter { $0 == "POST /c" }.count == 1)
    #expect(try counts(device).parked == 1)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [
    "null", "{}", "[1]", "[{}]", #"[{"id":"1"}]"#, #"[{"id":"1","changed":"soon"}]"#,
    #"[{"id":"1","changed":1,"changed":2}]"#, "[{\"id\":\"1\",\"changed\":1,", "", "\u{FEFF}[]",
    #"[{"id":"","changed":1}]"#, #"[{"id":"1","changed":-1}]"#,
    "[{\"id\":\"\(String(repeating: "x", count: 129))\",\"changed\":1}]",
  ])
  func `is not believed when it answers nonsense`(_ answer: String) async throws {
    let server = PlainServer(puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    let cursor = try device.store.journal.read { try $0.cursor(of: "plain") }
    server.state.withLock { $0.refusing = { method, _ in method == "GET" ? (200, answer) : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.journal.read { try $0.cursor(of: "plain") } == cursor)
    #expect(try device.get("1") == ["n": 1])
  }

  @Test func `whose clock one writer has set far ahead is still followed`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    server.state.withLock { state in
      state.records["c"] = [
        "far": PlainServer.Record(fields: ["n": 1], stamp: 4_000_000_000_000)
      ]
    }
    try await device.sync()
    server.write("c", "near", ["n": 2])
    try await device.sync()
    #expect(try device.keys == ["far", "near"])
  }

  @Test func `has to name its collections and a version`() async throws {
    let server = PlainServer(puts)
    #expect(throws: TransportError.self) {
      _ = try RESTServer(
        url: "https://plain.test", collections: [], settings: server.settings, exchange: server)
    }
    #expect(throws: TransportError.self) { _ = try RESTSettings(Fields()) }
    #expect(throws: TransportError.self) {
      _ = try RESTSettings(["versionField": "v", "creates": "guess"])
    }
    #expect(throws: TransportError.self) { _ = try RESTSettings(["versionField": "v", "new": 1]) }
    #expect(try RESTSettings(server.settings.options) == server.settings)
  }
}
