import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A Kinto server whose history is another one` {
  @Test func `purged its tombstones: what it deleted is gone here, what waits stays`() async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "kept", ["n": 1])
    server.write("c", "gone", ["n": 1])
    try await device.sync()
    try await device.store.write { try $0.create("c", "mine", ["n": 1]) }
    // Deleted, and purged: the newest timestamp is an older one than before.
    server.state.withLock { $0.records["c"]?["gone"] = nil }
    try await device.sync(.pullOnly)
    #expect(try device.keys == ["kept", "mine"])
    try await device.sync()
    #expect(server.ids == ["kept", "mine"])
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `made the collection anew`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "old", ["n": 1])
    try await device.sync()
    server.state.withLock { state in
      state.clock += 60_000
      state.made["c"] = state.clock
      state.records["c"] = [:]
    }
    server.write("c", "new", ["n": 2])
    try await device.sync()
    #expect(try device.keys == ["new"])
    #expect(try device.store.problems() == [])
  }

  @Test func `was restored with an older form of a record that is changed here`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    let stamp = server.write("c", "a", ["n": 1, "m": 1])
    server.write("c", "a", ["n": 2, "m": 1])
    try await device.sync()
    server.write("c", "a", ["n": 1, "m": 1], at: stamp)
    try await device.store.write { try $0.update("c", "a", set: ["m": 5]) }
    try await device.sync()
    #expect(server.fields("a") == ["n": 1, "m": 5])
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `was dragged into the future by a writer with a wrong clock`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    try await device.sync()
    let far = server.state.withLock { $0.clock + 30 * 86_400_000 }
    server.write("c", "far", ["n": 2], at: far)
    try await device.sync()
    // Whatever is written now bears timestamps even further ahead.
    server.write("c", "next", ["n": 3], at: far + 20_000)
    server.write("c", "another", ["n": 4], at: far + 20_001)
    try await device.sync()
    #expect(try device.keys == ["a", "another", "far", "next"])
  }

  @Test func `does not know its own next page any more: it is read from the first one again`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for number in 0..<25 { server.write("c", "r\(number)", ["n": 1]) }
    server.state.withLock { state in
      state.pageLimit = 10
      state.failing = ["_token": .unreachable("no network")]
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.keys.count == 10)
    server.state.withLock { state in
      state.failing = [:]
      state.forgottenTokens = 1
    }
    try await device.sync()
    #expect(try device.keys.count == 25)
  }

  @Test(arguments: [
    "null", "{}", #"{"data":{}}"#, #"{"data":[1]}"#, #"{"data":[{"id":"1"}]}"#,
    #"{"data":[{"id":"1","last_modified":"soon"}]}"#, #"{"data":[{"id":1,"last_modified":1}]}"#,
    #"{"data":[{"id":"1","last_modified":-1}]}"#, "{\"data\":[", "",
  ])
  func `answers nonsense and is not believed`(_ text: String) async throws {
    let server = KintoDouble()
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    let cursor = try device.store.journal.read { try $0.cursor(of: "kinto") }
    server.state.withLock { $0.nonsense = text }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.journal.read { try $0.cursor(of: "kinto") } == cursor)
    #expect(try device.get("1") == ["n": 1])
    try await device.store.write { try $0.create("c", "2", ["n": 1]) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.counts.pending + device.counts.inFlight == 1)
  }
}
