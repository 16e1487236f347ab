import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A server of plain records` {
  static let puts: RESTSettings = {
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .put
    return settings
  }()

  @Test func `gets what was made offline and shows what others made`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "theirs", ["n": 1, "text": "é"])
    let device = try await RecordDevice(server)
    try await device.store.write { tx in
      try tx.create("c", "mine", ["n": 2, "list": [1, 1.5, .null]])
      try tx.create("c", "gone", ["n": 3])
    }
    try await device.store.write { try $0.update("c", "mine", set: ["n": 4], unset: ["list"]) }
    try await device.store.write { try $0.delete("c", "gone") }
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.pending == 0 && report.conflicts == 0)
    #expect(server.fields("c", "mine") == ["n": 4])
    #expect(try device.keys == ["mine", "theirs"])
    #expect(try device.get("theirs") == ["n": 1, "text": "é"])
    let counts = try device.store.journal.read { try $0.counts() }
    #expect(counts.accepted == 0, "its answer is its feed: nothing waits to be settled")
    // A foreign edit and a foreign deletion.
    server.write("c", "mine", ["n": 5])
    server.write("c", "theirs", nil)
    try await device.sync()
    #expect(try device.get("mine") == ["n": 5])
    #expect(try device.keys == ["mine"])
    #expect(try device.store.problems() == [])
  }

  @Test func `merges edits of different fields made on both sides`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.write("c", "1", ["a": 1, "b": 2])
    try await device.sync()
    #expect(server.fields("c", "1") == ["a": 2, "b": 2])
    #expect(try device.get("1") == ["a": 2, "b": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `S-BD-16 is asked for everything first and for what followed later`() async throws {
    var settings = Self.puts
    settings.overlapMilliseconds = 0
    let server = PlainServer(settings)
    server.write("c", "1", ["n": 1])
    server.write("c", "2", ["n": 2])
    let device = try await RecordDevice(server)
    try await device.sync(.pullOnly)
    #expect(server.log.filter { $0.hasPrefix("GET") }.first == "GET /c")
    #expect(try device.keys == ["1", "2"])
    server.write("c", "2", nil)
    server.write("c", "3", ["n": 3])
    let before = server.log.count
    try await device.sync(.pullOnly)
    #expect(
      server.log[before...].filter { $0.hasPrefix("GET") }.first == "GET /c?since=1700000000020")
    #expect(try device.keys == ["1", "3"])
  }

  @Test func `S-BD-17 does not move the watermark by an empty answer or none`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    let cursor = try device.store.journal.read { try $0.cursor(of: "plain") }
    let last = try device.store.journal.lastSequence
    // Nothing new: the overlap shows what is known once more.
    try await device.sync()
    server.state.withLock { $0.refusing = { method, _ in method == "GET" ? (500, "") : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.state.withLock { state in
      state.refusing = { _, _ in nil }
      state.losingAnswers = ["GET /c?since=1699999880010": 1]
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.journal.read { try $0.cursor(of: "plain") } == cursor)
    #expect(try device.store.journal.lastSequence == last, "nothing happened, nothing is recorded")
  }

  @Test func `S-BD-19 calls its parameter and its marker what it is told`() async throws {
    var settings = Self.puts
    (settings.sinceParameter, settings.deletedField) = ("modified_after", "removed")
    (settings.idField, settings.versionField) = ("_id", "rev")
    let server = PlainServer(settings)
    server.write("c", "3", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "3", nil)
    try await device.sync()
    #expect(server.log.contains { $0.hasPrefix("GET /c?modified_after=") })
    #expect(try device.keys == [])
  }

  @Test func `S-BD-13 leaves an edit alone that was made while an earlier one was on its way`()
    async throws
  {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["title": "old"])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["title": "A"]) }
    server.state.withLock { $0.losingAnswers = ["PATCH /c/1": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.store.write { try $0.update("c", "1", set: ["title": "B"]) }
    #expect(try device.get("1") == ["title": "B"])
    let report = try await device.sync()
    #expect(report.conflicts == 0, "what it took of this device is no news")
    #expect(server.fields("c", "1") == ["title": "B"])
    #expect(try device.store.journal.read { try $0.counts() }.pending == 0)
  }

  @Test func `answers an edit with somebody else's, which a later edit here contests`() async throws
  {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    // Between them, so that they go as two requests.
    try await device.store.write { try $0.create("c", "2", ["n": 1]) }
    try await device.store.write { try $0.update("c", "1", set: ["b": 2]) }
    // Only the first edit gets through; its answer shows what somebody did to the other field.
    server.write("c", "1", ["a": 1, "b": 9])
    let number = Mutex(0)
    server.state.withLock { state in
      state.refusing = { method, _ in
        guard method == "PATCH" else { return nil }
        return number.withLock { number in
          number += 1
          return number
        } == 2 ? (503, "") : nil
      }
    }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    let decided = try device.store.journal.read { reader in
      var bodies: [String] = []
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == .conflict { bodies.append("\(entry.header.sequence)") }
        return true
      }
      return bodies
    }
    #expect(decided.count == 1)
    #expect(try device.get("1") == ["a": 2, "b": 2], "mine stays, and the decision names both")
    #expect(try device.store.problems() == [])
  }

  @Test func `S-BD-22 shows a pending edit on top of what it answers`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["b": 2]) }
    server.write("c", "1", ["a": 3])
    try await device.sync(.pullOnly)
    #expect(try device.get("1") == ["a": 3, "b": 2])
    #expect(try device.store.journal.read { try $0.counts() }.pending == 1)
  }

  @Test func `S-BD-26 is left alone at once when there is nothing to say`() async throws {
    let device = try await RecordDevice(PlainServer(Self.puts))
    let report = try await device.sync()
    #expect(report.pushed == 0 && report.pulled == 0)
  }

  @Test func `deletes what is deleted already, without an error`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "1", nil)
    try await device.store.write { try $0.delete("c", "1") }
    let report = try await device.sync()
    #expect(report.accepted == 1 && report.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `takes no update of a record that is gone, and says which fields are lost`()
    async throws
  {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "1", nil)
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    try await device.sync(.pushOnly)
    #expect(try device.get("1") == nil)
    let conflicts = try device.store.journal.read { reader in
      var count = 0
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == .conflict { count += 1 }
        return true
      }
      return count
    }
    #expect(conflicts == 1)
    #expect(try device.store.journal.read { try $0.counts() }.pending == 0)
    #expect(try device.store.problems() == [])
  }
}
