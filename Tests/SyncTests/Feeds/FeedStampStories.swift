import Journal
import Projection
import TestKit
import Testing
import Transport
import TransportTesting

/// Rows of stamps: equal ones, ones that go back, ones that come late.
@Suite struct `Stamps of a feed` {
  private func fill(_ server: MemoryServer, _ count: Int, from first: Int = 0) {
    for number in first..<(first + count) {
      server.write("c", "r\(number)", ["n": .integer(Int64(number))])
    }
  }

  @Test(arguments: [FeedBehaviour(), .equalStamps])
  func `that are equal over the end of a page lose no record`(_ behaviour: FeedBehaviour)
    async throws
  {
    let server = MemoryServer(behaviour, overlapMilliseconds: 0)
    fill(server, 7)
    let device = try await MemoryDevice(server, pageLimit: 2)
    try await device.sync()
    try device.expectServersRecords(server)
    // And in the differential: three pages of one second.
    server.clock.advance(by: .seconds(5))
    fill(server, 5, from: 3)
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test func `that a page goes on behind of lose no record where the page holds them all`()
    async throws
  {
    let server = MemoryServer([.equalStamps, .skipsEqualStamps])
    fill(server, 7)
    let device = try await MemoryDevice(server)
    try await device.sync()
    try device.expectServersRecords(server)
    // Pages that split them show what the switch does: the model can tell a client that loses.
    let small = try await MemoryDevice(server, pageLimit: 2)
    try await small.sync()
    #expect(try small.records.count == 2)
  }

  @Test func `that a page goes on at come again without a trace`() async throws {
    let server = MemoryServer([.equalStamps, .repeatsEqualStamps])
    for second in 0..<4 {
      fill(server, 2, from: second * 2)
      server.clock.advance(by: .seconds(1))
    }
    let device = try await MemoryDevice(server, pageLimit: 3)
    let report = try await device.sync()
    #expect(report.pulled == 8)
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .pagedByOffset])
  func `that fill a whole page and come again for ever end in an error`(_ others: FeedBehaviour)
    async throws
  {
    // By offset every page has another cursor, though it is the same page.
    let server = MemoryServer([.equalStamps, .repeatsEqualStamps, others])
    fill(server, 7)
    let device = try await MemoryDevice(server, pageLimit: 2)
    // A client that goes on for ever is stopped by an error of another kind.
    server.meanwhile { _ in if server.requests.count > 50 { server.failNext(.unavailable) } }
    await #expect {
      try await device.sync()
    } throws: { error in
      (error as? TransportError)?.code == "protocol-violation"
    }
    #expect(server.requests.count < 20)
    // Larger pages help.
    server.behaviour = .equalStamps
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test func `that went back do not keep an edit in conflict for ever`() async throws {
    let server = MemoryServer([.stampsByClock, .checksBases])
    fill(server, 1)
    let device = try await MemoryDevice(server)
    try await device.sync()
    server.clock.setTimeOfDay(server.clock.milliseconds - 5_000)
    fill(server, 1)
    try await device.store.write { try $0.update("c", "r0", set: ["mine": true]) }
    try await device.sync()
    #expect(try device.pending == 0)
    #expect(server.record("c", "r0") == ["n": 0, "mine": true])
    try await device.sync(.both, [.fullState])
    try device.expectServersRecords(server)
  }

  @Test func `that stand still settle all that one answer tells of a record`() async throws {
    let server = MemoryServer([
      .equalStamps, .stampsByClock, .checksBases, .opaqueCursors, .watermarkAfterQuery,
      .newestFirst,
    ])
    let device = try await MemoryDevice(server)
    try await device.store.write { try $0.create("c", "r", ["n": 1]) }
    try await device.store.write { try $0.delete("c", "r") }
    try await device.sync()
    try await device.store.write { try $0.create("c", "r", ["n": 2]) }
    try await device.store.write { try $0.update("c", "r", set: ["mine": true]) }
    for _ in 0..<2 { try await device.sync() }
    try await device.sync(.both, .fullState)
    #expect(try device.store.journal.read { try $0.counts() }.accepted == 0)
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .stampsByClock])
  func `are asked for again from before a clock that went back`(_ behaviour: FeedBehaviour)
    async throws
  {
    let server = MemoryServer(behaviour)
    fill(server, 2)
    let device = try await MemoryDevice(server)
    try await device.sync()
    server.clock.setTimeOfDay(server.clock.milliseconds - 60_000)
    fill(server, 2, from: 2)
    try await device.sync()
    try device.expectServersRecords(server)
    // Further than the overlap: a good server's stamps go on growing, the other one's are not seen.
    server.clock.setTimeOfDay(server.clock.milliseconds - 3_600_000)
    fill(server, 2, from: 4)
    server.write("c", "r0", ["n": "again"])
    try await device.sync()
    if behaviour == [] { try device.expectServersRecords(server) }
    try await device.sync(.both, .fullState)
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .stampsBeforeCommit])
  func `of a transaction that commits late are within the overlap`(_ behaviour: FeedBehaviour)
    async throws
  {
    let server = MemoryServer(behaviour)
    let device = try await MemoryDevice(server)
    let late = server.beginTransaction()
    late.write("c", "late", ["n": 1])
    server.clock.advance(by: .seconds(30))
    server.write("c", "seen", ["n": 2])
    try await device.sync()
    #expect(try device.records.keys.sorted() == ["seen"])
    late.commit()
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test func `of a transaction that commits late are missed without an overlap`() async throws {
    let server = MemoryServer(.stampsBeforeCommit, overlapMilliseconds: 0)
    let device = try await MemoryDevice(server)
    let late = server.beginTransaction()
    late.write("c", "late", ["n": 1])
    server.clock.advance(by: .seconds(30))
    server.write("c", "seen", ["n": 2])
    try await device.sync()
    late.commit()
    try await device.sync()
    #expect(try device.records.keys.sorted() == ["seen"], "the model tells such a client")
    try await device.sync(.both, .fullState)
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .watermarkAfterQuery])
  func `taken after the query are asked for again from before`(_ behaviour: FeedBehaviour)
    async throws
  {
    let server = MemoryServer(behaviour)
    fill(server, 2)
    let device = try await MemoryDevice(server)
    server.meanwhile { request in
      if request == "changes" { server.write("c", "between", ["n": 9]) }
    }
    try await device.sync()
    server.meanwhile(nil)
    #expect(try device.records["between"] == nil)
    try await device.sync()
    try device.expectServersRecords(server)
  }
}
