import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A server of plain records that gives ids` {
  private static let asked: RESTSettings = {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    return settings
  }()

  @Test func `S-BD-10 gets an edit, a create without an id and a deletion in their order`()
    async throws
  {
    let server = PlainServer()
    server.write("c", "1", ["n": "a"])
    server.write("c", "2", ["n": "b"])
    let device = try await RecordDevice(server)
    try await device.sync()
    let before = server.log.count
    try await device.store.write { try $0.update("c", "1", set: ["n": "edited"]) }
    try await device.store.write { try $0.create("c", "temporary", ["n": "new"]) }
    try await device.store.write { try $0.delete("c", "2") }
    let report = try await device.sync()
    let writes = server.log[before...].filter { !$0.hasPrefix("GET") && !$0.hasPrefix("HEAD") }
    #expect(Array(writes) == ["PATCH /c/1", "POST /c", "DELETE /c/2"])
    #expect(server.bodies.last == .object(["n": "new"]), "no id goes with a create")
    #expect(try device.keys == ["1", "100"])
    #expect(report.pending == 0 && report.parked == 0)
    // Both keys mean the record, and later edits go to the server's.
    #expect(try device.get("temporary") == ["n": "new"])
    try await device.store.write { try $0.update("c", "temporary", set: ["m": 1]) }
    try await device.sync()
    #expect(server.fields("c", "100") == ["n": "new", "m": 1])
    #expect(try device.keys == ["1", "100"])
    #expect(try device.store.problems() == [])
  }

  @Test func `gets references to records whose ids it has just given`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { tx in
      try tx.create("c", "parent", ["n": 1])
      try tx.create("c", "child", ["of": .reference(collection: "c", key: "parent")])
    }
    try await device.sync()
    #expect(server.fields("c", "101") == ["of": "100"])
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked for a create whose answer was lost, and has one record`() async throws {
    let server = PlainServer(Self.asked)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.create("c", "b", ["n": 2]) }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    try await device.sync()
    #expect(server.ids("c") == ["100", "101"])
    #expect(server.log.filter { $0 == "POST /c" }.count == 2)
    #expect(try device.keys == ["100", "101"])
    #expect(try device.get("a") == ["n": 1])
    #expect(try device.store.journal.read { try $0.counts() }.parked == 0)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [500, 502, 504]) func `is asked as well where its answer does not tell`(
    _ status: Int
  ) async throws {
    let server = PlainServer(Self.asked)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { state in
      state.refusing = { method, _ in method == "POST" ? (status, "") : nil }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.journal.read { try $0.counts() }.inFlight == 1)
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(server.log.contains { $0.hasPrefix("GET /c?made_as=a") })
    #expect(server.ids("c") == ["100"])
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked again where it could not be asked, before anything is sent twice`()
    async throws
  {
    let server = PlainServer(Self.asked)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.state.withLock { state in
      state.refusing = { _, path in path.hasPrefix("/c?made_as") ? (503, "") : nil }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(server.log.filter { $0 == "POST /c" }.count == 1)
    #expect(server.ids("c") == ["100"])
    #expect(try device.keys == ["100"])
  }

  @Test func `that does not say which id it gave is not sent the record again`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { state in
      state.refusing = { method, _ in method == "POST" ? (201, "") : nil }
    }
    try await device.sync()
    try await device.sync()
    #expect(server.log.filter { $0 == "POST /c" }.count == 1)
    #expect(try device.store.journal.read { try $0.counts() }.parked == 1)
  }

  @Test func `takes a key that the app has chosen where it is told to`() async throws {
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .postWithID
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "mine", ["n": 1]) }
    try await device.sync()
    // This one gives its own all the same: what it answers counts.
    #expect(try device.keys == ["100"])
    #expect(server.bodies.first == .object(["id": "mine", "n": 1]))
    #expect(try device.store.problems() == [])
  }
}
