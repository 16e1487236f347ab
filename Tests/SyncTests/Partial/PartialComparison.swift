import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A comparison of some of the records` {
  private func missing(_ lost: Set<String>) async throws -> (PartialDevice, Device, CountedRemote) {
    let world = try World()
    let a = try await world.device("a")
    try await a.store.write { tx in
      for number in 0..<40 {
        try tx.put("c", "\(number)", ["team": number.isMultiple(of: 2) ? "red" : "blue"])
      }
    }
    try await a.sync()
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    try await a.update("2", ["n": 1])
    try await a.update("4", ["team": "blue"])
    try await a.update("5", ["team": "red"])
    try await a.delete("6")
    // The page is not empty, and the cursor moves on.
    try await a.put("new", ["team": "red"])
    try await a.sync()
    let filters = try b.store.journal.remotes[0].filters
    let asking = Loopback(world.server, asking: filters, in: world.scratch)
    let lossy = AlteredRemote(
      asking,
      page: { page in
        var page = page
        page.changes.removeAll { lost.contains($0.key) }
        return page
      })
    try await Device(opened: b.store, lossy).sync()
    return (b, a, CountedRemote(asking))
  }

  @Test func `finds nothing where the device has what it asks for`() async throws {
    let (b, _, remote) = try await missing([])
    _ = remote.take()
    let last = try b.store.journal.lastSequence
    let report = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(report.repaired == 0)
    #expect(remote.take()["digest"]?.requests == 1)
    #expect(try b.store.journal.lastSequence == last)
  }

  @Test func `repairs what was not told of them`() async throws {
    let (b, _, remote) = try await missing(["2", "4", "5", "6"])
    let report = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(report.repaired == 4 && report.vanished == 2)
    #expect(try b.device.get("2") == ["team": "red", "n": 1])
    #expect(try b.device.get("5") == ["team": "red"])
    #expect(try b.device.get("4") == nil && b.device.get("6") == nil)
    #expect(try b.states(of: "4") == [0, 3])
    try await b.device.expectSound()
    let again = try await Device(opened: b.store, remote).sync(.both, [.reconciling])
    #expect(again.repaired == 0)
  }

  @Test func `counts nothing as repaired that a server without filters shows besides`() async throws
  {
    let (b, a, _) = try await missing(["2"])
    let everything = CountedRemote(Loopback(b.server, in: b.scratch))
    let report = try await Device(opened: b.store, everything).sync(.both, [.reconciling])
    #expect(report.repaired == 1)
    #expect(report.vanished == 0)
    #expect(try b.device.get("2") == ["team": "red", "n": 1])
    let again = try await Device(opened: b.store, everything).sync(.both, [.reconciling])
    #expect(again.repaired == 0)
    #expect(try b.keys.count < a.store.query(Query("c")).count)
    try await b.device.expectSound()
  }
}
