import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A full state` {
  /// A server with `count` records that has lost them, and the device that knows them.
  private func emptied(_ count: Int) async throws -> (World, Device) {
    let world = try World()
    let a = try await world.device("a")
    try await a.store.write { tx in
      for number in 0..<count { try tx.put("c", "\(number)", ["n": 1]) }
    }
    try await a.sync()
    return (try world.replaced(), a)
  }

  /// A server that shows no record under these keys, as one that lost them without a trace.
  private func hiding(_ keys: Set<String>, _ world: World) -> AlteredRemote {
    AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes.removeAll { keys.contains($0.key) }
        return page
      })
  }

  @Test
  func
    `S-BR-10: an authoritative pull leaves what the server has, a never-pushed create and a pending edit survive`()
    async throws
  {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("Guy", ["age": 30])
    try await a.put("Thomas", ["age": 26])
    try await a.sync()
    let remote = hiding(["Guy"], world)
    let cache = Device(opened: a.store, remote)
    try await cache.sync()
    #expect(try cache.get("Guy") == ["age": 30])
    try await cache.sync(.both, [.fullState])
    #expect(try cache.store.picture() == "c/Thomas {\"age\":26}\n")
    #expect(try cache.beginnings() == ["asked"])
    try await cache.expectSound()
    // The variation: a read alone, beside what was never sent.
    try await cache.put("Anna", ["age": 7])
    try await cache.update("Thomas", ["age": 27])
    let report = try await cache.sync(.pullOnly, [.fullState])
    #expect(report.pending == 2 && report.conflicts == 0)
    #expect(
      try cache.store.picture() == "c/Anna {\"age\":7}\nc/Thomas {\"age\":27}\n")
    #expect(try cache.store.problems() == [])
    try await cache.sync()
    #expect(
      try cache.store.picture() == "c/Anna {\"age\":7}\nc/Thomas {\"age\":27}\n")
    try await cache.expectSound()
  }

  @Test func `a server that was replaced (new epoch)`() async throws {
    let (world, a) = try await emptied(3)
    try await a.put("mine", ["n": 2])
    try await a.put("1", ["n": 2])
    try await a.update("2", ["n": 2])
    let b = try await world.device("b")
    try await b.put("theirs", ["n": 3])
    try await b.sync()
    let a2 = a.now(world)
    let report = try await a2.sync()
    #expect(report.vanished == 2)
    #expect(try a2.beginnings() == ["epoch-changed"])
    #expect(
      try a2.store.picture() == "c/1 {\"n\":2}\nc/mine {\"n\":2}\nc/theirs {\"n\":3}\n")
    try await b.sync()
    #expect(try a2.store.picture() == b.store.picture())
    for device in [a2, b] { try await device.expectSound() }
    // What an update lost with its record stands in the record's history.
    let lost = try a2.store.read { try $0.history("c", "2") }.contains { entry in
      try entry.body.withUnsafeBytes { try Body($0).raw(.lost) != nil }
    }
    #expect(lost)
  }

  @Test func `a server that was replaced is found out by its cursor too`() async throws {
    let (world, a) = try await emptied(3)
    let old = try #require(try a.cursor()?.epoch)
    let shy = AlteredRemote(
      world.remote,
      info: { [calls = Calls()] info in
        calls.next() == 1 ? RemoteInfo(epoch: old, acknowledgedSize: 1_000_000) : info
      })
    let a2 = Device(opened: a.store, shy)
    try await a2.put("mine", ["n": 2])
    try await a2.sync()
    #expect(try a2.store.picture() == "c/mine {\"n\":2}\n")
    try await a2.expectSound()
  }

  @Test func `a server that trimmed past this device: records deleted meanwhile are gone`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<8 { try await a.put("\(number)", ["n": 1]) }
    try await world.settle([a, b])
    // Erased, a record leaves nothing on the server that a full state could show.
    for number in 0..<3 { try await a.store.erase("c", "\(number)", because: "asked to") }
    try await a.delete("3")
    try await a.sync()
    try await b.update("5", ["mine": true])
    try await b.sync(.pushOnly)
    #expect(try b.counts().accepted == 1)
    let trimmed = try await world.trimmed()
    let b2 = b.now(trimmed, pageLimit: 3)
    let report = try await b2.sync()
    #expect(report.vanished == 3)
    #expect(try b2.beginnings() == ["resync-required"])
    #expect(try b2.store.read { try $0.query(Query("c")).count } == 4)
    #expect(try b2.get("5") == ["n": 1, "mine": true])
    try await b2.expectSound()
    let a2 = a.now(trimmed)
    try await a2.sync()
    #expect(try a2.store.picture() == b2.store.picture())
  }

  @Test func `a pending edit of a record that is gone meets the usual conflict`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.put("2", ["n": 1])
    try await a.sync()
    let cache = Device(opened: a.store, hiding(["1", "2"], world))
    try await cache.update("1", ["n": 2])
    try await cache.put("2", ["n": 2])
    let report = try await cache.sync(.pullOnly, [.fullState])
    #expect(report.conflicts == 2 && report.vanished == 2)
    #expect(try cache.get("1") == nil)
    #expect(try cache.get("2") == ["n": 2])
    #expect(try cache.pending == 2)
    #expect(try cache.store.problems() == [])
  }

  @Test func `mass deletion is refused, then confirmed`() async throws {
    let (world, a) = try await emptied(30)
    let a2 = a.now(world)
    for _ in 0..<2 {
      do {
        try await a2.sync()
        Issue.record("30 of 30 records went without a word")
      } catch let error as TransportError {
        #expect(error.code == "mass-deletion")
        #expect(error.description.contains("30 of the 30"))
      }
      #expect(try a2.store.read { try $0.query(Query("c")).count } == 30)
      #expect(try a2.store.problems() == [])
    }
    try await a2.put("meanwhile", ["n": 1])
    let report = try await a2.sync(.both, [.confirmingDeletions])
    #expect(report.vanished == 30)
    #expect(try a2.store.picture() == "c/meanwhile {\"n\":1}\n")
    try await a2.expectSound()
    let confirmed = try a2.store.journal.read { reader in
      var confirmed = 0
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .cursor else { return true }
        if try entry.plainBody.withUnsafeBytes({ try Body($0).bool(.confirmed) }) { confirmed += 1 }
        return true
      }
      return confirmed
    }
    #expect(confirmed == 1)
  }

  @Test func `twenty records may go, more while less than half of them do`() async throws {
    let (small, a) = try await emptied(20)
    #expect(try await a.now(small).sync().vanished == 20)
    let world = try World()
    let b = try await world.device("b")
    try await b.store.write { tx in
      for number in 0..<60 { try tx.put("c", "\(number)", [:]) }
    }
    try await b.sync()
    let cache = Device(opened: b.store, hiding(Set((0..<30).map { "\($0)" }), world))
    #expect(try await cache.sync(.both, [.fullState]).vanished == 30)
    try await cache.expectSound()
  }

  @Test func `a kill between the deletions and the closing cursor is gone on from`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<9 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    let hidden: Set<String> = ["1", "4", "7"]
    let remote = hiding(hidden, world)
    let journal = a.store.journal
    let epoch = try #require(try a.cursor()?.epoch)
    let size = try #require(try journal.read { try $0.witnessedSize(of: "server") })
    let beginning = GenerationBeginning(
      remote: "server", reason: .asked, epoch: epoch, acknowledgedSize: size)
    try await journal.transact { try beginning.append($0) }
    let page = try await remote.changes(after: nil, limit: 100, device: journal.device)
    let intake = Intake(remote: "server", epoch: epoch)
    _ = try await journal.transact { try intake.append(page, $0) }
    let state = try #require(
      try journal.read { try FullState($0, remote: "server", TakenRecords()) })
    let gone = try journal.read { try state.unshown($0, journal.folder, from: []) }
    #expect(gone.count == 3)
    _ = try await journal.transact { context in
      try FullState.append(Array(gone.prefix(2)), with: intake, context)
    }
    #expect(try a.store.problems() == [])
    let cache = Device(opened: a.store, remote)
    #expect(try await cache.sync().vanished == 1)
    #expect(try cache.store.read { try $0.query(Query("c")).count } == 6)
    #expect(try cache.beginnings() == ["asked"])
    try await cache.expectSound()
  }

  @Test func `leaves alone what another remote or nobody owns`() async throws {
    let world = try World()
    let store = try Store.create(at: world.scratch("a"), label: "a")
    let journal = store.journal
    for (name, collections) in [("server", ["c"]), ("other", ["d"])] {
      try await journal.declare(
        RemoteDeclaration(
          name: name, kind: "journal", url: "http://localhost", collections: collections))
    }
    try await store.declareLocalOnly("local")
    try await store.write { tx in
      for collection in ["c", "d", "local"] { try tx.put(collection, "1", ["n": 1]) }
    }
    let other = Loopback(try AccountJournal(directory: world.scratch("other")))
    _ = try await SyncEngine(journal: journal, remote: "other", over: other).sync()
    _ = try await SyncEngine(journal: journal, remote: "server", over: world.remote).sync()
    let engine = SyncEngine(journal: journal, remote: "server", over: hiding(["1"], world))
    #expect(try await engine.sync(.both, [.fullState]).vanished == 1)
    #expect(try store.picture() == "d/1 {\"n\":1}\nlocal/1 {\"n\":1}\n")
    #expect(try store.problems() == [])
  }

  @Test func `that is asked for while a sync runs is read behind it`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    let engine = SyncEngine(journal: a.store.journal, remote: "server", over: world.remote)
    async let one = engine.sync()
    async let two = engine.sync(.both, [.fullState])
    _ = try await [one, two]
    #expect(try a.beginnings() == ["asked"])
    await #expect(throws: TransportError.self) { try await engine.sync(.pushOnly, [.fullState]) }
  }
}

/// Counts calls from any thread.
private final class Calls: Sendable {
  private let count = Mutex(0)

  func next() -> Int {
    count.withLock { count in
      count += 1
      return count
    }
  }
}
