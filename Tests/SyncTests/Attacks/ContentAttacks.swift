import Journal
import Projection
import Synchronization
import TestKit
import Testing
import TransportTesting

@testable import Transport

/// What is in an answer, where its HTTP is in order.
@Suite struct `A server of plain records that answers with` {
  struct Hostile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: [UInt8]

    init(_ name: String, _ body: [UInt8]) { (testDescription, self.body) = (name, body) }
    init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }

    private static func record(_ rest: String) -> String {
      #"[{"id":"1","changed":5,"# + rest + "}]"
    }
    private static func times(_ text: String, _ count: Int) -> String {
      String(repeating: text, count: count)
    }

    static let refused: [Hostile] = [
      Hostile("a million arrays in each other", times("[", 1_000_000)),
      Hostile("a million objects in each other", times(#"{"a":"#, 1_000_000)),
      Hostile("arrays in each other that end", times("[", 100_000) + times("]", 100_000)),
      Hostile("a field of 40 levels", record(#""a":"# + times("[", 40) + times("]", 40))),
      Hostile("a name twice", record(#""a":1,"a":2"#)),
      Hostile("a name twice, once escaped", record(#""a":1,"\u0061":2"#)),
      Hostile("a name twice, deep down", record(#""x":[{"a":1,"a":2}]"#)),
      Hostile("a number of a million digits", record(#""a":"# + times("9", 1_000_000))),
      Hostile("1e400", record(#""a":1e400"#)),
      Hostile("-1e400", record(#""a":-1e400"#)),
      Hostile("NaN", record(#""a":NaN"#)),
      Hostile("Infinity", record(#""a":Infinity"#)),
      Hostile("a number that begins with zero", record(#""a":01"#)),
      Hostile("half a surrogate pair", record(#""a":"\ud800""#)),
      Hostile("a line break in a string", record("\"a\":\"x\ny\"")),
      Hostile("a NUL outside of strings", "[\u{0}]"),
      Hostile(
        "bytes that are no UTF-8",
        Array(record(#""a":""#).dropLast(2).utf8) + [0xC3, 0x28, 0x22, 0x7D, 0x5D]),
      Hostile(
        "an overlong slash",
        Array(record(#""a":""#).dropLast(2).utf8) + [0xC0, 0xAF, 0x22, 0x7D, 0x5D]),
      Hostile("a byte order mark", "\u{FEFF}[]"),
      Hostile("nothing", ""),
      Hostile("something behind its end", "[] []"),
      Hostile("a string without end", record(#""a":"x"#)),
      Hostile("a key of 129 bytes", #"[{"id":""# + times("k", 129) + #"","changed":5}]"#),
      Hostile("an empty key", #"[{"id":"","changed":5}]"#),
      Hostile("a key that is an object", #"[{"id":{"a":1},"changed":5}]"#),
      Hostile("a key with a fraction", #"[{"id":1.5,"changed":5}]"#),
      Hostile("a version below zero", #"[{"id":"1","changed":-1}]"#),
      Hostile("a version over 64 bits", #"[{"id":"1","changed":99999999999999999999}]"#),
      Hostile("a version with a fraction", #"[{"id":"1","changed":1.5}]"#),
      Hostile("a version of the 13th month", #"[{"id":"1","changed":"2026-13-01T00:00:00Z"}]"#),
      Hostile(
        "100,001 records",
        "[" + times(#"{"id":"1","changed":1},"#, 100_000) + #"{"id":"1","changed":1}]"#),
      Hostile("a field's name of 2 MiB", record("\"" + times("n", 2 << 20) + #"":1"#)),
      Hostile("a field of 2 MiB", record(#""a":""# + times("x", 2 << 20) + "\"")),
    ]
  }

  private func device(_ body: [UInt8]) async throws -> (RecordDevice, PlainServer) {
    let server = PlainServer(`A server of plain records`.puts)
    server.write("c", "kept", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.state.withLock { state in
      state.answering = { request in
        request.method == "GET" ? HTTPExchangeResponse(status: 200, body: body) : nil
      }
    }
    return (device, server)
  }

  @Test(arguments: Hostile.refused)
  func `what nobody should believe:`(_ hostile: Hostile) async throws {
    let (device, server) = try await device(hostile.body)
    let cursor = try device.store.journal.read { try $0.cursor(of: "plain") }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect((error?.description.utf8.count ?? 0) < 2_000)
    #expect(try device.store.journal.read { try $0.cursor(of: "plain") } == cursor)
    #expect(try device.keys == ["kept"])
    server.state.withLock { $0.answering = { _ in nil } }
    try await device.sync()
    #expect(try device.store.problems() == [])
  }

  /// Keys that would be something else in a path, a query or a terminal.
  @Test(arguments: [
    "...", "../../etc/passwd", "%2e%2e%2f", "a/b", "a?b=c", "a#b", "a b", "a&b", "\u{1}\u{1b}[31m",
    "__proto__", "constructor", "аdmin", "admin", "ﬁ", "e\u{301}", "\u{E9}", "\u{202E}txt", "💥",
    "-0",
  ])
  func `a key that is taken for what it is, and no path:`(_ key: String) async throws {
    let server = PlainServer(`A server of plain records`.puts)
    server.write("c", key, ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(try device.keys.map { Array($0.utf8) } == [Array(key.utf8)])
    try await device.store.write { try $0.update("c", key, set: ["n": 2]) }
    try await device.sync()
    let path = server.log.first { $0.hasPrefix("PATCH") } ?? ""
    #expect(path == "PATCH /c/" + RemoteURL.escape(key))
    #expect(path.utf8.allSatisfy { $0 > 0x1F && $0 < 0x7F })
    #expect(path.split(separator: "/").count == 3)
  }

  @Test(arguments: [".", ".."])
  func `a key that leads elsewhere in a URL, to which nothing is sent:`(_ key: String) async throws
  {
    let server = PlainServer(`A server of plain records`.puts)
    server.write("c", key, ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.delete("c", key) }
    #expect(try await device.sync().refused == 1)
    #expect(!server.log.contains { $0.hasPrefix("DELETE") })
    #expect(throws: TransportError.self) {
      _ = try RESTServer(
        url: "https://plain.test", collections: [key], settings: server.settings, exchange: server)
    }
  }

  /// Whatever the HTTP client lets through.
  @Test(arguments: [
    [(name: "Content-Encoding", value: "gzip")],
    [(name: "content-encoding", value: "identity, br")],
    (0..<300).map { (name: "h\($0)", value: "x") },
  ])
  func `a head nobody should accept`(_ headers: [(name: String, value: String)]) async throws {
    let (device, server) = try await device(Array("[]".utf8))
    server.state.withLock { state in
      state.answering = { request in
        request.method == "GET"
          ? HTTPExchangeResponse(status: 200, headers: headers, body: Array("[]".utf8)) : nil
      }
    }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(try device.keys == ["kept"])
  }

  @Test func `texts that look alike, which stay apart`() async throws {
    let keys = ["admin", "аdmin", "\u{E9}", "e\u{301}"]
    let list = keys.map { "{\"id\":\"\($0)\",\"changed\":5}" }.joined(separator: ",")
    let (device, _) = try await device(Array("[\(list)]".utf8))
    try await device.sync()
    #expect(try device.keys.count == 5)
  }

  @Test func `a NUL in a string, which is a character like others`() async throws {
    let (device, _) = try await device(Array(#"[{"id":"1","changed":5,"a":"x\u0000y"}]"#.utf8))
    try await device.sync()
    #expect(try device.get("1") == ["a": "x\u{0}y"])
  }
}

/// Answers in the shape of our own server's.
@Suite struct `Our server's answer that` {
  struct Hostile: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: [UInt8]

    init(_ name: String, _ body: [UInt8]) { (testDescription, self.body) = (name, body) }

    static let all: [Hostile] = [
      Hostile("is empty", []),
      Hostile("is an array of 2^63", [0x9B, 0x80, 0, 0, 0, 0, 0, 0, 0]),
      Hostile("is an array of 2^64 - 1", [0x9B] + [UInt8](repeating: 0xFF, count: 8)),
      Hostile("is a map of 2^64 - 1", [0xBB] + [UInt8](repeating: 0xFF, count: 8)),
      Hostile("is a text of 2^64 - 1", [0x7B] + [UInt8](repeating: 0xFF, count: 8)),
      Hostile("is a million arrays deep", [UInt8](repeating: 0x81, count: 1_000_000)),
      Hostile("is a million maps deep", [UInt8](repeating: 0xA1, count: 1_000_000)),
      Hostile("is a million tags deep", [UInt8](repeating: 0xC1, count: 1_000_000)),
      Hostile("has no definite length", [0xBF, 0x01, 0x61, 0x65, 0xFF]),
      Hostile("has a text that is no UTF-8", [0xA2, 0x01, 0x62, 0xC3, 0x28, 0x02, 0x00]),
      Hostile("names a member twice", [0xA2, 0x01, 0x61, 0x65, 0x01, 0x61, 0x65]),
      Hostile("goes on behind its end", [0xA2, 0x01, 0x61, 0x65, 0x02, 0x00, 0x00]),
      Hostile(
        "has a number in a longer form than needed", [0xA2, 0x01, 0x61, 0x65, 0x02, 0x18, 0x01]),
      Hostile("has a negative size", [0xA2, 0x01, 0x61, 0x65, 0x02, 0x20]),
      Hostile("is JSON", Array("{}".utf8)),
    ]
  }

  private func server(_ body: [UInt8], status: Int = 200) throws -> JournalServer {
    let url = "https://ours.test"
    let device = DeviceID(high: 1, low: 2)
    return try JournalServer(
      url: url,
      exchange: StubExchange([
        StubRule("GET", "\(url)/v1/info?device=\(device)", status: status, body: body),
        StubRule("GET", "\(url)/v1/feed?device=\(device)&limit=10", status: status, body: body),
      ]), authorization: { "Bearer canary-55" })
  }

  @Test(arguments: Hostile.all)
  func `nobody should believe:`(_ hostile: Hostile) async throws {
    let server = try server(hostile.body)
    let device = DeviceID(high: 1, low: 2)
    let info = await #expect(throws: TransportError.self) { try await server.info(device: device) }
    #expect(info?.code == "protocol-violation")
    let feed = await #expect(throws: TransportError.self) {
      try await server.changes(after: nil, limit: 10, device: device)
    }
    #expect(feed?.code == "protocol-violation")
  }

  @Test func `repeats the token of its request is not repeated`() async throws {
    let body = FeedCodec.encode(code: "unauthorized", message: "no: Bearer canary-55")
    let server = try server(body, status: 401)
    let error = await #expect(throws: TransportError.self) {
      try await server.info(device: DeviceID(high: 1, low: 2))
    }
    #expect(error?.code == "unauthorized")
    #expect(error?.description.contains("canary") == false)
  }
}
