import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `What once went wrong` {
  private func store(_ scratch: Scratch, _ remotes: (String, [String])...) async throws -> Store {
    let store = try Store.create(at: scratch("a"), label: "a")
    for (name, collections) in remotes {
      try await store.journal.declare(
        RemoteDeclaration(
          name: name, kind: "journal", url: "http://localhost", collections: collections))
    }
    return store
  }

  @Test func `a sealed segment is made again though what it stands on was settled since`()
    async throws
  {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    try await device.sync(.pushOnly)
    try await device.update("1", ["n": 2])
    world.remote.failNext(.lost)
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.sync(.pullOnly)
    _ = try await device.store.compact()
    try await device.sync()
    #expect(world.remote.segments[1] == world.remote.segments[2])
    #expect(try device.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `one remote's cursor does not settle what another accepted`() async throws {
    let scratch = try Scratch()
    let x = Loopback(try AccountJournal(directory: scratch("x")))
    let y = Loopback(try AccountJournal(directory: scratch("y")))
    let store = try await store(scratch, ("x", ["xs"]), ("y", ["ys"]))
    defer { store.close() }
    let toX = SyncEngine(journal: store.journal, remote: "x", over: x)
    let toY = SyncEngine(journal: store.journal, remote: "y", over: y)
    try await store.write { try $0.put("ys", "1", ["n": 1]) }
    _ = try await toY.sync(.pushOnly)
    try await store.write { try $0.put("xs", "1", ["n": 1]) }
    _ = try await toX.sync()
    #expect(try store.read { try $0.get("ys", "1") } == ["n": 1])
    _ = try await toY.sync()
    #expect(try store.read { try $0.get("ys", "1") } == ["n": 1])
    #expect(try store.journal.read { try $0.counts() }.accepted == 0)
    #expect(try store.problems() == [])
  }

  @Test func `what a removed remote had not settled is delivered to the next`() async throws {
    let scratch = try Scratch()
    let one = Loopback(try AccountJournal(directory: scratch("one")))
    let two = Loopback(try AccountJournal(directory: scratch("two")))
    let store = try await store(scratch, ("m", []))
    defer { store.close() }
    try await store.write { try $0.put("c", "accepted", ["n": 1]) }
    _ = try await SyncEngine(journal: store.journal, remote: "m", over: one).sync(.pushOnly)
    try await store.write { try $0.put("c", "inFlight", ["n": 1]) }
    one.failNext(.answerLost)
    await #expect(throws: TransportError.self) {
      try await SyncEngine(journal: store.journal, remote: "m", over: one).sync(.pushOnly)
    }
    try await store.journal.removeRemote("m")
    try await store.journal.declare(
      RemoteDeclaration(name: "m", kind: "journal", url: "http://localhost"))
    let report = try await SyncEngine(journal: store.journal, remote: "m", over: two).sync()
    #expect(report.accepted == 2 && report.pending == 0)
    #expect(try store.read { try $0.query(Query("c")).count } == 2)
    #expect(try store.problems() == [])
    try await store.rebuild()
    #expect(try store.problems() == [])
  }

  @Test func `an id that stands twice in a group is one entry`() async throws {
    let scratch = try Scratch()
    let store = try await store(scratch)
    defer { store.close() }
    let id = EntryID(high: 0x4000, low: 1 << 63)
    let draft = try EditDraft(id: id).draft(
      .put(fields: [0xA0]), collection: "c", key: "1")
    let appended = try await store.journal.transact { try $0.appendGroup([draft, draft]) }
    #expect(appended.count == 1)
    let header = try store.journal.read { try $0.entry(2)?.header }
    #expect(header?.flags == [] && header?.group == 0)
  }

  @Test func `a server that claims to have seen more than there is, is not believed`() async throws
  {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    let boaster = AlteredRemote(
      world.remote,
      pushAnswer: { answer in
        guard case .judged(let verdicts, _) = answer else { return answer }
        return .judged(verdicts: verdicts, size: .max)
      }, show: { _, _ in .acknowledged(size: .max) })
    let engine = SyncEngine(
      journal: device.store.journal, remote: "server", over: boaster)
    await #expect(throws: TransportError.self) { try await engine.sync() }
    _ = try await device.store.compact()
    try await device.sync()
    #expect(try device.pending == 0)
  }

  @Test func `a server that gives the same cursor for ever ends the sync`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["n": 1])
    try await a.sync()
    let engine = SyncEngine(
      journal: b.store.journal, remote: "server",
      over: AlteredRemote(world.remote, cursor: { _ in nil }))
    await #expect(throws: TransportError.self) { try await engine.sync() }
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test func `a group of many updates to a large record is one change of the feed`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["big": .bytes([UInt8](repeating: 1, count: 900_000))])
    try await a.store.write { tx in
      for number in 0..<12 { try tx.update("c", "1", set: ["n\(number)": 1]) }
    }
    let start = try await world.server.feed(after: nil, limit: 1_000, device: nil).cursor
    try await a.sync()
    let page = try await world.server.feed(after: start, limit: 1_000, device: nil)
    #expect(page.changes.count == 2)
    #expect(page.changes.last?.changed?.count == 12)
    let b = try await world.device("b")
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    await #expect(throws: JournalError.self) {
      try await a.store.write { tx in
        for number in 0..<5 {
          try tx.put("c", "k\(number)", ["x": .bytes([UInt8](repeating: 1, count: 190_000))])
        }
        for number in 0..<5 { try tx.update("c", "1", set: ["more\(number)": 1]) }
        try tx.put("c", "2", ["big": .bytes([UInt8](repeating: 1, count: 100_000))])
      }
    }
  }

  @Test func `only this machine's addresses are loopback`() {
    #expect(RemoteURL.isLoopback("127.0.0.1"))
    #expect(RemoteURL.isLoopback("localhost"))
    #expect(!RemoteURL.isLoopback("127.0.0.1.example.org"))
    #expect(!RemoteURL.isLoopback("127.evil"))
    #expect(!RemoteURL.isLoopback("127.0.0.256"))
  }
}
