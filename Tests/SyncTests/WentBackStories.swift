import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A server that went back` {
  /// Two devices, a backup, and what both did with the server since.
  private func afterBackup() async throws -> (World, Device, Device) {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 1...6 { try await a.put("\(number)", ["n": 1]) }
    try await world.settle([a, b])
    try world.backUp()
    try await a.put("new", ["by": "a"])
    try await a.update("new", ["more": true])
    try await a.update("1", ["n": 2])
    try await a.sync()
    try await b.sync()
    try await b.update("1", ["seen": true])
    try await b.delete("2")
    try await b.store.write { tx in
      try tx.put("c", "g1", ["group": 1])
      try tx.update("c", "3", set: ["group": 1])
    }
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    return (world, a, b)
  }

  /// A device with two edits the server has, and a backup of it without the second, of a record of its own.
  private func backedUpBefore(_ key: String) async throws -> (World, Device) {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    try await device.sync()
    try world.backUp()
    try await device.put(key, ["n": 2])
    try await device.sync()
    return (world, device)
  }

  @Test func `a server restored from a backup gets back what it had acknowledged`() async throws {
    let (world, a, b) = try await afterBackup()
    let before = try a.store.picture()
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await a2.sync()
    #expect(try a2.beginnings() == ["went-back"])
    try await b2.sync()
    try await a2.sync()
    #expect(try a2.store.picture() == before)
    #expect(try b2.store.picture() == before)
    for device in [a2, b2] { try await device.expectSound() }
    let third = try await restored.device("c")
    try await third.sync()
    #expect(try third.store.picture() == before)
    let edits = try restored.serverEdits()
    #expect(Set(edits).count == edits.count)
  }

  @Test func `gets what was pending too, behind what it had acknowledged`() async throws {
    let (world, a, b) = try await afterBackup()
    // Of a record only the lost history knows: sent first, it would change nothing.
    try await a.update("new", ["late": true])
    try await b.update("g1", ["late": true])
    try await b.put("never sent", [:])
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await restored.settle([a2, b2])
    #expect(try a2.get("new") == ["by": "a", "more": true, "late": true])
    #expect(try a2.get("g1") == ["group": 1, "late": true])
    #expect(try a2.get("3") == ["n": 1, "group": 1])
    #expect(try a2.get("2") == nil)
    #expect(try a2.get("never sent") == [:])
    #expect(try a2.store.picture() == b2.store.picture())
    for device in [a2, b2] { try await device.expectSound() }
  }

  @Test func `gets from a copy too what it had acknowledged before what is pending`() async throws {
    let (world, a) = try await backedUpBefore("2")
    try await a.update("2", ["late": true])
    a.store.close()
    try FileManager.default.copyItem(
      atPath: world.scratch("a"), toPath: world.scratch("copy"))
    let restored = try world.restored()
    let (original, copy) = (try restored.open("a"), try restored.open("copy"))
    // Now the server acknowledges as much of the journal as before, and what it lost is not there yet.
    try await original.sync(.pullOnly)
    try await copy.sync()
    #expect(try copy.count(.deviceChanged) == 1)
    #expect(try copy.get("2") == ["n": 2, "late": true])
    try await restored.settle([original, copy])
    for device in [original, copy] {
      #expect(try device.get("2") == ["n": 2, "late": true])
      try await device.expectSound()
    }
  }

  @Test func `is sent the same bytes again by a journal that cannot prove its way there`()
    async throws
  {
    let (world, a) = try await backedUpBefore("2")
    try await a.sync()
    // What the restored server acknowledges lies below this horizon.
    _ = try await a.store.compact()
    try await a.put("3", ["n": 3])
    let restored = try world.restored()
    let remote = LostPush(restored.remote)
    let a2 = Device(opened: a.store, remote)
    await #expect(throws: TransportError.self) { try await a2.sync() }
    #expect(try a2.count(.deviceChanged) == 1)
    #expect(try a2.counts().inFlight > 0)
    try await a2.put("4", ["n": 4])
    try await a2.sync()
    #expect(remote.segments.count >= 2)
    #expect(remote.segments.first == remote.segments.dropFirst().first)
    try await a2.expectSound()
  }

  @Test func `gets nothing that was given up since it went back before`() async throws {
    let (world, a) = try await backedUpBefore("x")
    let restored = try world.restored()
    let refusing = RefusingRemote(restored.remote) { _, key in
      key == "x" ? (code: "no", message: "not that one") : nil
    }
    let a2 = Device(opened: a.store, refusing)
    try await a2.sync()
    let parked = try a2.store.parked()
    #expect(parked.count == 1)
    try await a2.store.discard(parked.map(\.sequence))
    try await a2.put("3", ["n": 3])
    try await a2.sync()
    let again = try restored.restored()
    let a3 = a2.now(again)
    try await a3.sync()
    #expect(try a3.beginnings() == ["went-back", "went-back"])
    #expect(try a3.get("x") == nil)
    #expect(try a3.store.picture() == "c/1 {\"n\":1}\nc/3 {\"n\":3}\n")
    try await a3.expectSound()
    let other = try await again.device("b")
    try await other.sync()
    #expect(try other.get("x") == nil)
  }

  @Test func `is found out by the cursor where its witness tells nothing`() async throws {
    let (world, a, _) = try await afterBackup()
    let before = try a.store.picture()
    let restored = try world.restored()
    let remote = AlteredRemote(
      restored.remote, info: { RemoteInfo(epoch: $0.epoch, acknowledgedSize: 1_000_000) })
    let a2 = Device(opened: a.store, remote)
    let report = try await a2.sync()
    #expect(try a2.beginnings() == ["went-back"])
    // What the other device did is gone until it comes back itself.
    #expect(report.accepted == 3)
    #expect(try a2.get("new") == ["by": "a", "more": true])
    #expect(try a2.get("2") == ["n": 1])
    #expect(try a2.get("g1") == nil)
    #expect(try a2.store.picture() != before)
    try await a2.expectSound()
  }

  @Test func `has a segment that was in flight sent again`() async throws {
    let (world, a, _) = try await afterBackup()
    try await a.put("in flight", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    #expect(try a.counts().inFlight == 1)
    try await a.store.write { try $0.put("c", "later", ["n": 1]) }
    let restored = try world.restored()
    let a2 = a.now(restored)
    try await a2.sync()
    #expect(try a2.get("in flight") == ["n": 1])
    #expect(try a2.get("later") == ["n": 1])
    try await a2.expectSound()
  }

  @Test func `erases again what it had erased`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.put("other", ["n": 1])
    try await world.settle([a, b])
    try world.backUp()
    try await a.store.erase("c", "secret", because: "asked to")
    try await world.settle([a, b])
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await restored.settle([a2, b2])
    #expect(try a2.get("secret") == nil && b2.get("secret") == nil)
    for device in [a2, b2] { try await device.expectSound() }
    #expect(try restored.heldOnServer() == ["other"])
  }

  @Test func `goes on where the backup is older than the device's first contact`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try world.backUp()
    for number in 1...3 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    try await a.update("1", ["n": 2])
    try await a.sync()
    let restored = try world.restored()
    let a2 = a.now(restored)
    try await a2.sync()
    #expect(try a2.get("1") == ["n": 2])
    try await a2.expectSound()
    let third = try await restored.device("c")
    try await third.sync()
    #expect(try third.store.picture() == a2.store.picture())
  }

  @Test func `gets back what is still held where the device has trimmed`() async throws {
    let (world, a, b) = try await afterBackup()
    _ = try await a.store.compact()
    try await a.put("behind the trim", ["n": 1])
    try await a.sync()
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await restored.settle([a2, b2])
    #expect(try a2.get("behind the trim") == ["n": 1])
    #expect(try a2.store.picture() == b2.store.picture())
    for device in [a2, b2] { try await device.expectSound() }
  }

  @Test func `may be met again before the last meeting is over, and trimmed at any point`()
    async throws
  {
    let (world, a, b) = try await afterBackup()
    let restored = try world.restored()
    // Cut as soon as the generation has begun, before anything of it is delivered.
    for requests in 1..<20 where try a.beginnings().isEmpty {
      let cut = CutRemote(restored.remote, after: requests, isCarriedOut: false)
      _ = try? await Device(opened: a.store, cut).sync()
    }
    let a2 = a.now(restored)
    #expect(try a2.beginnings() == ["went-back"])
    let open = try a2.counts()
    #expect(open.pending + open.inFlight >= 3)
    #expect(try a2.store.problems() == [])
    let last = try a.store.journal.lastSequence
    for count in stride(from: last, through: 1, by: -3) {
      _ = try await a2.store.compact(keeping: .newest(count))
      #expect(try a2.store.problems() == [], "keeping \(count)")
    }
    let again = try restored.restored()
    let (a3, b3) = (a.now(again), b.now(again))
    try await again.settle([a3, b3])
    #expect(try a3.get("new") == ["by": "a", "more": true])
    #expect(try a3.store.picture() == b3.store.picture())
    for device in [a3, b3] { try await device.expectSound() }
  }

  @Test func `keeps what is pending again, wherever a trim ends`() async throws {
    let (world, a, b) = try await afterBackup()
    let restored = try world.restored()
    // Seen and witnessed, and judged later.
    let busy = AlteredRemote(
      restored.remote,
      pushAnswer: { answer in
        guard case .judged(let verdicts, let size) = answer else { return answer }
        return .judged(verdicts: verdicts.map { _ in .retry(afterMilliseconds: 1) }, size: size)
      })
    let waiting = Device(opened: a.store, busy)
    #expect(try await waiting.sync().pending >= 3)
    for count in stride(from: try a.store.journal.lastSequence, through: 1, by: -1) {
      _ = try await a.store.compact(keeping: .newest(count))
      #expect(try a.store.problems() == [], "keeping \(count)")
    }
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await restored.settle([a2, b2])
    #expect(try a2.get("new") == ["by": "a", "more": true])
    #expect(try a2.store.picture() == b2.store.picture())
    for device in [a2, b2] { try await device.expectSound() }
  }

  @Test func `went back for ever: the sync ends with an error, and nothing is lost`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("1", ["n": 1])
    try await a.sync()
    try await a.update("1", ["n": 2])
    let remote = AlteredRemote(world.remote, cursor: { $0.map { _ in "nobody made this" } })
    let lost = Device(opened: a.store, remote)
    for _ in 0..<2 {
      do {
        try await lost.sync()
        Issue.record("a sync with a server that knows no cursor ended")
      } catch let error as TransportError {
        #expect(error.code == "protocol-violation")
      }
    }
    #expect(try a.get("1") == ["n": 2])
    try await a.sync()
    #expect(try a.get("1") == ["n": 2])
    try await a.expectSound()
  }

  @Test func `tells who gave a field its value as before`() async throws {
    let (world, a, b) = try await afterBackup()
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await restored.settle([a2, b2])
    let blame = try #require(try a2.store.read { try $0.blame("c", "new") })
    #expect(blame.fields.count == 2)
    #expect(try a2.store.read { try $0.history("c", "new") }.isEmpty == false)
  }

  @Test(arguments: [true, false])
  func `is recovered from wherever the connection breaks`(isCarriedOut: Bool) async throws {
    for requests in 0..<40 {
      let (world, a, b) = try await afterBackup()
      try await a.update("new", ["late": true])
      let restored = try world.restored()
      let cut = CutRemote(restored.remote, after: requests, isCarriedOut: isCarriedOut)
      let a2 = Device(opened: a.store, cut, pageLimit: 3)
      _ = try? await a2.sync()
      #expect(try a2.store.problems() == [], "cut at \(requests)")
      guard cut.wasCut else { return }
      let (a3, b3) = (a.now(restored, pageLimit: 3), b.now(restored))
      try await restored.settle([a3, b3])
      #expect(try a3.get("new") == ["by": "a", "more": true, "late": true], "cut at \(requests)")
      #expect(try a3.store.picture() == b3.store.picture(), "cut at \(requests)")
      try await a3.expectSound()
      a.store.close()
      b.store.close()
      restored.server.close()
    }
    Issue.record("a sync makes over 40 requests")
  }

  @Test func `converges with devices that do anything, restored at any time`() async throws {
    for seed in [1, 2, 3, 4] as [UInt64] {
      var random = SeededRandom(seed: testSeed(or: seed))
      var world = try World()
      var devices = [try await world.device("a"), try await world.device("b")]
      try world.backUp()
      for step in 0..<150 {
        let device = try #require(devices.randomElement(using: &random))
        let key = "\(Int.random(in: 0..<8, using: &random))"
        let number = Value.integer(Int64.random(in: 0..<1_000, using: &random))
        let exists = try device.get(key) != nil
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1, 2:
          try await device.sync([.both, .pushOnly].randomElement(using: &random) ?? .both)
        case 3 where exists: try await device.delete(key)
        case 4 where exists: try await device.update(key, ["b": number])
        case 5:
          world.remote.failNext([.lost, .answerLost].randomElement(using: &random) ?? .lost)
          _ = try? await device.sync()
          world.remote.failNext()
        case 6:
          try await device.store.write { tx in
            try tx.put("c", key, ["g": number])
            try tx.put("c", "\(key)-2", ["g": number])
          }
        case 7 where step % 3 == 0: try world.backUp()
        case 8 where step % 3 == 0:
          world = try world.restored()
          devices = devices.map { $0.now(world, pageLimit: 5) }
        case 9 where step % 4 == 0:
          _ = try await device.store.compact(
            keeping: .newest(UInt64.random(in: 0..<40, using: &random)))
        default: try await device.put(key, ["a": number])
        }
      }
      try await world.settle(devices)
      let third = try await world.device("c")
      try await third.sync()
      for device in devices {
        #expect(try device.store.picture() == third.store.picture(), "seed \(seed)")
        try await device.expectSound()
      }
      let edits = try world.serverEdits()
      #expect(Set(edits).count == edits.count, "seed \(seed)")
    }
  }
}

/// Loses the first push on its way.
private final class LostPush: Remote {
  private let inner: Loopback
  private let pushed = Mutex<[[UInt8]]>([])

  init(_ inner: Loopback) { self.inner = inner }

  var segments: [[UInt8]] { pushed.withLock { $0 } }

  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }

  func push(_ push: Push) async throws -> PushAnswer {
    let isFirst = pushed.withLock { pushed in
      pushed.append(push.segment)
      return pushed.count == 1
    }
    if isFirst { throw TransportError.unreachable("the request was lost") }
    return try await inner.push(push)
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await inner.changes(after: cursor, limit: limit, device: device)
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }
}
