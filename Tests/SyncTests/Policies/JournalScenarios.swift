import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// What journals have to bear that others do not.
@Suite struct `A journal among others` {
  @Test func `S-JR-02 trims what is settled, and keeps what is pending and what it is called`()
    async throws
  {
    let scratch = try Scratch()
    let server = AssigningServer()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.declareLocalOnly("local")
    let engine = try await store.engine(to: server)
    try await store.write { try $0.create("c", "B", ["n": 0]) }
    _ = try await engine.sync()
    let acknowledged = try await store.write { try $0.update("c", "B", set: ["n": 1]) }
    // Below what the server has seen of the journal: above it nothing is trimmed.
    let local = try await store.write { try $0.put("local", "1", ["n": 1]) }
    _ = try await engine.sync()
    let create = try await store.write { try $0.create("c", "A", ["n": 1]) }
    let update = try await store.write { try $0.update("c", "A", set: ["n": 2]) }
    let alias = try await store.write { try $0.update("c", "B", set: ["waits": true]) }
    let picture = try store.picture()
    _ = try await store.compact()
    func isHeld(_ receipt: Receipt) throws -> Bool {
      try store.journal.read { try $0.entry(receipt.sequences[0]) != nil }
    }
    #expect(try !isHeld(acknowledged) && !isHeld(local))
    #expect(try isHeld(create) && isHeld(update) && isHeld(alias))
    #expect(try store.picture() == picture)
    #expect(try store.problems() == [])
    try await store.rebuild()
    #expect(try store.picture() == picture)
    #expect(try store.read { try $0.get("c", "B") } == ["n": 1, "waits": true])
    _ = try await engine.sync()
    _ = try await engine.sync()
    #expect(try store.journal.read { try $0.counts() }.pending == 0)
    #expect(try store.problems() == [])
  }

  @Test func `S-JR-03 loses and repeats nothing within a tie of timestamps`() async throws {
    let changes = try (1...7 as ClosedRange<UInt64>).map { number in
      var writer = CBORWriter()
      try writer.fields(["n": .integer(Int64(number))])
      let version = ServerVersion(timestamp: 9, tieBreak: number)
      return FeedChange(
        collection: "c", key: "\(number)", version: version, born: version,
        state: .live(writer.bytes))
    }
    for limit in 1...7 {
      let scratch = try Scratch()
      let device = try await Device(
        Store.create(at: scratch("a"), label: "a"), ScriptedFeed(changes, by: limit))
      let report = try await device.sync(.pullOnly)
      #expect(report.pulled == 7)
      let entries = try device.count(.remoteChange)
      #expect(entries == 7)
      // The whole of a page again adds nothing.
      let again = changes
      _ = try await device.store.journal.transact { context in
        for change in again {
          _ = try Intake(remote: "server", epoch: "epoch").append(change, context)
        }
      }
      #expect(try device.count(.remoteChange) == 7)
      #expect(try device.store.problems() == [])
    }
    // An edit of one's own that comes back is its acknowledgement, not somebody else's change.
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    let report = try await device.sync()
    #expect(report.pulled == 0 && report.conflicts == 0)
    #expect(try device.store.journal.read { try $0.counts() }.settled == 1)
  }
}
