import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A Kinto server restored from a backup` {
  /// Two devices, a backup, and what both and somebody else did with the server since.
  private func afterBackup() async throws -> (KintoDouble, RecordDevice, RecordDevice) {
    let server = KintoDouble()
    let (a, b) = (try await RecordDevice(server), try await RecordDevice(server))
    for number in 1...6 { server.write("c", "r\(number)", ["n": 1]) }
    try await a.sync()
    try await b.sync()
    let backup = server.backup
    try await a.store.write { try $0.create("c", "new", ["by": "a"]) }
    try await a.store.write { try $0.update("c", "new", set: ["more": true]) }
    try await a.store.write { try $0.update("c", "r1", set: ["n": 2]) }
    try await a.sync()
    try await b.sync()
    try await b.store.write { try $0.update("c", "r1", set: ["seen": true]) }
    try await b.store.write { try $0.delete("c", "r2") }
    try await b.store.write { try $0.put("c", "r3", ["put": 1]) }
    try await b.sync()
    server.write("c", "foreign", ["n": 1])
    try await a.sync()
    try await b.sync()
    server.restore(backup)
    return (server, a, b)
  }

  private let acknowledged: [String: Fields] = [
    "new": ["by": "a", "more": true], "r1": ["n": 2, "seen": true], "r3": ["put": 1],
    "r4": ["n": 1], "r5": ["n": 1], "r6": ["n": 1],
  ]

  private func expect(
    _ expected: [String: Fields], at server: KintoDouble, and devices: [RecordDevice]
  ) throws {
    #expect(server.ids == expected.keys.sorted())
    for (key, fields) in expected { #expect(server.fields(key) == fields) }
    for device in devices {
      #expect(try device.keys == expected.keys.sorted())
      for (key, fields) in expected { #expect(try device.get(key) == fields) }
      #expect(try device.counts.pending == 0 && device.counts.parked == 0)
      #expect(try device.store.problems() == [])
    }
  }

  @Test func `gets back what it had acknowledged`() async throws {
    let (server, a, b) = try await afterBackup()
    let report = try await a.sync()
    #expect(try a.beginnings == ["went-back"])
    #expect(report.accepted == 3)
    try await b.sync()
    try await a.sync()
    #expect(try b.beginnings == ["went-back"])
    // What nobody here wrote is gone with the server.
    try expect(acknowledged, at: server, and: [a, b])
  }

  @Test(arguments: ["full", "filter", "pull"])
  func `gets it back also where its full state is asked for`(_ way: String) async throws {
    let (server, a, b) = try await afterBackup()
    if way == "filter" {
      try await a.store.journal.filter(
        "kinto", by: [RemoteFilter("c", where: .any([.absent(field: "nothing")]))])
    }
    try await a.sync(way == "pull" ? .pullOnly : .both, way == "filter" ? [] : [.fullState])
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(server.fields("new") == ["by": "a", "more": true])
    #expect(server.fields("r1") == ["n": 2, "seen": true])
    #expect(try a.get("new") == ["by": "a", "more": true])
    #expect(try a.store.problems() == [])
  }

  @Test func `gets what is pending too, and is found out though somebody wrote first`()
    async throws
  {
    let (server, a, b) = try await afterBackup()
    // The list's timestamp is past all that was known again.
    server.write("c", "later", ["n": 1])
    try await a.store.write { try $0.update("c", "new", set: ["late": true]) }
    try await b.store.write { try $0.create("c", "mine", ["n": 1]) }
    try await b.sync()
    try await a.sync()
    try await b.sync()
    var expected = acknowledged
    expected["new"]?["late"] = true
    (expected["later"], expected["mine"]) = (["n": 1], ["n": 1])
    try expect(expected, at: server, and: [a, b])
  }

  @Test func `is found out where nothing is pending and nothing was written`() async throws {
    let (server, a, b) = try await afterBackup()
    try await a.sync(.pullOnly)
    #expect(try a.beginnings == ["went-back"])
    #expect(try a.counts.pending == 3)
    #expect(try a.get("new") == ["by": "a", "more": true] && a.get("foreign") == nil)
    try await a.sync()
    try await b.sync()
    try await a.sync()
    try expect(acknowledged, at: server, and: [a, b])
  }

  @Test func `is found out by a device that only reads`() async throws {
    let server = KintoDouble()
    let reader = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    try await reader.sync()
    let backup = server.backup
    server.write("c", "a", ["n": 2])
    server.write("c", "b", ["n": 2])
    try await reader.sync()
    server.restore(backup)
    server.write("c", "c", ["n": 3])
    try await reader.sync()
    #expect(try reader.keys == ["a", "c"] && reader.get("a") == ["n": 1])
    #expect(try reader.store.problems() == [])
  }

  @Test func `gets back what it took in several pushes behind the last cursor`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 0])
    try await device.sync()
    try await device.store.write { try $0.create("c", "kept", ["n": 1]) }
    try await device.sync(.pushOnly)
    let backup = server.backup
    for number in 0..<130 {
      try await device.store.write { try $0.create("c", "r\(number)", ["n": 1]) }
    }
    try await device.store.write { try $0.update("c", "a", set: ["n": 1]) }
    try await device.sync(.pushOnly)
    server.restore(backup)
    let before = server.batches.count
    try await device.store.write { try $0.create("c", "waits", ["n": 1]) }
    try await device.sync()
    #expect(server.ids.count == 133 && server.fields("a") == ["n": 1])
    #expect(
      !server.batches.dropFirst(before).joined().contains { $0.contains("kept") },
      "what is there is not delivered again")
    #expect(try device.keys == server.ids && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `does not get an older edit over a newer one that it still has`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.sync()
    server.write("c", "a", ["n": 2])
    server.write("c", "unchanged", ["n": 1])
    try await device.sync()
    let backup = server.backup
    try await device.store.write { try $0.create("c", "b", ["n": 1]) }
    try await device.sync()
    server.restore(backup)
    server.write("c", "a", ["n": 3])
    try await device.sync()
    #expect(server.fields("a") == ["n": 3] && server.fields("b") == ["n": 1])
    #expect(try device.get("a") == ["n": 3])
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked nothing more where it is what it was`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for number in 0..<20 { server.write("c", "r\(number)", ["n": 1]) }
    try await device.sync()
    func asked() -> Int { server.log.count { $0.contains("in_id") } }
    try await device.sync()
    #expect(asked() == 0, "what it shows says so")
    try await device.store.write { try $0.create("c", "mine", ["n": 1]) }
    try await device.sync()
    #expect(asked() == 1 && server.ids.count == 21)
    #expect(try device.beginnings == [])
  }

  @Test func `is told from one that deleted, and whose tombstones were purged`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for key in ["gone", "mine", "z"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
      try await device.sync()
    }
    server.write("c", "mine", nil)
    server.state.withLock { $0.records["c"]?["mine"] = nil }
    server.write("c", "other", ["n": 1])
    try await device.store.write { try $0.update("c", "gone", set: ["n": 2]) }
    try await device.sync()
    #expect(try device.beginnings == [])
    #expect(server.ids == ["gone", "other", "z"])
  }

  @Test func `does not answer the question: the list's timestamp is gone by, as before`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    try await device.sync()
    let backup = server.backup
    server.write("c", "b", ["n": 1])
    try await device.sync()
    server.restore(backup)
    server.state.withLock { $0.refusesIDs = true }
    try await device.store.write { try $0.create("c", "mine", ["n": 1]) }
    try await device.sync(.pullOnly)
    #expect(try device.beginnings == ["resync-required"])
    try await device.sync()
    #expect(try server.ids == ["a", "mine"] && device.keys == ["a", "mine"])
  }
}
