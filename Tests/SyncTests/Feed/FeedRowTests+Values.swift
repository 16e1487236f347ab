import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// The rows behind the tenth: what the feed says of rights, own edits, numbers and cursors.
extension `A feed that goes wrong` {
  @Test func `row 11: what may not be seen any more goes, and comes back whole`() async throws {
    let world = try World()
    let feed = ScriptedFeed(
      try [
        .live("1", at: 5, 0, ["n": 1]), .live("2", at: 6, 0, ["n": 1]), .deleted("1", at: 7),
      ], by: 3)
    let device = try await taken(feed, in: world)
    #expect(try keys(device) == 1)
    let granted = ScriptedFeed(
      try [
        .live("1", at: 5, 0, ["n": 1]), .deleted("1", at: 7),
        .live("1", at: 8, 0, ["n": 2, "m": 2]),
      ], by: 1)
    try await Device(opened: device.store, granted).sync(.both, [.fullState, .keepingRecords])
    #expect(try device.get("1") == ["n": 2, "m": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `row 12: own changes that come back are no changes`() async throws {
    let world = try World()
    let a = try await world.device("a")
    for turn in 0..<3 {
      try await a.put("1", ["n": .integer(Int64(turn))])
      let report = try await a.sync()
      #expect(report.pulled == 0 && report.conflicts == 0)
      #expect(try a.counts().accepted == 0)
    }
    try await a.expectSound()
  }

  @Test func `row 13: a push whose answer was lost is one push`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    try await a.sync()
    #expect(try a.pending == 0)
    #expect(Set(world.remote.segments).count == 1 && world.remote.segments.count == 2)
    #expect(try world.serverEdits().count == 1)
  }

  @Test func `row 14: an edit made while another is on its way is not acknowledged with it`()
    async throws
  {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    let slow = MeanwhileRemote(world.remote) { try await a.update("1", ["n": 2]) }
    try await Device(opened: a.store, slow).sync(.pushOnly)
    // The next segment of the same push has it.
    #expect(try a.pending == 0)
    #expect(world.remote.segments.count == 2)
    try await a.sync()
    #expect(try a.get("1") == ["n": 2])
    try await a.expectSound()
    #expect(try world.serverEdits().count == 2)
  }

  @Test func `row 15: stamps above 2 to the power of 53 keep their last digit`() async throws {
    let high: UInt64 = 1 << 53
    let changes = try [
      FeedChange.live("1", at: high + 1, high + 1, ["n": 1]),
      .live("1", at: high + 1, high + 2, ["n": 2]), .live("1", at: high + 2, 0, ["n": 3]),
      .live("1", at: high + 1, high + 3, ["n": 4]),
    ]
    let device = try await taken(ScriptedFeed(changes, by: 1), in: try World())
    #expect(try device.get("1") == ["n": 3])
    #expect(try device.count(.remoteChange) == 3)
    #expect(try device.cursor()?.through == ServerVersion(timestamp: high + 2, tieBreak: 0))
  }

  @Test func `row 16: a stamp with a leap second, and in other time zones`() async throws {
    #expect(Timestamp("2016-12-31T23:59:60Z")?.milliseconds == 1_483_228_799_999)
    #expect(Timestamp("2017-01-01T01:00:00+01:00") == Timestamp("2017-01-01T00:00:00Z"))
    // Our own feed carries milliseconds, as numbers.
    let leap: UInt64 = 1_483_228_800_000
    let device = try await taken(
      ScriptedFeed(try [.live("1", at: leap)], by: 1), in: try World())
    #expect(try device.cursor()?.through.timestamp == leap)
  }

  @Test func `row 17: a cursor is given back byte for byte, whatever it says`() async throws {
    let texts = [
      "e\u{301}", "\u{E9}", "{\"a\": 1}", "a b+c%20&d=é#?", "007", "\u{0}\u{7F}",
      String(repeating: "x", count: 4_096),
    ]
    let changes = try (0..<texts.count).map { try FeedChange.live("\($0)", at: 5, UInt64($0)) }
    let feed = ScriptedFeed(changes, by: 1) { texts[$0] }
    let device = try await taken(feed, in: try World())
    let asked = feed.state.withLock { $0.asked }.compactMap { $0 }
    let isSame = asked.map { Array($0.utf8) } == texts.map { Array($0.utf8) }
    #expect(isSame)
    #expect(try keys(device) == texts.count)
  }

  @Test func `row 18: a server of stamps alone is asked a while back, and shows what came late`()
    async throws
  {
    let server = PlainServer()
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    // Committed after the device looked, stamped before.
    server.state.withLock { state in
      state.records["c", default: [:]]["late"] = PlainServer.Record(
        fields: ["n": 2], stamp: state.clock - 5)
    }
    try await device.sync()
    #expect(try device.get("late") == ["n": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `a change of an unknown kind stops the feed with a typed error`() throws {
    var writer = CBORWriter()
    writer.map(count: 5)
    writer.unsigned(1)
    writer.text("epoch")
    writer.unsigned(2)
    writer.text("cursor")
    writer.unsigned(3)
    writer.version(ServerVersion(timestamp: 1, tieBreak: 1))
    writer.unsigned(4)
    writer.bool(false)
    writer.unsigned(5)
    writer.array(count: 1)
    var body = BodyBuilder()
    body.add(.collection, text: "c")
    body.add(.key, text: "1")
    body.add(.version, version: ServerVersion(timestamp: 1, tieBreak: 1))
    body.add(.born, version: ServerVersion(timestamp: 1, tieBreak: 1))
    body.add(.state, unsigned: 4)
    writer.raw(body.finish())
    do {
      _ = try writer.bytes.withUnsafeBytes { try FeedCodec.decode($0) }
      Issue.record("a change in a state nobody knows was read")
    } catch let error as JournalError { #expect(error.code == "unsupported") }
  }
}

/// A server while whose first answer is on its way something happens here.
private struct MeanwhileRemote: Remote {
  let inner: Loopback
  let meanwhile: @Sendable () async throws -> Void
  private let happened = Happened()

  private final class Happened: Sendable {
    private let flag = Mutex(false)

    func first() -> Bool {
      flag.withLock { flag in
        defer { flag = true }
        return !flag
      }
    }
  }

  init(_ inner: Loopback, _ meanwhile: @escaping @Sendable () async throws -> Void) {
    self.inner = inner
    self.meanwhile = meanwhile
  }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer {
    let answer = try await inner.push(push)
    if happened.first() { try await meanwhile() }
    return answer
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
}
