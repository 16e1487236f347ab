import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// What timestamp cursors get wrong, one by one: what our device makes of it, and our server where it is
/// the server's to get right.
@Suite struct `A feed that goes wrong` {
  func taken(_ feed: ScriptedFeed, in world: World) async throws -> Device {
    let device = try await world.device("device")
    try await Device(opened: device.store, feed).sync()
    return device
  }

  func keys(_ device: Device) throws -> Int {
    try device.store.read { try $0.query(Query("c")).count }
  }

  @Test(arguments: [(300, 1), (10_000, 250)])
  func `row 1: records of one stamp, a page ends between them`(count: Int, limit: Int) async throws
  {
    let changes = try (0..<count).map { try FeedChange.live("\($0)", at: 5, UInt64($0)) }
    let device = try await taken(ScriptedFeed(changes, by: limit), in: try World())
    #expect(try keys(device) == count)
    #expect(try device.store.problems() == [])
  }

  @Test func `row 1: records of one and the same version are told apart by their names`()
    async throws
  {
    let changes = try (0..<20).map { try FeedChange.live("\($0)", at: 5) }
    #expect(try keys(try await taken(ScriptedFeed(changes, by: 3), in: try World())) == 20)
  }

  @Test func `row 2: a page that begins with what the last one ended with`() async throws {
    var changes: [FeedChange] = []
    for number in 0..<20 {
      // Each page shows the last record of the one before it again.
      if number > 0, number % 3 == 0 { changes.append(try #require(changes.last)) }
      changes.append(try .live("\(number)", at: 5, UInt64(number)))
    }
    let device = try await taken(ScriptedFeed(changes, by: 4), in: try World())
    #expect(try keys(device) == 20)
    #expect(try device.count(.remoteChange) == 20)
  }

  @Test func `row 2: a page whose cursor repeats ends the sync with what was taken in`()
    async throws
  {
    let world = try World()
    let change = try FeedChange.live("1", at: 5)
    let page = FeedPage(
      epoch: "epoch", cursor: "same", through: change.version, hasMore: true, changes: [change])
    let feed = ScriptedFeed([page])
    feed.state.withLock { $0.places[Array("same".utf8)] = 0 }
    let device = try await world.device("device")
    do {
      try await Device(opened: device.store, feed).sync()
      Issue.record("a feed without an end was read to its end")
    } catch let error as TransportError { #expect(error.code == "protocol-violation") }
    #expect(try keys(device) == 1)
  }

  @Test func `row 3: a server whose clock goes back stamps later changes later all the same`()
    async throws
  {
    let world = try World()
    let device = try await world.device("device")
    try await device.put("1", [:])
    try await device.sync()
    let before = try #require(try device.cursor())
    world.server.close()
    var configuration = Journal.Configuration(now: { Timestamp(milliseconds: 1_000) })
    configuration.durability = .everyCommit
    let store = try Store.open(at: world.scratch("server"), configuration: configuration)
    try await store.write { try $0.put("c", "2", [:]) }
    try await store.write { try $0.update("c", "1", set: ["n": 1]) }
    store.close()
    let again = try World(reopened: world)
    let page = try await again.server.feed(after: before.cursor, limit: 10, device: nil)
    #expect(page.changes.count == 2)
    #expect(page.changes.allSatisfy { $0.version > before.through })
    try await device.now(again).sync()
    #expect(try keys(device) == 2)
    #expect(try device.get("1") == ["n": 1])
  }

  @Test func `row 4: a change that comes late with an earlier stamp`() async throws {
    let changes = try [
      FeedChange.live("1", at: 90), .live("2", at: 100), .live("late", at: 50),
      .live("2", at: 95, 0, ["old": true]),
    ]
    let device = try await taken(ScriptedFeed(changes, by: 2), in: try World())
    #expect(try keys(device) == 3)
    #expect(try device.get("2") == [:])
  }

  @Test func `row 4: a reader beside four writers misses nothing of our server`() async throws {
    let world = try World()
    var devices: [Device] = []
    for name in ["a", "b", "c", "d"] { devices.append(try await world.device(name)) }
    let reader = try await world.device("reader")
    let server = world.server
    let following = Task {
      var (seen, cursor) = (Set<String>(), String?.none)
      while seen.count < 80 {
        let page = try await server.feed(after: cursor, limit: 7, device: nil)
        seen.formUnion(page.changes.map(\.key))
        cursor = page.cursor
        await Task.yield()
      }
      return seen.count
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (number, device) in devices.enumerated() {
        group.addTask {
          for turn in 0..<20 {
            try await device.put("\(number)-\(turn)", [:])
            try await device.sync(.pushOnly)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await following.value == 80)
    try await reader.sync()
    #expect(try keys(reader) == 80)
  }

  @Test func `row 5: what is written between two pages is behind the first one's cursor`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", [:])
    try await a.sync()
    let first = try await world.server.feed(after: nil, limit: 10, device: nil)
    try await a.put("2", [:])
    try await a.sync()
    let second = try await world.server.feed(after: first.cursor, limit: 10, device: nil)
    #expect(second.changes.map(\.key) == ["2"])
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test func `row 6: changes while the feed is read in pages`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<10 { try await a.put("\(number)", ["n": 0]) }
    try await a.sync()
    for _ in 0..<8 {
      let cut = CutRemote(world.remote, after: 3, isCarriedOut: true)
      do { try await Device(opened: b.store, cut, pageLimit: 2).sync() } catch is TransportError {}
      try await a.update("9", ["n": 1])
      try await a.delete("0")
      try await a.put("0", ["n": 2])
      try await a.sync()
    }
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `row 7: of a page that cannot be taken in whole, nothing is, nor its cursor`()
    async throws
  {
    let world = try World()
    let good = try FeedChange.live("good", at: 5)
    var bad = try FeedChange.live("bad", at: 6)
    bad.key = String(repeating: "x", count: 200)
    let feed = ScriptedFeed([good, bad], by: 2)
    let device = try await world.device("device")
    await #expect(throws: TransportError.self) {
      try await Device(opened: device.store, feed).sync()
    }
    #expect(try device.cursor() == nil)
    #expect(try keys(device) == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `row 8: a page that is read again adds nothing`() async throws {
    let world = try World()
    let changes = try (0..<6).map { try FeedChange.live("\($0)", at: 5, UInt64($0)) }
    let feed = ScriptedFeed(changes, by: 2)
    let device = try await taken(feed, in: world)
    let entries = try device.count(.remoteChange)
    // The server starts over, as one whose answers were never booked.
    feed.state.withLock { $0.detours[Array("page 2".utf8)] = 0 }
    try await Device(opened: device.store, feed).sync()
    #expect(try device.count(.remoteChange) == entries)
    #expect(try keys(device) == 6)
  }

  @Test func `row 9: a device that was away while deletions were forgotten`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<6 { try await a.put("\(number)", ["n": 0]) }
    try await world.settle([a, b])
    try await a.store.erase("c", "0", because: "asked to")
    try await a.delete("1")
    try await a.sync()
    try await b.update("2", ["mine": true])
    let trimmed = try await world.trimmed()
    try await b.now(trimmed).sync()
    try await a.now(trimmed).sync()
    #expect(try b.beginnings() == ["resync-required"])
    #expect(try keys(b) == 4)
    #expect(try b.get("2") == ["n": 0, "mine": true])
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test func `row 10: a server from a backup, and another one in its place`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 0])
    try await a.sync()
    try world.backUp()
    try await a.put("2", ["n": 0])
    try await a.sync()
    let restored = try world.restored()
    try await a.now(restored).sync()
    #expect(try a.beginnings() == ["went-back"])
    #expect(try keys(a) == 2)
    let replaced = try restored.replaced()
    try await a.put("3", ["n": 0])
    try await a.now(replaced).sync()
    #expect(try a.beginnings() == ["went-back", "epoch-changed"])
    let c = try await replaced.device("c")
    try await c.sync()
    #expect(try a.store.picture() == c.store.picture())
  }

  @Test func `row 10: another server that has grown past the cursor`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 0])
    try await a.sync()
    let replaced = try world.replaced()
    let c = try await replaced.device("c")
    for number in 0..<20 { try await c.put("c\(number)", ["n": 0]) }
    try await c.sync()
    let report = try await a.now(replaced).sync(.both, [.confirmingDeletions])
    #expect(try a.beginnings() == ["epoch-changed"])
    #expect(report.pulled >= 20)
    try await c.sync()
    #expect(try a.store.picture() == c.store.picture())
  }
}
