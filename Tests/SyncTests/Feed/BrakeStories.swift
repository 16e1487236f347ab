import Foundation
import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

extension Device {
  /// What the cursor entries say of records that would go all at once.
  func notes() throws -> [BrakeNote] {
    try store.journal.read { reader in
      var notes: [BrakeNote] = []
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .cursor else { return true }
        if let note = try entry.plainBody.withUnsafeBytes({ try BrakeNote(Body($0)) }) {
          notes.append(note)
        }
        return true
      }
      return notes
    }
  }
}

@Suite struct `The brake on mass deletion` {
  /// A device that knows `count` records of a server that lost them all.
  private func emptied(_ count: Int) async throws -> (World, Device) {
    let world = try World()
    let a = try await world.device("a")
    try await a.store.write { tx in
      for number in 0..<count { try tx.put("c", "\(number)", ["n": 1]) }
    }
    try await a.sync()
    return (try world.replaced(), a)
  }

  private func engine(_ device: Device, _ world: World, _ brake: DeletionBrake) -> SyncEngine {
    SyncEngine(
      journal: device.store.journal, remote: "server", over: world.remote, deletionBrake: brake)
  }

  @Test func `is written down when it holds, once, and when it is released`() async throws {
    let (world, a) = try await emptied(30)
    let a2 = a.now(world)
    for _ in 0..<3 {
      await #expect(throws: TransportError.self) { try await a2.sync() }
    }
    let held = BrakeNote(gone: 30, shown: 0, records: 20, percent: 50, outcome: .heldBack)
    #expect(try a.notes() == [held])
    #expect(try a.store.problems() == [])
    try await a2.sync(.both, [.confirmingDeletions])
    #expect(try a.notes().map(\.outcome) == [.heldBack, .confirmed])
    #expect(try a.notes().last?.gone == 30)
    try await a.expectSound()
  }

  @Test func `is written down when the records are kept, and asks again another time`()
    async throws
  {
    let (world, a) = try await emptied(30)
    let a2 = a.now(world)
    await #expect(throws: TransportError.self) { try await a2.sync() }
    let report = try await a2.sync(.both, [.keepingRecords])
    #expect(report.vanished == 0)
    #expect(try a.notes().map(\.outcome) == [.heldBack, .kept])
    #expect(try a.store.read { try $0.query(Query("c")).count } == 30)
    try await a.expectSound()
    try await a2.sync()
    #expect(try a.store.read { try $0.query(Query("c")).count } == 30)
    await #expect(throws: TransportError.self) { try await a2.sync(.both, [.fullState]) }
    #expect(try a.store.read { try $0.query(Query("c")).count } == 30)
  }

  @Test func `has a threshold of the app's choice`() async throws {
    let (world, a) = try await emptied(4)
    let strict = engine(a, world, DeletionBrake(records: 0, percent: 0))
    await #expect(throws: TransportError.self) { try await strict.sync() }
    #expect(
      try a.notes() == [
        BrakeNote(gone: 4, shown: 0, records: 0, percent: 0, outcome: .heldBack)
      ])
    let (other, b) = try await emptied(30)
    #expect(try await engine(b, other, .released).sync().vanished == 30)
    #expect(try b.notes() == [])
    let brake = DeletionBrake(records: -1, percent: 400)
    #expect(brake == DeletionBrake(records: 0, percent: 100))
    #expect(!DeletionBrake.standard.holds(gone: 20, shown: 0))
    #expect(!DeletionBrake.standard.holds(gone: 21, shown: 21))
    #expect(DeletionBrake.standard.holds(gone: 21, shown: 20))
  }

  @Test func `cannot be released and held at once`() async throws {
    let (world, a) = try await emptied(1)
    await #expect(throws: TransportError.self) {
      try await a.now(world).sync(.both, [.confirmingDeletions, .keepingRecords])
    }
  }
}
