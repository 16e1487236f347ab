import Journal
import Projection
import TestKit
import Testing
import Transport
import TransportTesting

/// Whatever happens to a server while a device is away.
@Suite struct `A device that was offline` {
  @Test func `while our server purged and went back to a backup finds its edits delivered`()
    async throws
  {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 1...6 { try await a.put("\(number)", ["n": 1]) }
    try await world.settle([a, b])
    // From here on b is away, and its app goes on.
    try await b.put("mine", ["by": "b"])
    try await b.update("3", ["by": "b"])
    try await b.update("1", ["by": "b"])
    try await b.delete("4")
    try await a.delete("1")
    try await a.sync()
    try world.backUp()
    try await a.delete("2")
    try await a.put("7", ["n": 1])
    try await a.sync()
    let purged = try await world.trimmed()
    try await a.now(purged).sync()
    // The backup is older than the purge, and is purged in its turn.
    let restored = try await purged.restored().trimmed()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await b2.sync()
    try await a2.sync()
    try await restored.settle([a2, b2])
    for device in [a2, b2] {
      #expect(try device.get("mine") == ["by": "b"])
      #expect(try device.get("3") == ["n": 1, "by": "b"])
      #expect(try device.get("7") == ["n": 1], "what the server had acknowledged and lost")
      for key in ["1", "2", "4"] { #expect(try device.get(key) == nil) }
      try await device.expectSound()
    }
    #expect(try a2.store.picture() == b2.store.picture())
    let newcomer = try await restored.device("c")
    try await newcomer.sync()
    #expect(try newcomer.store.picture() == a2.store.picture())
    let edits = try restored.serverEdits()
    #expect(Set(edits).count == edits.count)
  }

  @Test(arguments: [FeedBehaviour(), [.purgesSilently, .restoresSilently], .timestampOnly])
  func `while a server of plain records did so finds its edits delivered`(
    _ behaviour: FeedBehaviour
  ) async throws {
    let server = MemoryServer(behaviour)
    let (a, b) = (try await MemoryDevice(server), try await MemoryDevice(server))
    for number in 1...6 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    try await b.sync()
    try await b.put("mine", ["by": "b"])
    try await b.store.write { tx in
      try tx.update("c", "3", set: ["by": "b"])
      try tx.delete("c", "4")
    }
    try await a.store.write { try $0.delete("c", "1") }
    try await a.sync()
    let backup = server.backup()
    server.clock.advance(by: .seconds(60))
    try await a.store.write { try $0.delete("c", "2") }
    try await a.sync()
    server.purgeDeletions()
    server.restore(backup)
    server.purgeDeletions()
    // Longer ago than any overlap reaches.
    server.clock.advance(by: .seconds(3_600))
    for device in [b, a, b] { try await device.sync() }
    if !behaviour.isEmpty {
      // Nobody said a word: a comparison with the full state finds it.
      for device in [a, b] { try await device.sync(.both, .fullState) }
    }
    #expect(server.record("c", "mine") == ["by": "b"])
    #expect(server.record("c", "3") == ["n": 1, "by": "b"])
    #expect(server.record("c", "1") == nil && server.record("c", "4") == nil)
    for device in [a, b] { try device.expectServersRecords(server) }
  }
}
