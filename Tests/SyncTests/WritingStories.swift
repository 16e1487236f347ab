import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `Offline writes` {
  @Test func `S-AL-19 are pushed, then the feed is pulled, and the edit stays the final value`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["title": "old", "n": 1])
    try await a.sync()
    try await b.sync()
    // Offline: the edit stays and waits; the first attempt does not get through.
    try await a.update("1", ["title": "edited offline"])
    world.remote.failNext(.lost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    #expect(try a.get("1") == ["title": "edited offline", "n": 1])
    // Meanwhile another device changes the same record.
    try await b.update("1", ["title": "from b", "n": 2])
    try await b.sync()
    let report = try await a.sync()
    #expect(report.pushed == 1)
    #expect(report.accepted == 1)
    #expect(try a.get("1") == ["title": "edited offline", "n": 2])
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    // Nothing new in the feed: rows, watermark and journal stay as they are.
    let before = (try a.store.picture(), try a.store.journal.lastSequence)
    let cursor = try a.store.journal.read { try $0.cursor(of: "server") }
    let nothing = try await a.sync()
    #expect(nothing.pushed == 0 && nothing.pulled == 0)
    #expect(try a.store.picture() == before.0)
    #expect(try a.store.journal.lastSequence == before.1)
    #expect(try a.store.journal.read { try $0.cursor(of: "server") } == cursor)
    #expect(try a.store.problems() == [])
    #expect(try b.store.problems() == [])
  }

  @Test func `S-BR-21 arrive in the order they were made, a third one behind them`() async throws {
    let world = try World()
    let a = try await world.device("a")
    let parent: Value = .reference(collection: "c", key: "parent")
    world.remote.failNext(.lost)
    try await a.put("parent", ["name": "Ada"])
    await #expect(throws: TransportError.self) { try await a.sync() }
    try await a.put("child", ["parent": parent])
    // Online again, and at once another record.
    let store = a.store
    async let third = store.write { try $0.put("c", "third", ["parent": parent]) }
    try await a.sync()
    _ = try await third
    try await a.sync()
    #expect(try a.pending == 0)
    #expect(try a.store.problems() == [])
    #expect(try world.heldOnServer() == ["parent", "child", "third"])
  }
}

@Suite struct `A local-only collection, synced` {
  struct Draft: Record, Equatable {
    static let schema = Schema<Draft>("drafts", .localOnly)
    var id = RecordID<Draft>()
    var text: String
  }

  @Test func `is passed over in both directions by a server of all collections`() async throws {
    let world = try World()
    let a = try await Device(
      Store.create(at: world.scratch("a"), label: "a", records: [Draft.self]), world.remote)
    let b = try await world.device("b")
    try await a.store.write { tx in
      try tx.put("c", "before", ["n": 1])
      try tx.create(Draft(id: "mine", text: "stays"))
      try tx.put("c", "behind", ["n": 2])
    }
    try await a.store.write { try $0.update(Draft.self, "mine") { $0.text = "here" } }
    // A device that does not know it as local-only sends its own.
    try await b.store.write { tx in
      try tx.put("drafts", "theirs", ["text": "sent"])
      try tx.put("drafts", "mine", ["text": "overwrites?"])
      try tx.put("c", "b", ["n": 3])
    }
    for device in [a, b, a, b, a] { try await device.sync() }
    #expect(
      try a.store.picture() == "c/b {\"n\":3}\nc/before {\"n\":1}\nc/behind {\"n\":2}\n"
        + "drafts/mine {\"text\":\"here\"}\n")
    #expect(
      try b.store.picture() == "c/b {\"n\":3}\nc/before {\"n\":1}\nc/behind {\"n\":2}\n"
        + "drafts/mine {\"text\":\"overwrites?\"}\ndrafts/theirs {\"text\":\"sent\"}\n")
    #expect(try a.pending == 0)
    let last = try a.store.journal.lastSequence
    try await a.sync()
    #expect(try a.store.journal.lastSequence == last)
    // Erased here, it is nobody else's matter.
    try await a.store.erase("drafts", "mine", because: "asked")
    try await a.sync()
    try await b.sync()
    #expect(try b.store.read { try $0.get("drafts", "mine") } != nil)
    #expect(try a.store.problems() == [])
    #expect(try b.store.problems() == [])
    #expect(try world.serverEdits().count == 5)
  }

  @Test func `cannot become local-only once a server has its records or its edits are under way`()
    async throws
  {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    let underWay = await #expect(throws: JournalError.self) {
      try await a.store.declareLocalOnly("c")
    }
    #expect(underWay?.description.contains("is on its way to a server") == true)
    try await a.sync()
    let known = await #expect(throws: JournalError.self) {
      try await a.store.declareLocalOnly("c")
    }
    #expect(known?.description.contains("a server has records") == true)
    #expect(try a.count(.declared) == 1)
    #expect(try a.store.problems() == [])
  }
}
