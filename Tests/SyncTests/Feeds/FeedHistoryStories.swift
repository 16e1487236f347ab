import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport
import TransportTesting

/// Rows of pages, of what a server forgets, and of a device's own edits.
@Suite struct `A feed's pages and past` {
  private func fill(_ server: MemoryServer, _ count: Int, from first: Int = 0) {
    for number in first..<(first + count) {
      server.clock.advance(by: .seconds(1))
      server.write("c", "r\(number)", ["n": .integer(Int64(number))])
    }
  }

  @Test(arguments: [FeedBehaviour(), .newestFirst, .pagedByOffset])
  func `may change while they are read`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, 8)
    let device = try await MemoryDevice(server, pageLimit: 3)
    let pages = Mutex(0)
    server.meanwhile { request in
      guard request == "changes" else { return }
      let page = pages.withLock { pages in
        pages += 1
        return pages
      }
      // The oldest record becomes the newest, and another one comes.
      guard page <= 2 else { return }
      server.clock.advance(by: .seconds(1))
      server.write("c", "r\(page)", ["n": "moved"])
      server.write("c", "new\(page)", ["n": 0])
    }
    try await device.sync()
    server.meanwhile(nil)
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .repeatsEverything])
  func `leave no trace when they come again`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, 6)
    server.write("c", "r0", nil)
    let device = try await MemoryDevice(server)
    try await device.sync()
    // What was deleted before the device came is told once, by the overlap, which begins elsewhere for it.
    for _ in 0..<2 { try await device.sync() }
    let last = try device.store.journal.lastSequence
    for _ in 0..<3 { try await device.sync() }
    #expect(try device.store.journal.lastSequence == last)
    try device.expectServersRecords(server)
  }

  @Test func `show more than was asked for, of which nothing is taken`() async throws {
    let server = MemoryServer()
    server.write("c", "1", ["n": 1])
    server.write("others", "1", ["n": 1])
    let device = try await MemoryDevice(server, pageLimit: 1)
    try await device.sync()
    try await device.sync(.both, .fullState)
    server.write("others", "1", nil)
    try await device.sync()
    let last = try device.store.journal.lastSequence
    for number in 0..<20 {
      server.write("others", "\(number)", ["n": 2])
      try await device.sync()
    }
    #expect(try device.store.journal.lastSequence == last)
    #expect(try device.store.query(Query("others")).isEmpty)
    try device.expectServersRecords(server)
  }

  @Test func `come again where the answer was lost`() async throws {
    let server = MemoryServer(overlapMilliseconds: 0)
    fill(server, 6)
    let device = try await MemoryDevice(server, pageLimit: 2)
    let pages = Mutex(0)
    server.meanwhile { request in
      guard request == "changes" else { return }
      let page = pages.withLock { pages in
        pages += 1
        return pages
      }
      if page == 1 { server.failNext(.answerLost) }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.records.count == 2, "what was taken in stays")
    let asked = server.requests.count
    try await device.sync()
    try device.expectServersRecords(server)
    #expect(server.requests.count - asked == 3, "and is not asked for again")
  }

  @Test func `are missed by a client that keeps the cursor before the data`() async throws {
    let server = MemoryServer(overlapMilliseconds: 0)
    fill(server, 6)
    let broken = CursorFirst(inner: server)
    let device = try await MemoryDevice(broken, pageLimit: 2)
    broken.cutsNext.withLock { $0 = true }
    await #expect(throws: TransportError.self) { try await device.sync() }
    try await device.sync()
    // What such a client loses is seen here; the engine keeps both in one transaction.
    #expect(try device.records.count == 4)
    let right = try await MemoryDevice(server, pageLimit: 2)
    try await right.sync()
    try right.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .opaqueCursors])
  func `go on at a cursor nobody reads`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour, seed: 7)
    fill(server, 7)
    let device = try await MemoryDevice(server, pageLimit: 2)
    try await device.sync()
    fill(server, 3, from: 5)
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .purgesSilently])
  func `may have been purged of deletions`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, 4)
    let device = try await MemoryDevice(server)
    try await device.sync()
    try await device.put("mine", ["n": 1])
    server.write("c", "r1", nil)
    server.purgeDeletions()
    server.clock.advance(by: .seconds(3_600))
    fill(server, 1, from: 9)
    let report = try await device.sync()
    if behaviour == [] {
      #expect(report.vanished == 1)
    } else {
      #expect(try device.records["r1"] != nil, "nobody said that it is gone")
      try await device.sync(.both, .fullState)
    }
    try device.expectServersRecords(server)
    #expect(server.record("c", "mine") == ["n": 1])
  }

  @Test(arguments: [FeedBehaviour(), .restoresSilently])
  func `may be those of a backup`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, 3)
    let device = try await MemoryDevice(server)
    let backup = server.backup()
    fill(server, 2, from: 2)
    try await device.put("mine", ["n": 1])
    try await device.sync()
    server.restore(backup)
    try await device.put("pending", ["n": 2])
    server.clock.advance(by: .seconds(3_600))
    fill(server, 1, from: 7)
    try await device.sync()
    if behaviour != [] { try await device.sync(.both, .fullState) }
    try device.expectServersRecords(server)
    #expect(server.record("c", "pending") == ["n": 2])
  }

  @Test func `may be those of another database`() async throws {
    let server = MemoryServer()
    fill(server, 3)
    let device = try await MemoryDevice(server)
    try await device.sync()
    server.replaceDatabase()
    try await device.put("pending", ["n": 2])
    try await device.sync()
    try device.expectServersRecords(server)
    #expect(server.records("c") == ["pending": ["n": 2]])
  }

  @Test(arguments: [FeedBehaviour(), .hidesSilently])
  func `follow what the reader may see`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, 2)
    let device = try await MemoryDevice(server)
    server.permit("c", "r1", false)
    try await device.sync()
    #expect(try device.records.keys.sorted() == ["r0"])
    // Granted, and taken away, after the feed has long passed their stamps.
    server.clock.advance(by: .seconds(3_600))
    fill(server, 1, from: 5)
    try await device.sync()
    server.permit("c", "r1", true)
    server.permit("c", "r0", false)
    try await device.sync()
    if behaviour != [] {
      #expect(try device.records.keys.sorted() == ["r0", "r5"])
      try await device.sync(.both, .fullState)
    }
    #expect(try device.records.keys.sorted() == ["r1", "r5"])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [FeedBehaviour(), .namesEdits])
  func `show a device its own edits, which are no news`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    let device = try await MemoryDevice(server)
    try await device.put("mine", ["n": 1])
    let report = try await device.sync()
    #expect(report.pulled == 0 && report.accepted == 1)
    let again = try await device.sync()
    #expect(again.pulled == 0)
    try device.expectServersRecords(server)
  }

  @Test(arguments: [FeedBehaviour(), .forgetsEdits])
  func `have an edit once whose answer was lost`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    let device = try await MemoryDevice(server)
    try await device.put("mine", ["n": 1])
    server.meanwhile { request in if request == "info" { server.failNext(.answerLost) } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    server.meanwhile(nil)
    #expect(server.acknowledged == [] && server.carriedOut.count == 1)
    try await device.sync()
    #expect(server.carriedOut.count == (behaviour == [] ? 1 : 2))
    #expect(server.acknowledged.count == 1)
    try device.expectServersRecords(server)
  }

  @Test func `leave an edit pending that was made while an earlier one was on its way`()
    async throws
  {
    let server = MemoryServer()
    let device = try await MemoryDevice(server)
    try await device.put("mine", ["n": 1])
    let store = device.store
    let isFirst = Mutex(true)
    server.meanwhile { request in
      guard request.hasPrefix("push"),
        isFirst.withLock({ first in
          defer { first = false }
          return first
        })
      else { return }
      await #expect(throws: Never.self) {
        try await store.write { try $0.update("c", "mine", set: ["n": 2]) }
      }
    }
    try await device.sync(.pushOnly)
    #expect(server.acknowledged.count == 2 && server.carriedOut.count == 2)
    try await device.sync()
    #expect(server.record("c", "mine") == ["n": 2])
    try device.expectServersRecords(server)
  }

  @Test func `of a server that looks at what an edit is based on end in both sides' fields`()
    async throws
  {
    let server = MemoryServer(.checksBases)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await MemoryDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.write("c", "1", ["a": 3, "b": 2])
    try await device.sync()
    #expect(server.record("c", "1") == ["a": 2, "b": 2])
    try device.expectServersRecords(server)
  }

  @Test func `of the commonest backend come right by the full state`() async throws {
    let server = MemoryServer(.timestampOnly)
    fill(server, 5)
    let device = try await MemoryDevice(server, pageLimit: 2)
    try await device.sync()
    let late = server.beginTransaction()
    late.write("c", "late", ["n": 1])
    server.clock.advance(by: .seconds(300))
    server.write("c", "r1", nil)
    server.purgeDeletions()
    fill(server, 2, from: 3)
    try await device.put("mine", ["n": 1])
    try await device.sync()
    late.commit()
    try await device.sync()
    try await device.sync(.both, .fullState)
    try device.expectServersRecords(server)
  }
}

/// What a client asks for that had kept a page's cursor when it ended before it had the page's data.
private final class CursorFirst: Remote {
  let inner: MemoryServer
  let cutsNext = Mutex(false)
  private let kept = Mutex<String?>(nil)

  init(inner: MemoryServer) {
    self.inner = inner
  }

  var isWitness: Bool { false }
  func info(device: DeviceID) async throws -> RemoteInfo { try await inner.info(device: device) }
  func push(_ push: Push) async throws -> PushAnswer { try await inner.push(push) }
  func show(_ witness: Witness) async throws -> WitnessAnswer { try await inner.show(witness) }

  func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    let asked = kept.withLock { kept in
      defer { kept = nil }
      return kept
    }
    let page = try await inner.changes(after: asked ?? cursor, limit: limit, device: device)
    let isCut = cutsNext.withLock { isCut in
      defer { isCut = false }
      return isCut
    }
    guard isCut else { return page }
    kept.withLock { $0 = page.cursor }
    throw TransportError.unreachable("the client ended here")
  }
}
