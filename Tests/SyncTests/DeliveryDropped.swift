import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

extension `An edit that is set aside` {
  /// Dropped by the server without an error: the edit counts as delivered, changes nothing, and what it had said
  /// is kept. What was made on top of it goes its own way.
  @Test(arguments: [["age": 6], ["color": "gold"]] as [Fields])
  func `S-SD-07 is not what became of one the server drops: later edits go on without it`(
    _ later: Fields
  ) async throws {
    let (remote, device) = try await setUp()
    try await device.store.write { try $0.create("c", "1", ["age": 3]) }
    // The server stands further on than the record does.
    try await device.store.write { try $0.create("c", "2", ["age": 1]) }
    try await device.sync()
    let head = try #require(try device.cursor()).through
    let first = try await device.store.write { try $0.update("c", "1", set: ["age": 4]) }
    let dropped = try #require(first.sequences.first)
    remote.drop { $0.sequence == dropped ? head : nil }
    remote.inner.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await device.sync() }
    // The first is on its way; this one is made meanwhile.
    try await device.update("1", later)
    let visible = try device.get("1")
    #expect(visible?["age"] == later["age"] ?? 4)
    let report = try await device.sync()
    #expect(report.refused == 0 && report.parked == 0 && report.pending == 0)
    var expected: Fields = ["age": 3]
    for (name, value) in later { expected[name] = value }
    #expect(try device.get("1") == expected)
    #expect(try device.store.status(of: dropped) == .settled)
    #expect(try world.serverEdits().count == 3)
    #expect(try lost(device) == [["age": 4]])
    try await device.expectSound()
  }

  /// What edits had said that changed nothing at the server.
  private func lost(_ device: Device) throws -> [Fields] {
    var lost: [Fields] = []
    try device.store.journal.read { reader in
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .conflict else { return true }
        try entry.plainBody.withUnsafeBytes { bytes in
          let body = try Body(bytes)
          guard try body.text(.decider) == "absorbed" else { return }
          var reader = try body.reader(.lost)
          if case .object(let fields) = try reader.value(maxDepth: Limits.depth) {
            lost.append(fields)
          }
        }
        return true
      }
    }
    return lost
  }
}
