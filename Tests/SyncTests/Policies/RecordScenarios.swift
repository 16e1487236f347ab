import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// What becomes of concurrent creates, deletes and refusals elsewhere, on a strict collection.
@Suite struct `A strict record` {
  private func version(_ device: Device) throws -> ServerVersion? {
    let rowKey = try RecordAddress(collection: "c", key: "1").rowKey
    return try device.store.journal.read { reader in
      try reader.storage.withValue(.records, rowKey) { try RecordRow($0).base?.version } ?? nil
    }
  }

  @Test func `S-SD-01 goes through its versions, and refuses what does not fit it`() async throws {
    let world = try World()
    let device = try await world.device("a", .serverWins)
    try await device.sync()
    #expect(try device.get("1") == nil && version(device) == nil)
    await #expect(throws: JournalError.self) { try await device.update("1", ["age": 1]) }
    await #expect(throws: JournalError.self) { try await device.delete("1") }
    var versions: [ServerVersion?] = []
    let steps: [Fields?] = [["age": 3], nil, ["age": 2]]
    for step in steps {
      if let step {
        try await device.store.write { try $0.create("c", "1", step) }
      } else {
        try await device.delete("1")
      }
      try await device.sync()
      #expect(try device.get("1") == step)
      versions.append(try version(device))
    }
    let known = versions.compactMap { $0 }
    #expect(known.count == 3 && known == known.sorted() && Set(known).count == 3)
    await #expect(throws: JournalError.self) {
      try await device.store.write { try $0.create("c", "1", ["age": 9]) }
    }
    try await device.sync()
    #expect(try device.get("1") == ["age": 2] && version(device) == known.last)
    try await device.expectSettled()
  }

  @Test func `S-SD-03 is created by one of two, and deleted by both`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    try await a.store.write { try $0.create("c", "1", ["age": 3]) }
    try await b.store.write { try $0.create("c", "1", ["age": 5]) }
    let edit = try b.store.journal.lastSequence
    try await a.sync()
    #expect(try await b.sync().conflicts == 1)
    #expect(try b.get("1") == ["age": 3])
    #expect(try b.store.status(of: edit) == .superseded)
    #expect(try version(b) == version(a))
    try await a.delete("1")
    try await b.delete("1")
    try await a.sync()
    let report = try await b.sync()
    #expect(report.refused == 0 && report.parked == 0)
    try await settle([a, b])
    #expect(try a.get("1") == nil)
  }

  @Test func `S-SD-06 refused by the server takes along what cannot do without it, and no more`()
    async throws
  {
    let world = try World()
    let inner = Loopback(world.server)
    let server = RefusingRemote(inner) { change, _ in
      change.kind == .create ? (code: "custom", message: "Custom error") : nil
    }
    let store = try Store.create(at: world.scratch("a"), label: "a")
    let device = try await Device(store, server)
    try await store.declarePolicy(.serverWins, of: "c")
    try await store.write { try $0.create("c", "1", ["age": 3]) }
    try await device.update("1", ["age": 4])
    let edits = [store, store].enumerated().map { index, _ in
      (try? store.journal.lastSequence).map { $0 - UInt64(1 - index) } ?? 0
    }
    try await device.sync()
    try await device.sync()
    #expect(try device.get("1") == nil)
    let parked = try store.parked()
    #expect(parked.map(\.sequence) == edits)
    #expect(parked.first?.message == "Custom error")
    // Refused is the first of two: the other arrives.
    try await store.discard(edits)
    server.refuse { _, _ in nil }
    try await store.write { try $0.create("c", "1", ["age": 3]) }
    try await device.sync()
    try await device.update("1", ["age": 4])
    #expect(try device.get("1") == ["age": 4])
    let refused = try store.journal.lastSequence
    try await device.update("1", ["age": 8])
    #expect(try device.get("1") == ["age": 8])
    server.refuse { change, _ in
      change.sequence == refused ? (code: "custom", message: "Custom error") : nil
    }
    try await device.sync()
    try await device.sync()
    #expect(try device.get("1") == ["age": 8])
    #expect(try store.parked().map(\.sequence) == [refused])
    #expect(try store.problems() == [])
  }
}
