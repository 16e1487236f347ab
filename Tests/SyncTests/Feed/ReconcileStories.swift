import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A comparison with the server` {
  /// A device whose feed lost some changes on the way, and the one that made them.
  private func missing(
    _ count: Int, where isLost: @escaping @Sendable (FeedChange) -> Bool
  ) async throws -> (world: World, a: Device, b: Device, remote: CountedRemote) {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.store.write { tx in
      for number in 0..<count { try tx.put("c", "\(number)", ["n": 0]) }
      try tx.put("d", "1", ["n": 0])
    }
    try await a.sync()
    try await b.sync()
    try await a.update("1", ["n": 1])
    try await a.delete("2")
    try await a.put("new", ["n": 1])
    try await a.update("3", ["shown": true])
    try await a.sync()
    let lossy = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes.removeAll(where: isLost)
        return page
      })
    try await Device(opened: b.store, lossy).sync()
    return (world, a, b, CountedRemote(world.remote))
  }

  @Test func `repairs what the feed left out: changed, deleted and new records`() async throws {
    let (_, a, b, remote) = try await missing(40) { ["1", "2", "new"].contains($0.key) }
    #expect(try b.get("1") == ["n": 0])
    let pages = try b.count(.remoteChange)
    let report = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(report.repaired == 3 && report.vanished == 1 && report.conflicts == 0)
    #expect(try b.count(.remoteChange) == pages + 3)
    #expect(try a.store.picture() == b.store.picture())
    #expect(try b.beginnings() == [])
    try await b.expectSound()
    // What follows is taken in as ever.
    try await a.update("1", ["n": 2])
    try await a.put("2", ["n": 2])
    try await a.sync()
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `finds nothing where nothing differs, in one request`() async throws {
    let (_, a, b, remote) = try await missing(40) { _ in false }
    let before = try b.store.journal.lastSequence
    let report = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(report.repaired == 0)
    #expect(remote.take()["digest"]?.requests == 1)
    #expect(try b.store.journal.lastSequence == before)
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test func `leaves alone what an answer to a strict edit has told before the feed`() async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await b.store.declarePolicy(.serverWins, of: "c")
    try await a.put("1", ["n": 0])
    try await a.sync()
    try await b.sync()
    try await a.update("1", ["n": 1])
    try await a.sync()
    try await b.update("1", ["n": 2])
    let report = try await Device(opened: b.store, CountedRemote(world.remote))
      .sync(.both, [.reconciling])
    #expect(report.conflicts == 1 && report.repaired == 0)
    #expect(try b.get("1") == ["n": 1])
    try await b.expectSound()
  }

  @Test func `repairs a record whose fields were altered at the same version`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<5 { try await a.put("\(number)", ["n": 0]) }
    try await a.sync()
    let wrong = try FeedChange.live("3", at: 1, 0, ["n": 99]).state
    let liar = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        for index in page.changes.indices where page.changes[index].key == "3" {
          page.changes[index].state = wrong
        }
        return page
      })
    try await Device(opened: b.store, liar).sync()
    #expect(try b.get("3") == ["n": 99])
    let remote = CountedRemote(world.remote)
    #expect(try await Device(opened: b.store, remote).sync(.both, [.reconciling]).repaired == 1)
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `leaves edits that wait on top, and the usual conflict where they contest`()
    async throws
  {
    let (_, a, b, remote) = try await missing(40) { $0.key == "1" }
    try await b.update("1", ["mine": true])
    try await b.update("5", ["mine": true])
    let device = Device(opened: b.store, remote)
    let report = try await device.sync(.pullOnly, [.reconciling])
    #expect(report.repaired == 1 && report.pending == 2)
    #expect(try b.get("1") == ["n": 1, "mine": true])
    #expect(try b.get("5") == ["n": 0, "mine": true])
    #expect(try b.store.problems() == [])
    try await device.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `of ten thousand records with one that differs takes few requests and bytes`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for start in stride(from: 0, to: 10_000, by: 1_000) {
      try await a.store.write { tx in
        for number in start..<(start + 1_000) {
          try tx.put("c", "\(number)", ["n": .integer(Int64(number)), "text": "some words"])
        }
      }
    }
    try await a.sync()
    let remote = CountedRemote(world.remote)
    try await Device(opened: b.store, remote).sync()
    let full = try #require(remote.take()["feed"])
    try await a.update("4711", ["n": 0])
    try await a.update("1", ["n": 0])
    try await a.sync()
    let lossy = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes.removeAll { $0.key == "4711" }
        return page
      })
    try await Device(opened: b.store, lossy).sync()
    let report = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(report.repaired == 1)
    let counts = remote.take()
    let digest = try #require(counts["digest"])
    let records = try #require(counts["records"])
    #expect(digest.requests == 2 && records.requests == 1)
    let bytes = digest.bytes + records.bytes
    #expect(bytes * 20 < full.bytes, "\(bytes) bytes, the full state has \(full.bytes)")
    print("comparison: \(bytes) bytes in 3 requests; full state: \(full.bytes) bytes")
    #expect(try a.store.picture() == b.store.picture())
  }

  @Test func `reads the full state of a server that cannot be asked`() async throws {
    let (world, a, b, _) = try await missing(40) { $0.key == "1" || $0.key == "2" }
    try await Device(opened: b.store, world.remote).sync(.both, [.reconciling])
    #expect(try b.beginnings() == ["asked"])
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `holds back where most records would go`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.store.write { tx in
      for number in 0..<30 { try tx.put("c", "\(number)", [:]) }
    }
    try await a.sync()
    try await b.sync()
    try await a.store.write { tx in for number in 0..<28 { try tx.delete("c", "\(number)") } }
    try await a.sync()
    let lossy = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes.removeAll { $0.key != "0" }
        return page
      })
    try await Device(opened: b.store, lossy).sync()
    let device = Device(opened: b.store, CountedRemote(world.remote))
    await #expect(throws: TransportError.self) { try await device.sync(.both, [.reconciling]) }
    #expect(try b.store.read { try $0.query(Query("c")).count } == 29)
    let report = try await device.sync(.both, [.reconciling, .confirmingDeletions])
    #expect(report.vanished == 27)
    #expect(try b.notes().map(\.outcome) == [.heldBack, .confirmed])
    #expect(try a.store.picture() == b.store.picture())
    try await b.expectSound()
  }

  @Test func `digests of the same records are the same, and of others are not`() throws {
    func digest(_ version: UInt64, _ fields: [UInt8], bits: Int = 0) -> [UInt8] {
      var digest = StateDigest(bits: bits)
      [UInt8]("c\0\0key".utf8).withUnsafeBytes { key in
        fields.withUnsafeBytes {
          digest.add(key, ServerVersion(timestamp: 1, tieBreak: version), $0)
        }
      }
      return digest.bytes
    }
    #expect(digest(1, [0xA0]) == digest(1, [0xA0]))
    #expect(digest(1, [0xA0]) != digest(2, [0xA0]))
    #expect(digest(1, [0xA0]) != digest(1, [0xA1]))
    #expect(digest(1, [0xA0], bits: 4).count == 256)
    #expect(DigestCodec.buckets(DigestCodec.text([0, 15]), bits: 4) == [0, 15])
    for text in ["", "0", "00", "0010", "000g", String(repeating: "0000", count: 0)] {
      #expect(DigestCodec.buckets(text, bits: 4) == nil, "\(text)")
    }
  }
}
