import Foundation
import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `Two devices` {
  @Test func `end with the same records, each edit once on the server`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["x": 1])
    try await a.update("1", ["y": 2])
    try await b.put("2", ["x": 3])
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == "c/1 {\"x\":1,\"y\":2}\nc/2 {\"x\":3}\n")
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.store.problems() == [])
    #expect(try b.store.problems() == [])
    #expect(try a.pending == 0)
    let edits = try world.serverEdits()
    #expect(edits.count == 3 && Set(edits).count == 3)
  }

  @Test func `keep what a server took though another one has the collection by now`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.sync(.pushOnly)
    try await a.store.journal.declare(
      RemoteDeclaration(
        name: "other", kind: "journal", url: "http://localhost", collections: ["c"]))
    try await a.sync()
    #expect(try a.get("1") == ["n": 1])
    #expect(try a.counts().accepted == 0)
  }

  @Test func `keep both sides' fields, the later delivery wins the same field`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["title": "old", "n": 1])
    try await a.sync()
    try await b.sync()
    try await a.update("1", ["title": "from a", "a": true])
    try await b.update("1", ["title": "from b", "b": true])
    try await a.sync()
    let report = try await b.sync()
    #expect(report.conflicts == 1)
    // The overlay wins while it is pending, and on the server because it arrives later.
    #expect(try b.get("1") == ["title": "from b", "n": 1, "a": true, "b": true])
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    let conflict = try #require(
      try b.store.read { try $0.history("c", "1") }
        .first { $0.header.kind == .conflict })
    try conflict.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      #expect(try Snapshot.decode([UInt8](#require(body.raw(.mine)))) == ["title": "from b"])
      #expect(try Snapshot.decode([UInt8](#require(body.raw(.theirs)))) == ["title": "from a"])
    }
  }

  @Test func `agree on a deletion, and keep what an update of it lost`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await a.delete("1")
    try await b.update("1", ["note": "precious"])
    try await a.sync()
    try await b.sync()
    #expect(try b.get("1") == nil)
    #expect(try b.pending == 0)
    #expect(try b.store.journal.read { try $0.counts() }.accepted == 0)
    let lost = try b.store.read { try $0.history("c", "1") }.compactMap { entry in
      try entry.body.withUnsafeBytes { try Body($0).raw(.lost).map { [UInt8]($0) } }
    }
    #expect(try lost.map { try Snapshot.decode($0) } == [["note": "precious"]])
    #expect(try b.store.problems() == [])
  }

  @Test func `converge from random edits and syncs, and a third one too`() async throws {
    for seed in [1, 2, 3] as [UInt64] {
      var random = SeededRandom(seed: seed)
      let world = try World()
      let devices = [try await world.device("a"), try await world.device("b")]
      for _ in 0..<120 {
        let device = try #require(devices.randomElement(using: &random))
        let key = "\(Int.random(in: 0..<8, using: &random))"
        let number = Value.integer(Int64.random(in: 0..<1_000, using: &random))
        let exists = try device.get(key) != nil
        switch Int.random(in: 0..<6, using: &random) {
        case 0: try await device.sync()
        case 1 where exists: try await device.delete(key)
        case 2 where exists: try await device.update(key, ["b": number])
        case 3:
          world.remote.failNext([.lost, .answerLost].randomElement(using: &random) ?? .lost)
          _ = try? await device.sync()
          world.remote.failNext()
        default: try await device.put(key, ["a": number])
        }
      }
      for device in devices + devices { try await device.sync() }
      let third = try await world.device("c")
      try await third.sync()
      for device in devices {
        #expect(try device.store.picture() == third.store.picture(), "seed \(seed)")
        #expect(try device.pending == 0, "seed \(seed)")
        #expect(try device.store.problems() == [], "seed \(seed)")
      }
      let edits = try world.serverEdits()
      #expect(Set(edits).count == edits.count, "seed \(seed)")
    }
  }
}

@Suite struct `A sync` {
  @Test func `sends the same bytes again after a lost answer, and nothing is doubled`() async throws
  {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    #expect(try a.store.journal.read { try $0.counts() }.inFlight == 1)
    // An edit made meanwhile is not part of the sealed segment.
    try await a.update("1", ["n": 2])
    try await a.sync()
    #expect(world.remote.segments.count == 3)
    #expect(world.remote.segments[0] == world.remote.segments[1])
    #expect(try a.pending == 0)
    #expect(try world.serverEdits().count == 2)
    #expect(try a.store.problems() == [])
  }

  @Test func `that finds nothing new appends nothing`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.sync()
    let last = try a.store.journal.lastSequence
    for _ in 0..<3 { try await a.sync() }
    #expect(try a.store.journal.lastSequence == last)
  }

  @Test func `takes a page in once, however often it comes`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<20 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    let page = try await world.server.feed(after: nil, limit: 100, device: nil)
    let intake = Intake(remote: "server", epoch: page.epoch)
    for _ in 0..<3 { _ = try await b.store.journal.transact { try intake.append(page, $0) } }
    #expect(try b.count(.remoteChange) == 20)
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test(arguments: [1, 2, 7, 1_000])
  func `reads the feed in pages of any size`(limit: Int) async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<30 { try await a.put("\(number % 10)", ["n": .integer(Int64(number))]) }
    try await a.store.write { tx in
      for number in 0..<5 { try tx.put("c", "group\(number)", [:]) }
    }
    try await a.sync()
    let b = try await world.device("b")
    b.store.close()
    let paged = Device(
      opened: try Store.open(at: world.scratch("b")), world.remote, pageLimit: limit)
    try await paged.sync()
    #expect(try a.store.picture() == paged.store.picture())
    #expect(try paged.store.problems() == [])
  }

  @Test func `goes on after the device and the server were compacted`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<30 { try await a.put("\(number % 10)", ["n": .integer(Int64(number))]) }
    try await a.sync()
    try await b.sync()
    let before = try a.store.picture()
    #expect(try await a.store.compact().trimmed > 30)
    #expect(try a.store.picture() == before)
    try await a.update("3", ["later": true])
    try await b.update("3", ["also": true])
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.store.problems() == [])
    world.server.close()
    let serverStore = try Store.open(at: world.scratch("server"))
    let bound = try serverStore.journal.read { try PeerRow.lowestCursor($0) }
    let report = try await serverStore.journal.trim(
      keeping: .nothing, bound: bound, folder: RecordFolder())
    #expect(report.trimmed > 30)
    #expect(try serverStore.problems() == [])
    serverStore.close()
    let again = Loopback(try AccountJournal(directory: world.scratch("server")))
    let c = try await Device(Store.create(at: world.scratch("c"), label: "c"), again)
    try await c.sync()
    #expect(try c.store.picture() == b.store.picture())
    b.store.close()
    let reopened = Device(opened: try Store.open(at: world.scratch("b")), again)
    try await reopened.update("4", ["n": 4])
    try await reopened.sync()
    try await c.sync()
    #expect(try c.store.picture() == reopened.store.picture())
  }

  @Test func `reads the full state again where the server trimmed past the device`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<12 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    try await b.sync()
    for number in 0..<6 { try await a.update("\(number)", ["n": 2]) }
    for number in 6..<9 { try await a.delete("\(number)") }
    try await a.put("new", ["n": 3])
    try await b.update("0", ["mine": true])
    try await a.sync()
    world.server.close()
    let serverStore = try Store.open(at: world.scratch("server"))
    // As an operator would who does not wait for every device.
    _ = try await serverStore.journal.trim(keeping: .nothing, folder: RecordFolder())
    serverStore.close()
    let again = Loopback(try AccountJournal(directory: world.scratch("server")))
    b.store.close()
    let reopened = Device(
      opened: try Store.open(at: world.scratch("b")), again, pageLimit: 3)
    let before = try reopened.count(.remoteChange)
    try await reopened.sync()
    #expect(try reopened.get("0") == ["n": 2, "mine": true])
    #expect(try reopened.get("7") == nil)
    #expect(try reopened.get("new") == ["n": 3])
    // Each of the 13 records once; of one of them the own edit is a part.
    #expect(try reopened.count(.remoteChange) - before == 13)
    #expect(try reopened.count(.conflict) == 0)
    #expect(try reopened.pending == 0)
    #expect(try reopened.store.problems() == [])
    try await reopened.sync()
    #expect(try reopened.store.journal.read { try $0.counts() }.accepted == 0)
  }

  @Test func `of a copied journal carries on as a new device`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.sync()
    a.store.close()
    try FileManager.default.copyItem(
      atPath: world.scratch("a"), toPath: world.scratch("copy"))
    let original = try world.open("a")
    let copy = try world.open("copy")
    try await original.update("1", ["from": "original"])
    try await copy.update("1", ["copied": true])
    try await original.sync()
    try await copy.sync()
    try await original.sync()
    #expect(try copy.count(.deviceChanged) == 1)
    #expect(try original.count(.deviceChanged) == 0)
    #expect(try original.get("1") == ["n": 1, "from": "original", "copied": true])
    #expect(try original.store.picture() == copy.store.picture())
    #expect(try copy.store.journal.device != original.store.journal.device)
    for device in [original, copy] { #expect(try device.store.problems() == []) }
    try await copy.update("1", ["more": 1])
    try await copy.sync()
    #expect(try copy.pending == 0)
  }

  @Test func `of two callers is one`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    let engine = SyncEngine(journal: a.store.journal, remote: "server", over: world.remote)
    async let one = engine.sync()
    async let two = engine.sync()
    let reports = try await [one, two]
    #expect(reports[0] == reports[1] || reports.map(\.pushed).sorted() == [0, 1])
    #expect(world.remote.segments.count == 1)
  }
}
