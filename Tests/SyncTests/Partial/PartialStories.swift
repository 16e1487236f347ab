import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A device that takes some of the records` {
  private func world(_ count: Int = 6) async throws -> (world: World, a: Device) {
    let world = try World()
    let a = try await world.device("a")
    try await a.store.write { tx in
      for number in 0..<count {
        try tx.put("c", "\(number)", ["team": number.isMultiple(of: 2) ? "red" : "blue", "n": 0])
      }
      try tx.put("d", "1", ["n": 0])
    }
    try await a.sync()
    return (world, a)
  }

  @Test func `is shown those and nothing else, at first and later`() async throws {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    #expect(b.shown() == ["0", "2", "4", "1"])
    #expect(try b.keys == ["0", "2", "4"])
    #expect(try b.store.read { try $0.get("d", "1") } == ["n": 0])
    try await a.put("6", ["team": "red"])
    try await a.put("7", ["team": "blue"])
    try await a.update("1", ["n": 1])
    try await a.delete("3")
    try await a.update("2", ["n": 1])
    try await a.sync()
    try await b.sync()
    #expect(b.shown() == ["6", "2"])
    #expect(try b.keys == ["0", "2", "4", "6"])
    try await b.device.expectSound()
  }

  @Test func `loses sight of a record that leaves, and nobody else does`() async throws {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    try await a.update("2", ["team": "blue"])
    try await a.delete("4")
    try await a.sync()
    let report = try await b.sync()
    #expect(report.conflicts == 0)
    #expect(try b.keys == ["0"])
    #expect(try b.states(of: "2") == [0, 3] && b.states(of: "4") == [0, 1])
    try await a.sync()
    #expect(try a.get("2") == ["team": "blue", "n": 0])
    try await b.device.expectSound()
    // What happens to it then is none of this device's business, until it comes back.
    try await a.update("2", ["n": 7])
    try await a.sync()
    _ = b.shown()
    try await b.sync()
    #expect(b.shown().isEmpty)
    try await a.update("2", ["team": "red"])
    try await a.sync()
    try await b.sync()
    #expect(try b.device.get("2") == ["team": "red", "n": 7])
    try await b.device.expectSound()
  }

  @Test(arguments: [true, false])
  func `sends what it did to a record that left meanwhile`(_ obeys: Bool) async throws {
    for policy in [ConflictPolicy.rebase, .serverWins, .clientWins] {
      let (world, a) = try await world()
      let b = try await PartialDevice("b", in: world, [.team("red")], obeys: obeys, policy: policy)
      try await b.sync()
      try await a.update("2", ["team": "blue"])
      try await a.sync()
      try await b.device.update("2", ["n": 5])
      try await b.sync(.pullOnly)
      #expect(try b.keys == ["0", "4"])
      #expect(try b.device.pending == 1)
      #expect(try b.device.count(.conflict) == 0)
      try await b.sync()
      #expect(try b.device.pending == 0)
      try await a.sync()
      #expect(try a.get("2") == ["team": "blue", "n": 5], "\(policy.name)")
      #expect(try b.keys == ["0", "4"])
      try await b.device.expectSound()
    }
  }

  @Test(arguments: [true, false])
  func `decides about a record that left when the server asks, and does not keep it`(
    _ obeys: Bool
  ) async throws {
    for policy in [ConflictPolicy.serverWins, .lastWriter] {
      let (world, a) = try await world()
      let b = try await PartialDevice("b", in: world, [.team("red")], obeys: obeys, policy: policy)
      try await b.sync()
      try await a.update("2", ["team": "blue", "n": 1])
      try await a.sync()
      try await b.device.update("2", ["n": 5])
      // The push comes first: the server answers with a record this device does not take.
      let report = try await b.sync()
      #expect(report.pending == 0 && report.conflicts > 0)
      #expect(try b.keys == ["0", "4"])
      try await a.sync()
      // The last writer was this device.
      let wins = policy.name == ConflictPolicy.lastWriter.name
      #expect(try a.get("2") == ["team": "blue", "n": wins ? 5 : 1], "\(policy.name)")
      try await b.device.expectSound()
    }
  }

  @Test func `does not keep a record of which nothing is shown any more for a conflict about it`()
    async throws
  {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")], policy: .serverWins)
    try await b.sync()
    try await b.device.update("2", ["n": 5])
    try await a.update("2", ["team": "blue"])
    try await a.sync()
    try await b.sync(.pullOnly)
    // Outside before and after: the feed has nothing to say about it.
    try await a.update("2", ["n": 1])
    try await a.sync()
    let report = try await b.sync()
    #expect(report.conflicts > 0 && report.pending == 0)
    #expect(try b.keys == ["0", "4"])
    try await a.sync()
    #expect(try a.get("2") == ["team": "blue", "n": 1])
    try await b.device.expectSound()
  }

  @Test(arguments: [true, false])
  func `sees its own edits until the server has them, wherever they lead`(
    _ obeys: Bool
  ) async throws {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")], obeys: obeys)
    try await b.sync()
    try await b.device.put("mine", ["team": "blue"])
    try await b.device.update("0", ["team": "green"])
    try await b.device.delete("2")
    #expect(try b.keys == ["0", "4", "mine"])
    try await b.sync(.pushOnly)
    #expect(try b.keys == ["0", "4", "mine"])
    try await b.sync()
    #expect(try b.keys == ["4"])
    try await a.sync()
    #expect(try a.get("mine") == ["team": "blue"])
    #expect(try a.get("0") == ["team": "green", "n": 0])
    #expect(try a.get("2") == nil)
    try await b.device.expectSound()
  }

  @Test func `takes what a group leaves behind, not what lay between`() async throws {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    try await a.store.write { tx in
      try tx.update("c", "1", set: ["team": "red"])
      try tx.update("c", "1", set: ["team": "blue"])
      try tx.update("c", "2", set: ["team": "blue"])
      try tx.update("c", "2", set: ["n": 9])
      try tx.put("c", "new", ["team": "red"])
      try tx.delete("c", "new")
      try tx.update("c", "3", set: ["team": "blue"])
      try tx.update("c", "3", set: ["team": "red"])
    }
    try await a.sync()
    _ = b.shown()
    try await b.sync()
    #expect(b.shown() == ["2", "3"])
    #expect(try b.keys == ["0", "3", "4"])
    try await b.device.expectSound()
  }

  @Test func `asks a server that leaves nothing out, and takes the same`() async throws {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")], obeys: false)
    try await b.sync()
    #expect(try b.keys == ["0", "2", "4"])
    // What is not taken leaves no trace: neither an entry nor a row.
    #expect(try b.states(of: "3") == [] && b.states(of: "5") == [])
    try await a.update("2", ["team": "blue"])
    try await a.update("1", ["team": "red"])
    try await a.update("3", ["n": 2])
    try await a.sync()
    try await b.sync()
    #expect(try b.keys == ["0", "1", "4"])
    let last = try b.store.journal.lastSequence
    try await b.sync()
    #expect(try b.store.journal.lastSequence == last)
    try await b.device.expectSound()
  }

  @Test func `goes past what is not for it, and is not asked to again with every poll`()
    async throws
  {
    let (world, a) = try await world()
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    for round in 0..<3 {
      try await a.store.write { tx in
        for number in 0..<800 {
          try tx.put("c", "x\(number)", ["team": "blue", "n": Value(UInt64(round))])
        }
      }
      try await a.sync()
    }
    let before = try b.device.cursor()
    try await b.sync()
    let after = try b.device.cursor()
    #expect(before?.cursor != after?.cursor)
    #expect(b.shown().filter { $0.hasPrefix("x") } == [])
    // An entry for the cursor and none for each poll.
    let last = try b.store.journal.lastSequence
    try await a.update("x1", ["n": 9])
    try await a.sync()
    try await b.sync()
    #expect(try b.store.journal.lastSequence == last)
    try await b.device.expectSound()
  }
}
