import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A full state of a server of plain records` {
  private var puts: RESTSettings { `A server of plain records`.puts }

  @Test func `S-BR-10 leaves what it shows, a create never pushed and a pending edit`() async throws
  {
    let server = PlainServer(puts)
    server.write("c", "guy", ["name": "Guy"])
    server.write("c", "thomas", ["name": "Thomas"])
    let device = try await RecordDevice(server)
    try await device.sync()
    // A server that forgets without a trace, as many do.
    server.state.withLock { $0.records["c"]?["thomas"] = nil }
    try await device.store.write { try $0.update("c", "guy", set: ["age": 3]) }
    try await device.store.write { try $0.create("c", "new", ["name": "New"]) }
    try await device.sync(.pullOnly)
    #expect(try device.keys == ["guy", "new", "thomas"], "nobody said that he is gone")
    let report = try await device.engine.sync(.pullOnly, [.fullState])
    #expect(report.vanished == 1)
    #expect(try device.keys == ["guy", "new"])
    #expect(try device.get("guy") == ["name": "Guy", "age": 3])
    #expect(report.pending == 2)
    try await device.sync()
    #expect(server.fields("c", "guy") == ["name": "Guy", "age": 3])
    #expect(server.ids("c") == ["guy", "new"])
    #expect(try device.store.problems() == [])
  }

  @Test func `holds no trimming back, for the server keeps no checkpoints`() async throws {
    let server = PlainServer(puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "2", ["n": 2]) }
    try await device.sync()
    _ = try await device.engine.sync(.both, [.fullState])
    #expect(try device.store.journal.read { try $0.witnessedSize(of: "plain") } == nil)
    #expect(try device.keys == ["1", "2"])
    let before = try device.store.picture()
    try await device.sync()
    #expect(try device.store.picture() == before)
    #expect(try device.store.problems() == [])
  }

  @Test func `keeps records under the keys it gave`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "temporary", ["n": 1]) }
    try await device.sync()
    try await device.store.write { try $0.update("c", "temporary", set: ["n": 2]) }
    let report = try await device.engine.sync(.both, [.fullState])
    #expect(report.vanished == 0)
    #expect(try device.keys == ["100"])
    #expect(try device.get("temporary") == ["n": 2])
    #expect(try device.store.problems() == [])
  }
}
