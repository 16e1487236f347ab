import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Records that a server no longer has and that a person kept.
@Suite struct `A record that was kept` {
  /// A device that keeps `0` ... `29`, of which its server knows nothing any more.
  private func kept() async throws -> (World, Device) {
    let (world, device) = try await held()
    try await device.sync(.both, [.keepingRecords])
    return (world, device)
  }

  /// A device that has been told that all of its records are gone, and asks whether they are.
  private func held() async throws -> (World, Device) {
    let world = try World()
    let device = try await world.device("a")
    try await device.store.write { tx in
      for number in 0..<30 { try tx.put("c", "\(number)", ["n": 1]) }
    }
    try await device.sync()
    let empty = try world.replaced()
    let there = device.now(empty)
    await #expect(throws: TransportError.self) { try await there.sync() }
    return (empty, there)
  }

  private func edit(_ store: Store) async throws {
    try await store.write { tx in
      try tx.delete("c", "1")
      try tx.update("c", "2", set: ["n": 2])
    }
    try await store.write { try $0.update("c", "3", set: ["n": 3]) }
    try await store.write { try $0.delete("c", "3") }
    try await store.write { try $0.put("c", "4", ["n": 4]) }
  }

  private func expectEdited(_ store: Store) throws {
    #expect(try store.get("c", "1") == nil)
    #expect(try store.get("c", "2") == ["n": 2])
    #expect(try store.get("c", "3") == nil)
    #expect(try store.get("c", "4") == ["n": 4])
    #expect(try store.get("c", "5") == ["n": 1])
  }

  @Test func `can be changed and deleted`() async throws {
    let (world, a) = try await kept()
    try await edit(a.store)
    for _ in 0..<3 {
      try expectEdited(a.store)
      try await a.sync()
    }
    try await a.expectSound()
    let b = try await world.device("b")
    try await b.sync()
    #expect(try b.store.read { try $0.query(Query("c")).map(\.key) } == ["4"])
    let entries = try a.store.journal.lastSequence
    try await a.sync()
    #expect(try a.store.journal.lastSequence == entries)
  }

  @Test(arguments: [SyncEngine.Options.keepingRecords, .confirmingDeletions])
  func `can be changed before it was said that it is kept`(_ said: SyncEngine.Options) async throws
  {
    let (_, a) = try await held()
    try await edit(a.store)
    await #expect(throws: TransportError.self) { try await a.sync() }
    try expectEdited(a.store)
    try await a.sync(.both, [said])
    if said == .keepingRecords {
      try expectEdited(a.store)
    } else {
      #expect(try a.store.read { try $0.query(Query("c")).map(\.key) } == ["4"])
    }
    try await a.expectSound()
  }

  @Test func `goes with a full state all the same, and what was put comes from the server`()
    async throws
  {
    let (world, a) = try await kept()
    try await edit(a.store)
    try await a.sync()
    try await a.sync(.both, [.fullState, .confirmingDeletions])
    #expect(try a.store.read { try $0.query(Query("c")).map(\.key) } == ["4"])
    let b = try await world.device("b")
    try await b.sync()
    #expect(try b.store.get("c", "4") == ["n": 4])
    try await a.expectSound()
  }

  @Test func `is what it was changed to below a horizon too`() async throws {
    let (_, a) = try await kept()
    try await edit(a.store)
    try await a.sync()
    _ = try await a.store.journal.trim(keeping: .nothing, folder: RecordFolder())
    try expectEdited(a.store)
    #expect(try a.store.problems() == [])
  }

  @Test func `can be changed where the server has it beside what is asked for`() async throws {
    let world = try World()
    let a = try await world.device("a")
    let filter = try RemoteFilter("c", where: .compare(.init("open", .equal, true)))
    let b = try await PartialDevice("b", in: world, [filter])
    try await a.store.write { tx in
      for number in 1...5 { try tx.put("c", "\(number)", ["n": 1, "open": true]) }
    }
    try await a.sync()
    try await b.sync()
    try await a.store.write { tx in
      for number in 1...5 { try tx.update("c", "\(number)", set: ["open": false]) }
    }
    try await a.sync()
    try await b.sync(.both, [.fullState, .keepingRecords])
    #expect(try b.store.read { try $0.query(Query("c")).count } == 5)
    try await b.store.write { try $0.delete("c", "1") }
    try await b.store.write { try $0.update("c", "2", set: ["n": 2]) }
    for _ in 0..<2 {
      try await b.sync()
      #expect(try b.device.get("1") == nil)
      #expect(try b.device.get("2")?["n"] == 2)
    }
    try await b.device.expectSound()
    try await a.sync()
    #expect(try a.get("1") == nil && a.get("2") == ["n": 2, "open": false])
  }

  @Test func `is not one that was made anew where an older one was erased`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("r", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await a.delete("r")
    try await b.store.erase("c", "r", because: "asked to")
    try await b.put("r", ["n": 2])
    try await b.sync()
    try await a.sync(.both, [.fullState])
    #expect(try a.get("r") == ["n": 2])
    try await a.expectSound()
  }

  @Test func `is left alone by a server that has its collection no more`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("r", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await a.sync(.both, [.fullState])
    try await b.delete("r")
    try await b.sync()
    try await a.update("r", ["n": 2])
    try await a.sync(.pushOnly)
    // Another server has the collection now, and such a record.
    let plain = PlainServer(`A server of plain records`.puts)
    plain.write("c", "r", ["n": 1])
    let declaration = try RemoteDeclaration(
      name: "plain", kind: "rest", url: "https://plain.test/api", collections: ["c"],
      options: plain.settings.options)
    try await a.store.journal.declare(declaration)
    let other = try SyncEngine(
      journal: a.store.journal, remote: "plain",
      over: RESTServer(
        url: declaration.url, collections: ["c"], settings: RESTSettings(declaration.options),
        exchange: plain, authorization: { nil }))
    _ = try await other.sync(.pullOnly)
    try await a.sync()
    _ = try await other.sync()
    #expect(try a.get("r") == plain.fields("c", "r"))
    #expect(try a.store.problems() == [])
  }

  @Test func `is put where a server of plain records compares versions`() async throws {
    var settings = `A server of plain records`.puts
    settings.preconditions = .version
    let server = PlainServer(settings)
    server.state.withLock { $0.hasETags = true }
    let device = try await RecordDevice(server)
    for number in 0..<6 { server.write("c", "\(number)", ["n": 1]) }
    try await device.sync()
    server.state.withLock { $0.records["c"] = [:] }
    try await device.sync(.both, [.fullState, .keepingRecords])
    #expect(try device.keys.count == 6)
    try await device.store.write { try $0.put("c", "4", ["n": 4]) }
    try await device.sync()
    #expect(server.fields("c", "4") == ["n": 4])
    #expect(try device.counts.parked == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `can be changed where the server is a Kinto`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for number in 0..<6 { server.write("c", "\(number)", ["n": 1]) }
    try await device.sync()
    server.state.withLock { $0.records["c"] = [:] }
    try await device.sync(.both, [.fullState, .keepingRecords])
    #expect(try device.keys.count == 6)
    try await edit(device.store)
    for _ in 0..<3 {
      try expectEdited(device.store)
      try await device.sync()
    }
    #expect(try device.counts.pending == 0 && device.counts.accepted == 0)
    #expect(server.ids == ["4"])
    #expect(try device.store.problems() == [])
  }
}
