import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Lists that are not read in one go, or not at all.
extension `A list of plain records` {
  @Test func `is read to its end by syncs that are each cut off after some pages`() async throws {
    let server = paged(
      settings { ($0.paging, $0.pageSize, $0.differential) = (.offset, 1, .nothing) }, count: 20,
      by: 1
    ) { _ in (nil, nil) }
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "s", ["n": 1])
    let asked = Mutex(0)
    server.state.withLock { state in
      state.refusing = { method, _ in
        guard method == "GET" else { return nil }
        let count = asked.withLock { asked in
          asked += 1
          return asked
        }
        return count.isMultiple(of: 8) ? (429, "slowly") : nil
      }
    }
    for _ in 0..<4 where try device.get("s") == nil {
      await #expect(throws: TransportError.self) { try await device.sync(.pullOnly) }
    }
    #expect(try device.get("s") == ["n": 1])
  }

  @Test(arguments: [403, 404, 500])
  func `that cannot be read keeps none of the others back`(_ status: Int) async throws {
    let server = PlainServer(settings { $0.differential = .parameter })
    for collection in ["c", "d", "e"] { server.write(collection, "1", ["n": 1]) }
    let device = try await RecordDevice(server, collections: ["c", "d", "e"])
    try await device.sync()
    server.state.withLock { state in
      state.refusing = { $0 == "GET" && $1.hasPrefix("/d") ? (status, "no") : nil }
    }
    for collection in ["c", "d", "e"] { server.write(collection, "2", ["n": 2]) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.get("2") == ["n": 2])
    let others = try device.store.read { (try $0.get("d", "2"), try $0.get("e", "2")) }
    #expect(others.0 == nil)
    // A server in trouble is left alone.
    #expect((others.1 == nil) == (status == 500))
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(try device.store.read { try $0.get("d", "2") } == ["n": 2])
    #expect(try device.store.read { try $0.get("e", "2") } == ["n": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `leaves no trace where a stamp of the future moves with the server's clock`()
    async throws
  {
    let server = PlainServer(settings { $0.differential = .parameter })
    server.write("c", "1", ["n": 1])
    server.state.withLock { state in
      state.clock += 3_000_000_000_000
    }
    server.write("c", "far", ["n": 1])
    let clock = Mutex(10)
    server.state.withLock { state in
      state.altering = { _, answer in
        answer.headers.removeAll { $0.name == "Date" }
        let second = clock.withLock { $0 }
        answer.headers.append((name: "Date", value: "Tue, 14 Nov 2023 22:14:\(second) GMT"))
      }
    }
    let device = try await RecordDevice(server)
    try await device.sync()
    let last = try device.store.journal.lastSequence
    for _ in 0..<3 {
      clock.withLock { $0 += 10 }
      try await device.sync()
    }
    #expect(try device.store.journal.lastSequence == last)
  }

  @Test func `that cannot be read takes nothing away with a full state that is cut`() async throws {
    let server = paged(
      settings { ($0.paging, $0.pageSize, $0.differential) = (.offset, 1, .nothing) }, count: 2,
      by: 1
    ) { _ in (nil, nil) }
    server.write("d", "1", ["n": 1])
    for key in ["1", "2", "3"] { server.write("e", key, ["n": 1]) }
    let device = try await RecordDevice(server, collections: ["c", "d", "e"])
    try await device.sync()
    let isCut = Mutex(false)
    server.state.withLock { state in
      state.refusing = { method, path in
        guard method == "GET" else { return nil }
        if path.hasPrefix("/d") { return (403, "no") }
        guard path.hasPrefix("/e"), path.contains("offset=1") else { return nil }
        return isCut.withLock { isCut in
          defer { isCut = true }
          return isCut ? nil : (429, "slowly")
        }
      }
    }
    await #expect(throws: TransportError.self) { try await device.sync(.both, .fullState) }
    for _ in 0..<2 { _ = try? await device.sync() }
    #expect(try device.store.read { try $0.get("d", "1") } == ["n": 1])
  }

  @Test func `is not at its end where the server knows nothing for a while`() async throws {
    let server = paged(
      settings { ($0.paging, $0.pageSize, $0.differential) = (.page, 10, .nothing) }, count: 30
    ) { _ in (nil, nil) }
    let device = try await RecordDevice(server)
    try await device.sync()
    let isAway = Mutex(false)
    server.state.withLock { state in
      state.refusing = { method, path in
        guard method == "GET" else { return nil }
        if path.contains("page=2") { isAway.withLock { $0 = true } }
        return isAway.withLock { $0 } ? (404, "nothing here") : nil
      }
    }
    await #expect(throws: TransportError.self) { try await device.sync(.both, .fullState) }
    #expect(try device.keys.count == 30)
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(try device.keys.count == 30)
  }
}
