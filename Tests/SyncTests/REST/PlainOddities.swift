import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

/// What servers of plain records do that nobody asked for.
@Suite struct `A server of plain records with ways of its own` {
  private var puts: RESTSettings { `A server of plain records`.puts }

  private func counts(_ device: RecordDevice) throws -> FoldCounts {
    try device.store.journal.read { try $0.counts() }
  }

  @Test func `answers a deletion with the record as it was, and it is gone all the same`()
    async throws
  {
    let server = PlainServer(puts)
    server.write("c", "1", ["n": 1])
    server.state.withLock { $0.deletesForGood = true }
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.delete("c", "1") }
    try await device.sync()
    #expect(try counts(device).accepted == 0, "the answer settles it")
    #expect(try device.keys == [])
    _ = try await device.engine.sync(.both, [.fullState])
    #expect(try device.keys == [])
    #expect(try device.store.problems() == [])
  }

  @Test func `stamps nothing anew where nothing changed, and the edit is settled`() async throws {
    let server = PlainServer(puts)
    server.write("c", "1", ["n": 1])
    server.state.withLock { $0.stampsChangesOnly = true }
    let device = try await RecordDevice(server)
    try await device.sync()
    server.state.withLock { $0.losingAnswers = ["PATCH /c/1": 1] }
    try await device.store.write { try $0.update("c", "1", set: ["n": 2]) }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.sync(.pullOnly)
    try await device.sync()
    #expect(try counts(device).accepted == 0 && counts(device).pending == 0)
    #expect(try device.get("1") == ["n": 2])
    // What follows is still seen.
    server.write("c", "1", ["n": 3])
    try await device.sync()
    #expect(try device.get("1") == ["n": 3])
    #expect(try device.store.problems() == [])
  }

  @Test func `has deleted a record that was changed there since the edit here`() async throws {
    let server = PlainServer(puts)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.write("c", "1", ["a": 1, "b": 2])
    try await device.sync(.pullOnly)
    server.state.withLock { $0.records["c"]?["1"] = nil }
    try await device.sync()
    #expect(try device.keys == [])
    #expect(try counts(device).accepted == 0 && counts(device).pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `writes what is no id where a reference belongs, and nothing is stuck`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    try await device.store.write {
      try $0.create("c", "1", ["of": .reference(collection: "c", key: "")])
    }
    try await device.store.write { try $0.create("c", "2", ["n": 2]) }
    try await device.sync()
    #expect(server.fields("c", "1") == ["of": ""])
    #expect(server.ids("c") == ["1", "2"])
  }

  @Test func `shows one record ahead of its own clock in every answer, and the sync ends`()
    async throws
  {
    let server = PlainServer(puts)
    server.state.withLock { state in
      state.records["c"] = ["far": PlainServer.Record(fields: ["n": 1], stamp: 4_000_000_000_000)]
    }
    let device = try await RecordDevice(server)
    for _ in 0..<3 {
      let before = server.log.count
      try await device.sync(.pullOnly)
      #expect(server.log[before...].count { $0.hasPrefix("GET") } == 1)
    }
  }

  @Test func `does not know how to be asked for a create, and nothing is made twice`() async throws
  {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.create("c", "b", ["n": 2]) }
    server.state.withLock { state in
      state.losingAnswers = ["POST /c": 1]
      state.refusing = { _, path in path.hasPrefix("/c?made_as") ? (400, "what?") : nil }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    let report = try await device.sync()
    #expect(report.parked == 1 && report.pending == 0)
    #expect(server.log.count { $0 == "POST /c" } == 2)
  }

  @Test func `gets nothing about a record whose create was set aside`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { try $0.create("c", "b", ["n": 3]) }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    let report = try await device.sync()
    #expect(!server.log.contains { $0.hasPrefix("PATCH") })
    #expect(report.parked >= 1)
    #expect(report.pending + report.parked == 2, "the update is neither lost nor sent")
    #expect(try device.store.problems() == [])
  }

  @Test func `does not know the method that asks whether it is there`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    server.state.withLock { $0.refusing = { method, _ in method == "HEAD" ? (501, "") : nil } }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    #expect(try await device.sync().accepted == 1)
  }
}
