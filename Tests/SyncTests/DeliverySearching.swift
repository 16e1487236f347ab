import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `An edit the server fails for` {
  // Lives as long as the test: its directory goes with it.
  private let world: World

  init() throws { world = try World() }

  private func setUp(
    _ failure: PushFailure?
  ) async throws -> (remote: RefusingRemote, device: Device) {
    let remote = RefusingRemote(world.remote)
    remote.fail { $0 == "bad" ? failure : nil }
    let store = try Store.create(at: world.scratch("a"), label: "a")
    return (remote, try await Device(store, remote))
  }

  private static let tooLarge = PushFailure(
    code: "http-413", message: "too large", blame: .request)
  private static let broken = PushFailure(code: "http-500", message: "oops", blame: .unknown)

  private func put(_ keys: [String], _ device: Device) async throws {
    for key in keys { try await device.put(key, ["n": 1]) }
  }

  @Test func `with 422 at the head of the queue lets the other 999 arrive`() async throws {
    let (remote, device) = try await setUp(nil)
    remote.refuse { change, key in key == "r0" ? ("http-422", "no") : nil }
    try await device.store.write { tx in try tx.put("c", "r0", ["n": 0]) }
    for chunk in 0..<27 {
      try await device.store.journal.transact { context in
        for number in 0..<37 {
          let draft = try EditDraft().draft(
            .put(fields: [0xA0]), collection: "c", key: "r\(chunk * 37 + number + 1)")
          try context.append(draft)
        }
      }
    }
    let report = try await device.sync()
    #expect(report.accepted == 999 && report.refused == 1 && report.pending == 0)
    #expect(try device.store.parked().map(\.key) == ["r0"])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [0, 3, 31, 62, 63])
  func `is found by halving, set aside alone, and the others arrive`(_ place: Int) async throws {
    let (remote, device) = try await setUp(Self.tooLarge)
    try await put((0..<64).map { $0 == place ? "bad" : "k\($0)" }, device)
    let report = try await device.sync()
    #expect(report.accepted == 63 && report.pending == 0 && report.parked == 1)
    let parked = try #require(try device.store.parked().first)
    #expect(parked.key == "bad" && parked.code == ParkedEdit.poison)
    #expect(parked.message.hasPrefix("too large. "), "the server's words")
    #expect(parked.message.contains("`journal retry`"), "no sync sends it again by itself")
    #expect(remote.pushes.count <= 9, "one whole, six halvings, and what is left")
    #expect(try device.store.problems() == [])
    #expect(try world.serverEdits().count == 63)
  }

  @Test func `takes its group with it and no neighbour`() async throws {
    let (_, device) = try await setUp(Self.tooLarge)
    try await put(["a", "b"], device)
    try await device.store.write { tx in
      try tx.put("c", "x", ["n": 1])
      try tx.put("c", "bad", ["n": 1])
    }
    try await put(["y", "z"], device)
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.parked == 2)
    #expect(try device.store.parked().map(\.key) == ["x", "bad"])
    #expect(try device.store.problems() == [])
  }

  @Test func `in an unclear way is suspected only after three times, also across restarts`()
    async throws
  {
    let (remote, device) = try await setUp(Self.broken)
    try await put(["a", "b", "bad", "d"], device)
    for attempt in 1...2 {
      await #expect(throws: TransportError.self) { try await device.sync() }
      #expect(remote.pushes.count == attempt)
    }
    #expect(Set(remote.pushes).count == 1, "the same segment each time")
    device.store.close()
    let again = Device(opened: try Store.open(at: world.scratch("a")), remote)
    let report = try await again.sync()
    #expect(report.accepted == 3 && report.pending == 0)
    #expect(try again.store.parked().map(\.key) == ["bad"])
    #expect(try again.store.problems() == [])
    let edits = try world.serverEdits()
    #expect(edits.count == 3 && Set(edits).count == 3)
  }

  @Test func `is not set aside where the server fails for everything`() async throws {
    let (remote, device) = try await setUp(nil)
    remote.fail { _ in Self.broken }
    try await put(["a", "b", "c", "d"], device)
    for _ in 0..<12 {
      await #expect(throws: TransportError.self) { try await device.sync() }
    }
    #expect(try device.store.parked() == [])
    let counts = try device.store.journal.read { try $0.counts() }
    #expect(counts.pending + counts.inFlight == 4)
    remote.fail { _ in nil }
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `and one that needs it go together, and come back together`() async throws {
    let (remote, device) = try await setUp(Self.tooLarge)
    try await device.store.write { try $0.create("c", "bad", ["n": 1]) }
    try await put(["a"], device)
    try await device.put("child", ["of": .reference(collection: "c", key: "bad")])
    try await device.sync()
    let parked = try device.store.parked()
    #expect(parked.map(\.key) == ["bad", "child"])
    #expect(parked.map(\.code) == [ParkedEdit.poison, ParkedEdit.dependsOn])
    remote.fail { _ in nil }
    try await device.store.retry([parked[0].sequence])
    try await device.sync()
    #expect(try device.store.parked() == [] && device.pending == 0)
    #expect(try device.store.problems() == [])
  }
}
