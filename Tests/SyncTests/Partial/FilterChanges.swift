import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `Asking for other records than before` {
  private func world(_ count: Int) async throws -> (world: World, a: Device) {
    let world = try World()
    let a = try await world.device("a")
    try await a.store.write { tx in
      for number in 0..<count {
        try tx.put(
          "c", "\(number)",
          ["team": ["red", "blue", "green"][number % 3], "n": Value(UInt64(number))])
      }
    }
    try await a.sync()
    return (world, a)
  }

  @Test func `brings those that are missing and lets the others go, whatever their number`()
    async throws
  {
    let (world, a) = try await world(90)
    let b = try await PartialDevice("b", in: world, [])
    try await b.sync()
    #expect(try b.keys.count == 90)
    try await b.device.update("1", ["n": -1])
    try await b.device.put("mine", ["team": "blue"])
    try await b.filter(by: .team("red"))
    // 60 of 90 go: more than the brake would let go without a word, and asked for.
    let report = try await b.sync()
    #expect(report.vanished == 60 && report.conflicts == 0 && report.pending == 0)
    #expect(try b.keys.count == 30)
    #expect(try b.states(of: "2") == [0, 3])
    try await b.device.expectSound()
    try await b.filter(by: .team("blue", "green"))
    try await b.sync()
    #expect(try b.keys.count == 61)
    #expect(try b.device.get("1") == ["team": "blue", "n": -1])
    try await b.device.expectSound()
    try await b.filter()
    try await b.sync()
    try await a.sync()
    #expect(try b.store.picture() == a.store.picture())
    #expect(try a.get("mine") == ["team": "blue"])
    #expect(
      try b.device.beginnings() == ["filter-changed", "filter-changed", "filter-changed"])
    try await b.device.expectSound()
  }

  @Test func `leaves conflicts to the collection's policy`() async throws {
    let (world, a) = try await world(3)
    let b = try await PartialDevice("b", in: world, [.team("red", "blue")], policy: .serverWins)
    try await b.sync()
    try await a.update("0", ["n": 10])
    try await a.sync()
    try await b.device.update("0", ["n": 20])
    try await b.filter(by: .team("red"))
    try await b.sync()
    #expect(try b.device.get("0") == ["team": "red", "n": 10])
    try await a.sync()
    #expect(try a.get("0") == ["team": "red", "n": 10])
    try await b.device.expectSound()
  }

  @Test func `changes nothing where the filter is the same`() async throws {
    let (world, _) = try await world(9)
    let b = try await PartialDevice("b", in: world, [.team("red")])
    try await b.sync()
    let last = try b.store.journal.lastSequence
    try await b.filter(by: .team("red"))
    try await b.sync()
    #expect(try b.store.journal.lastSequence == last)
  }

  @Test func `holds back records that are asked for and not shown`() async throws {
    let (world, a) = try await world(90)
    let b = try await PartialDevice("b", in: world, [.team("red", "blue")])
    try await b.sync()
    #expect(try b.keys.count == 60)
    let empty = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes = []
        return page
      })
    try await b.filter(by: .team("red"))
    let error = await #expect(throws: TransportError.self) {
      try await Device(opened: b.store, empty).sync()
    }
    guard case .massDeletion(let message)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // 30 red ones are missed; that 30 blue ones go is as it should be.
    #expect(message.contains("30 of the 30"))
    try await b.sync()
    #expect(try b.keys.count == 30)
    try await a.sync()
    #expect(try a.store.query(Query("c")).count == 90)
    try await b.device.expectSound()
  }

  @Test func `keeps of the records that are not shown only what is asked for`() async throws {
    let (world, _) = try await world(90)
    let b = try await PartialDevice("b", in: world, [.team("red", "blue")])
    try await b.sync()
    let empty = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        page.changes = []
        return page
      })
    try await b.filter(by: .team("red"))
    let report = try await Device(opened: b.store, empty).sync(.both, [.keepingRecords])
    #expect(report.vanished == 30)
    #expect(try b.keys.count == 30)
    #expect(try b.store.query(Query("c")).allSatisfy { $0.fields["team"] == "red" })
    #expect(try b.states(of: "1") == [0, 3])
    try await b.sync()
    #expect(try b.keys.count == 30)
    try await b.device.expectSound()
  }

  @Test func `goes on where it was cut, also with yet another filter`() async throws {
    let (world, _) = try await world(30)
    for requests in 0..<6 {
      let b = try await PartialDevice("b\(requests)", in: world, [.team("red")])
      try await b.sync()
      try await b.filter(by: .team("blue"))
      let filters = try b.store.journal.remotes[0].filters
      let cut = CutRemote(
        Loopback(world.server, asking: filters), after: requests, isCarriedOut: true)
      do {
        _ = try await Device(opened: b.store, cut, pageLimit: 3).sync()
      } catch is TransportError {}
      if requests.isMultiple(of: 2) { try await b.filter(by: .team("green")) }
      try await b.sync()
      let team: Value = requests.isMultiple(of: 2) ? "green" : "blue"
      #expect(try b.store.query(Query("c")).allSatisfy { $0.fields["team"] == team })
      #expect(try b.keys.count == 10)
      try await b.device.expectSound()
    }
  }

  @Test func `is refused where the filter cannot be kept`() async throws {
    let (world, _) = try await world(3)
    let b = try await PartialDevice("b", in: world, [])
    let long = Filter.compare(.init("team", .equal, .string(String(repeating: "x", count: 5_000))))
    await #expect(throws: JournalError.self) {
      try await b.filter(by: RemoteFilter("c", where: long))
    }
    await #expect(throws: JournalError.self) {
      try await b.filter(by: .team("red"), .team("blue"))
    }
    var deep = Filter.absent(field: "a")
    for _ in 0..<40 { deep = .not(deep) }
    await #expect(throws: JournalError.self) {
      try await b.filter(by: RemoteFilter("c", where: deep))
    }
    #expect(throws: JournalError.self) {
      try RemoteDeclaration(
        name: "x", kind: "journal", url: "https://x.test", collections: ["d"],
        filters: [.team("red")])
    }
    await #expect(throws: JournalError.self) {
      try await b.store.journal.filter("nobody", by: [.team("red")])
    }
    #expect(try b.store.journal.remotes[0].filters == [])
  }
}
