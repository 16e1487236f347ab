import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `The full state of our server` {
  /// Reads a full state from a server to its end, with something done between the pages.
  private func read(
    _ world: World, by limit: Int, between: (Int) async throws -> Void
  ) async throws -> (changes: [FeedChange], end: FeedPage) {
    var changes: [FeedChange] = []
    var page = try await world.server.feed(after: nil, limit: limit, device: nil)
    var count = 0
    while page.through == ServerVersion(timestamp: 0, tieBreak: 0) {
      changes += page.changes
      count += 1
      try await between(count)
      page = try await world.server.feed(after: page.cursor, limit: limit, device: nil)
    }
    return (changes + page.changes, page)
  }

  @Test func `shows each record once, as it is now`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<30 { try await a.put("\(number % 10)", ["n": .integer(Int64(number))]) }
    try await a.delete("3")
    try await a.sync()
    let report = try await b.sync()
    #expect(report.pulled == 10 && report.conflicts == 0)
    #expect(try b.count(.remoteChange) == 10)
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `a device knows its own edits in it`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<10 { try await a.put("\(number)", [:]) }
    let report = try await a.sync()
    #expect(report.accepted == 10 && report.pulled == 0 && report.conflicts == 0)
    try await a.expectSound()
  }

  @Test(arguments: [1, 2, 3])
  func `is that of one moment though records change between its pages`(limit: Int) async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<8 { try await a.put("\(number)", ["n": 0]) }
    try await a.update("7", ["m": 0])
    try await a.sync()
    let (changes, end) = try await read(world, by: limit) { turn in
      try await a.update("7", ["n": .integer(Int64(turn))])
      try await a.update("0", ["n": .integer(Int64(turn))])
      if turn == 1 { try await a.delete("6") }
      try await a.put("new\(turn)", [:])
      try await a.sync()
    }
    #expect(changes.map(\.key) == (0..<8).map { "\($0)" })
    let zero = try FeedChange.live("", at: 1, 0, ["n": 0]).state
    for change in changes where change.key != "7" { #expect(change.state == zero) }
    #expect(changes.last?.state == (try FeedChange.live("", at: 1, 0, ["n": 0, "m": 0]).state))
    #expect(changes.allSatisfy { $0.version <= end.through })
    #expect(end.hasMore)
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test(arguments: [false, true])
  func `is gone on with where it was cut, also by a server that was started again`(
    isCarriedOut: Bool
  ) async throws {
    var world = try World()
    let a = try await world.device("a")
    for number in 0..<9 { try await a.put("\(number)", ["n": 0]) }
    try await a.sync()
    let b = try await world.device("b")
    try await b.sync(.pushOnly)
    var (cuts, taken) = (0, 0)
    for requests in 2..<30 {
      let cut = CutRemote(world.remote, after: 2 + requests % 2, isCarriedOut: isCarriedOut)
      let device = Device(opened: b.store, cut, pageLimit: 2)
      let before = try b.count(.remoteChange)
      do { try await device.sync(.pullOnly) } catch is TransportError { cuts += 1 }
      taken += try b.count(.remoteChange) - before
      if !cut.wasCut { break }
      try await a.put("0", ["n": .integer(Int64(requests))])
      try await a.now(world).sync()
      world = try World(reopened: world)
    }
    #expect(cuts > 2)
    #expect(try b.beginnings() == [])
    try await b.now(world).sync()
    #expect(try a.store.picture() == b.store.picture())
    // Each of the nine once, and what followed of one of them.
    #expect(taken <= 9 + cuts)
    try await b.expectSound()
  }

  @Test func `that was trimmed meanwhile is read anew`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<9 { try await a.put("\(number)", ["n": 0]) }
    try await a.sync()
    let b = try await world.device("b")
    let cut = Device(
      opened: b.store, CutRemote(world.remote, after: 4, isCarriedOut: false), pageLimit: 2)
    await #expect(throws: TransportError.self) { try await cut.sync() }
    #expect(try b.count(.remoteChange) > 0)
    // What was shown is erased, and the erasure trimmed: nothing is left that could be shown.
    try await a.store.erase("c", "0", because: "asked to")
    try await a.put("1", ["n": 1])
    try await a.sync()
    try await a.sync()
    let trimmed = try await world.trimmed()
    let b2 = b.now(trimmed)
    try await b2.sync()
    #expect(try b2.beginnings() == ["resync-required"])
    #expect(try a.store.picture() == b2.store.picture())
    try await b2.expectSound()
  }

  @Test func `that a restored server does not know is read anew`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<9 { try await a.put("\(number)", ["n": 0]) }
    try await a.sync()
    try world.backUp()
    try await a.put("lost", ["n": 1])
    try await a.sync()
    let b = try await world.device("b")
    let cut = Device(
      opened: b.store, CutRemote(world.remote, after: 4, isCarriedOut: false), pageLimit: 2)
    await #expect(throws: TransportError.self) { try await cut.sync() }
    let restored = try world.restored()
    for _ in 0..<2 { for device in [b, a] { try await device.now(restored).sync() } }
    #expect(try a.get("lost") == ["n": 1])
    #expect(try a.store.picture() == b.store.picture())
    for device in [a, b] { try await device.expectSound() }
  }

  @Test func `names what was erased, so that a device that still has it erases it`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    for number in 0..<5 { try await a.put("\(number)", ["n": 0]) }
    try await world.settle([a, b])
    try await a.store.erase("c", "secret", because: "asked to")
    try await a.sync()
    let b2 = b.now(world, pageLimit: 2)
    let report = try await b2.sync(.pullOnly, [.fullState])
    #expect(report.vanished == 0)
    let held = try b.store.journal.read { reader in
      var held = 0
      try reader.scanEntries(from: 1) { entry in
        if entry.encoding == StoredEntry.erasedEncoding { held += 1 }
        return true
      }
      return held
    }
    #expect(held == 1)
    #expect(try b.store.picture() == a.store.picture())
    try await b.expectSound()
  }

  @Test func `is told how far it has come`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for number in 0..<10 { try await a.put("\(number)", ["n": 0]) }
    let seen = Mutex<[SyncProgress]>([])
    _ = try await SyncEngine(
      journal: a.store.journal, remote: "server", over: world.remote,
      onProgress: { progress in seen.withLock { $0.append(progress) } }
    ).sync(.pushOnly)
    #expect(seen.withLock { $0 } == [SyncProgress(phase: .pushing, done: 10, remaining: 0)])
    seen.withLock { $0 = [] }
    let b = try await world.device("b")
    _ = try await SyncEngine(
      journal: b.store.journal, remote: "server", over: world.remote, pageLimit: 4,
      onProgress: { progress in seen.withLock { $0.append(progress) } }
    ).sync()
    let states = seen.withLock { $0 }.filter { $0.phase == .fullState }
    #expect(states.map(\.done) == [4, 8])
    #expect(states.allSatisfy { $0.total == 10 })
    #expect(seen.withLock { $0 }.last?.remaining == 0)
  }
}
