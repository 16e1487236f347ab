import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `A Kinto server` {
  @Test func `keeps what two devices write, and both end up with the same`() async throws {
    let server = KintoDouble()
    let (one, two) = (try await RecordDevice(server), try await RecordDevice(server))
    try await one.store.write { tx in
      try tx.create("c", "a", ["n": 1, "s": "x"])
      try tx.create("c", "b", ["n": 2])
    }
    try await one.sync()
    try await two.sync()
    try await two.store.write { try $0.update("c", "a", set: ["n": 5]) }
    try await two.store.write { try $0.delete("c", "b") }
    try await one.store.write { try $0.update("c", "a", set: ["s": "y"]) }
    try await two.sync()
    try await one.sync()
    try await two.sync()
    for device in [one, two] {
      #expect(try device.get("a") == ["n": 5, "s": "y"] && device.keys == ["a"])
      #expect(try device.counts.pending == 0 && device.counts.parked == 0)
      #expect(try device.store.problems() == [])
    }
    #expect(server.fields("a") == ["n": 5, "s": "y"] && server.ids == ["a"])
  }

  @Test func `is told with every request which version it stands on`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    let stamp = server.write("c", "a", ["n": 1])
    let other = server.write("c", "b", ["n": 1])
    try await device.sync()
    try await device.store.write { try $0.create("c", "new", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { try $0.delete("c", "b") }
    try await device.sync()
    #expect(
      server.batches == [
        [
          #"PUT new If-None-Match: "*""#, #"PATCH a If-Match: "\"\#(stamp)\"""#,
          #"DELETE b If-Match: "\"\#(other)\"""#,
        ]
      ])
  }

  @Test func `gets the edits of one record as one request, which acknowledges them all`()
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.create("c", "b", ["n": 1]) }
    for number in 2...9 {
      try await device.store.write { try $0.update("c", "a", set: ["n": .integer(Int64(number))]) }
    }
    let report = try await device.sync()
    #expect(report.accepted == 10)
    #expect(server.batches.flatMap(\.self).count == 2)
    #expect(server.fields("a") == ["n": 9])
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `never hears of a record that was made and deleted before`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { try $0.delete("c", "a") }
    let report = try await device.sync()
    #expect(report.accepted == 3 && server.batches == [])
    #expect(try device.keys == [] && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `keeps null apart from a field that was taken away, and objects whole`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["gone": 1, "kept": 2, "o": ["x": 1]])
    try await device.sync()
    try await device.store.write { tx in
      try tx.update("c", "a", set: ["empty": .null, "o": ["y": 2]], unset: ["gone"])
    }
    try await device.sync()
    let expected: Fields = ["empty": .null, "kept": 2, "o": ["y": 2]]
    #expect(server.fields("a") == expected)
    #expect(try device.get("a") == expected)
    #expect(try device.store.problems() == [])
  }

  @Test func `shows what others write and delete, also a field called deleted`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    server.write("c", "b", ["deleted": true, "n": 2])
    try await device.sync()
    #expect(try device.get("b") == ["deleted": true, "n": 2])
    server.write("c", "a", nil)
    try await device.sync()
    #expect(try device.keys == ["b"])
  }

  @Test func `is read page by page, and never at another host than its own`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    for number in 0..<25 { server.write("c", "r\(number)", ["n": .integer(Int64(number))]) }
    server.state.withLock { state in
      state.pageLimit = 10
      state.nextPageHost = "http://inside.test:8888"
    }
    try await device.sync()
    #expect(try device.keys.count == 25)
    #expect(server.log.filter { $0.contains("_token") }.count == 2)
  }

  @Test(arguments: [0, 10])
  func `is asked for fewer records where a page of them is too long to be read`(
    _ small: Int
  ) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server, through: ShortAnswers(server, atMost: 1_500))
    for number in 0..<small { server.write("c", "small \(number)", ["n": 1]) }
    for number in 0..<10 {
      server.write("c", "large \(number)", ["text": .string(String(repeating: "x", count: 300))])
    }
    server.state.withLock { $0.pageLimit = 10 }
    try await device.sync()
    #expect(try device.keys.count == small + 10)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [1, 2, 100])
  func `is read from the beginning again, also where the last page told nothing new`(
    _ pageLimit: Int
  ) async throws {
    let server = KintoDouble(["c", "d"])
    let device = try await RecordDevice(server, collections: ["c", "d"])
    for key in ["1", "2", "3"] {
      server.write("c", key, ["n": 1])
      server.write("d", key, ["n": 1])
    }
    server.state.withLock { $0.pageLimit = pageLimit }
    for _ in 0..<3 { try await device.sync() }
    for key in ["4", "5", "6"] {
      server.write("c", key, ["n": 2])
      try await device.sync()
      #expect(try device.get(key) == ["n": 2])
    }
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [1, 2, 100])
  func `leaves nothing behind where its lists of several pages tell nothing new`(
    _ pageLimit: Int
  ) async throws {
    let server = KintoDouble(["c", "d"])
    let device = try await RecordDevice(server, collections: ["c", "d"])
    for key in 1...20 {
      server.write("c", "\(key)", ["n": 1])
      server.write("d", "\(key)", ["n": 1])
    }
    server.state.withLock { $0.pageLimit = pageLimit }
    for _ in 0..<2 { try await device.sync() }
    let last = try device.store.journal.lastSequence
    for _ in 0..<3 { try await device.sync() }
    #expect(try device.store.journal.lastSequence == last)
  }

  @Test func `is not asked for a list that did not change`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server)
    server.write("c", "a", ["n": 1])
    server.state.withLock { $0.sinceThen = 60_000 }
    try await device.sync()
    try await device.sync()
    #expect(server.state.withLock { $0.answered.last } == 304)
    server.write("c", "b", ["n": 1])
    try await device.sync()
    #expect(try device.keys == ["a", "b"])
  }

  @Test func `is told of two collections in batches of their own`() async throws {
    let server = KintoDouble(["c", "d"])
    let device = try await RecordDevice(server, collections: ["c", "d"])
    for key in ["1", "2"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
      try await device.store.write { try $0.create("d", key, ["n": 2]) }
    }
    server.state.withLock { $0.conflicts = [0] }
    try await device.sync()
    #expect(server.batches.map(\.count) == [2, 2, 1, 1], "the other one is not sent again")
    #expect(server.ids == ["1", "2"] && server.fields("2", in: "d") == ["n": 2])
    #expect(try device.counts.pending == 0)
  }

  @Test func `gets no more requests at once than it takes`() async throws {
    let server = KintoDouble()
    server.state.withLock { $0.batchLimit = 3 }
    let device = try await RecordDevice(server)
    for number in 0..<8 {
      try await device.store.write { try $0.create("c", "r\(number)", ["n": 1]) }
    }
    try await device.sync()
    #expect(server.batches.map(\.count) == [3, 3, 2] && server.ids.count == 8)
  }

  @Test func `has to have names it takes, and time to finish its transactions`() throws {
    let server = KintoDouble()
    for name in ["", "a/b", "_x", "a b", "é"] {
      #expect(throws: TransportError.self) {
        _ = try KintoServer(
          url: server.root, collections: [name], settings: KintoSettings(), exchange: server)
      }
      #expect(throws: TransportError.self) { _ = try KintoSettings(["bucket": .string(name)]) }
    }
    #expect(throws: TransportError.self) {
      _ = try KintoServer(
        url: server.root, collections: [], settings: KintoSettings(), exchange: server)
    }
    #expect(throws: TransportError.self) { _ = try KintoSettings(["overlapMilliseconds": 4_999]) }
    #expect(throws: TransportError.self) { _ = try KintoSettings(["creates": "put"]) }
    let settings = try KintoSettings(["bucket": "b", "overlapMilliseconds": 7_000])
    #expect(try KintoSettings(settings.options) == settings)
  }
}

/// Reads no answer over a length.
private struct ShortAnswers: HTTPExchange {
  let server: KintoDouble
  let limit: Int

  init(_ server: KintoDouble, atMost limit: Int) {
    self.server = server
    self.limit = limit
  }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let answer = try await server.send(request)
    guard answer.body.count <= limit else {
      throw TransportError.protocolViolation("the server's answer is over \(limit) bytes")
    }
    return answer
  }
}
