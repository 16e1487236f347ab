import Journal
import Projection
import TestKit
import Testing
import Transport
import TransportTesting

/// The same misbehaviours over HTTP, where the reader of plain records has to cope with them.
@Suite struct `A misbehaving feed over HTTP` {
  private static let url = "https://memory.test/api"

  private static let settings: RESTSettings = {
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .put
    return settings
  }()

  private func device(
    _ server: MemoryServer, _ settings: RESTSettings = settings, credentials: String? = nil
  ) async throws -> MemoryDevice {
    try await MemoryDevice(
      RESTServer(
        url: Self.url, collections: ["c"], settings: settings,
        exchange: server.exchange(url: Self.url, settings: settings, credentials: credentials),
        authorization: { credentials }))
  }

  private func fill(_ server: MemoryServer, _ keys: String...) {
    for key in keys { server.write("c", key, ["of": .string(key), "n": 1.5]) }
  }

  @Test(arguments: [
    FeedBehaviour(), .equalStamps, .repeatsEverything, [.equalStamps, .repeatsEverything],
    .leapSecondText, .forgetsEdits,
  ])
  func `ends in the server's records`(_ behaviour: FeedBehaviour) async throws {
    let server = MemoryServer(behaviour)
    fill(server, "a", "b", "c", "é/ü")
    let device = try await device(server, credentials: "Bearer x")
    try await device.sync()
    try await device.put("mine", ["n": 1])
    server.clock.advance(by: .seconds(2))
    fill(server, "d", "e")
    server.write("c", "a", nil)
    try await device.sync()
    try device.expectServersRecords(server)
    #expect(server.record("c", "mine") == ["n": 1])
    server.write("c", "mine", nil)
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test func `commits late within the overlap`() async throws {
    let server = MemoryServer(.timestampOnly)
    let device = try await device(server)
    let late = server.beginTransaction()
    late.write("c", "late", ["n": 1])
    server.clock.advance(by: .seconds(60))
    fill(server, "seen")
    try await device.sync()
    late.commit()
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test func `stamps the last second of a year with sixty`() async throws {
    // The end of 2016, which had a leap second.
    let server = MemoryServer(.leapSecondText, clock: .init(1_483_228_799_000))
    fill(server, "before")
    server.clock.advance(by: .milliseconds(400))
    fill(server, "within")
    let device = try await device(server)
    try await device.sync()
    server.clock.advance(by: .seconds(2))
    fill(server, "after")
    try await device.sync()
    try device.expectServersRecords(server)
    #expect(server.requests.contains("GET /c?since=2016-12-31T23%3A57%3A59.999Z"))
  }

  @Test func `stamps with fractions, which nobody guesses at`() async throws {
    let server = MemoryServer()
    fill(server, "a")
    let device = try await device(server)
    try await device.sync()
    server.behaviour = .floatStamps
    fill(server, "b")
    await #expect {
      try await device.sync(.pullOnly)
    } throws: { error in
      (error as? TransportError)?.code == "protocol-violation" && "\(error)".contains("changed")
    }
    #expect(try device.records.keys.sorted() == ["a"])
    server.behaviour = []
    try await device.sync()
    try device.expectServersRecords(server)
  }

  @Test(arguments: [MemoryServer.Fault.requestLost, .answerLost, .unavailable])
  func `comes right whichever request fails`(_ fault: MemoryServer.Fault) async throws {
    for number in 0..<6 {
      let server = MemoryServer()
      fill(server, "theirs")
      let device = try await device(server)
      try await device.put("a", ["n": 1])
      try await device.put("b", ["n": 2])
      server.meanwhile { _ in
        if server.requests.count == number { server.failNext(fault) }
      }
      if number == 0 { server.failNext(fault) }
      _ = try? await device.sync()
      server.meanwhile(nil)
      server.failNext()
      try await device.sync()
      try device.expectServersRecords(server, "request \(number)")
      #expect(server.records("c").count == 3)
    }
  }

  @Test func `keeps to preconditions and pages`() async throws {
    let server = MemoryServer()
    fill(server, "a", "b", "c")
    let exchange = server.exchange(url: Self.url, settings: Self.settings, pageSize: 2)
    func send(
      _ method: String, _ path: String, _ headers: [(name: String, value: String)] = [],
      _ body: String? = nil
    ) async throws -> HTTPExchangeResponse {
      try await exchange.send(
        HTTPExchangeRequest(
          method: method, url: Self.url + path, headers: headers, body: body.map { Array($0.utf8) })
      )
    }
    let first = try await send("GET", "/c")
    #expect(first.header("link") == "<\(Self.url)/c?offset=2>; rel=\"next\"")
    let second = try await send("GET", "/c?offset=2")
    #expect(second.header("link") == nil)
    let tag = try #require(first.header("etag"))
    #expect(try await send("GET", "/c", [(name: "If-None-Match", value: tag)]).status == 304)
    let record = try await send("GET", "/c/a")
    let old = (name: "If-Match", value: try #require(record.header("etag")))
    #expect(try await send("PATCH", "/c/a", [old], #"{"n":2}"#).status == 200)
    #expect(try await send("PATCH", "/c/a", [old], #"{"n":3}"#).status == 412)
    #expect(
      try await send("PUT", "/c/a", [(name: "If-None-Match", value: "*")], "{}").status == 412)
    #expect(try await send("DELETE", "/c/a", [old]).status == 412)
    #expect(try await send("GET", "/c/%zz").status == 404)
    #expect(try await send("PUT", "/c/a", [], #"{"n":1,"n":2}"#).status == 400)
    #expect(server.record("c", "a")?["n"] == 2)
  }
}
