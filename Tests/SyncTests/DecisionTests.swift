import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A decision` {
  /// A conflict entry as a decider of the app would have appended it.
  private func decide(
    _ device: Device, _ key: String, edit: SequenceNumber, outcome: UInt64, patch: [UInt8]? = nil
  ) async throws {
    let version = ServerVersion(timestamp: 1, tieBreak: 1)
    var body = BodyBuilder()
    body.add(.collection, text: "c")
    body.add(.key, text: key)
    body.add(.version, version: version)
    body.add(.cause, unsigned: 1)
    body.add(.decider, text: "test")
    body.add(.outcomes) { writer in
      writer.array(count: 1)
      writer.array(count: 3)
      writer.unsigned(edit)
      writer.unsigned(outcome)
      if let patch { writer.raw(patch) } else { writer.null() }
    }
    let draft = try Draft(.conflict, body: body.finish())
    try await device.store.journal.transact { _ = try $0.append(draft) }
  }

  @Test func `to supersede takes the edit out, and the rest stays`() async throws {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["a": 1])
    try await device.update("1", ["b": 2])
    try await device.update("1", ["c": 3])
    try await decide(device, "1", edit: 4, outcome: 2)
    #expect(try device.get("1") == ["a": 1, "c": 3])
    #expect(try device.store.problems() == [])
    let report = try await device.sync()
    #expect(report.accepted == 2)
    #expect(try world.serverEdits().count == 2)
    try await device.store.rebuild()
    #expect(try device.get("1") == ["a": 1, "c": 3])
  }

  @Test func `to replace folds the patch in the edit's place`() async throws {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["a": 1])
    try await device.update("1", ["a": 2])
    try await decide(device, "1", edit: 4, outcome: 1, patch: [0xA1, 0x61, 0x62, 0x07])
    #expect(try device.get("1") == ["a": 1, "b": 7])
    try await device.store.rebuild()
    #expect(try device.get("1") == ["a": 1, "b": 7])
    #expect(try device.store.problems() == [])
  }
}

@Suite struct `A refused edit` {
  @Test func `is set aside with its reason and blocks no other`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    let half = Value.bytes([UInt8](repeating: 7, count: 600_000))
    try await a.put("big", ["start": 1])
    try await a.sync()
    try await b.sync()
    try await a.update("big", ["a": half])
    try await b.update("big", ["b": half])
    try await b.put("other", ["n": 1])
    try await b.update("big", ["small": true])
    try await a.sync()
    let report = try await b.sync()
    #expect(report.refused == 1)
    #expect(report.parked == 1)
    #expect(report.pending == 0)
    #expect(try b.get("other") == ["n": 1])
    #expect(try b.get("big") == ["start": 1, "a": half, "small": true])
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try b.store.problems() == [])
    // A parked edit stays through a trim and a rebuild.
    _ = try await b.store.compact()
    try await b.store.rebuild()
    #expect(try b.store.journal.read { try $0.counts() }.parked == 1)
    #expect(try a.store.picture() == b.store.picture())
    #expect(try b.store.problems() == [])
  }
}

@Suite struct `A group` {
  @Test func `over the collections of two remotes goes to each in its part`() async throws {
    let scratch = try Scratch()
    let first = Loopback(try AccountJournal(directory: scratch("first")))
    let second = Loopback(try AccountJournal(directory: scratch("second")))
    let store = try Store.create(at: scratch("a"), label: "a")
    defer { store.close() }
    try await store.journal.declare(
      RemoteDeclaration(
        name: "first", kind: "journal", url: "http://localhost", collections: ["x"]))
    try await store.journal.declare(
      RemoteDeclaration(name: "second", kind: "journal", url: "http://localhost"))
    try await store.write { tx in
      try tx.put("x", "1", ["n": 1])
      try tx.put("y", "1", ["n": 2])
      try tx.put("x", "2", ["n": 3])
    }
    try await store.write { try $0.put("x", "3", ["n": 4]) }
    let one = try await SyncEngine(journal: store.journal, remote: "first", over: first).sync()
    #expect(one.accepted == 3 && one.pending == 1)
    let two = try await SyncEngine(journal: store.journal, remote: "second", over: second).sync()
    #expect(two.accepted == 1 && two.pending == 0)
    #expect(try store.problems() == [])
  }
}
