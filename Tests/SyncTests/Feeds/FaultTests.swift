import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport
import TransportTesting

@Suite struct `An exchange with faults` {
  private static let url = "https://memory.test/api"

  private static let settings: RESTSettings = {
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .put
    return settings
  }()

  private func send(
    _ exchange: some HTTPExchange, _ method: String, _ path: String, _ body: String? = nil
  ) async throws -> HTTPExchangeResponse {
    try await exchange.send(
      HTTPExchangeRequest(
        method: method, url: Self.url + path, body: body.map { Array($0.utf8) }))
  }

  @Test func `does to each request what the script says`() async throws {
    let server = MemoryServer()
    let clock = TransportTesting.ManualClock(advancesBySleeping: true)
    let faults = FaultExchange(
      server.exchange(url: Self.url, settings: Self.settings),
      script: [
        .requestLost, .answerLost, .duplicated, .truncated(5), .delayed(.seconds(7)), .reordered,
        .none, .reset,
      ], clock: clock)
    await #expect(throws: TransportError.self) { try await send(faults, "PUT", "/c/1", "{}") }
    #expect(server.record("c", "1") == nil)
    await #expect(throws: TransportError.self) { try await send(faults, "PUT", "/c/2", "{}") }
    #expect(server.record("c", "2") == [:])
    _ = try await send(faults, "PUT", "/c/3", "{}")
    #expect(server.requests == ["PUT /c/2", "PUT /c/3", "PUT /c/3"])
    #expect(try await send(faults, "GET", "/c/3").body.count == 5)
    _ = try await send(faults, "GET", "/c/3")
    #expect(clock.sleeps == [.seconds(7)])
    // Held back, it comes behind the next one and wins.
    await #expect(throws: TransportError.self) {
      try await send(faults, "PUT", "/c/4", #"{"n":1}"#)
    }
    _ = try await send(faults, "PUT", "/c/4", #"{"n":2}"#)
    #expect(server.record("c", "4") == ["n": 1])
    await #expect(throws: TransportError.self) { try await send(faults, "DELETE", "/c/4") }
    #expect(server.record("c", "4") == nil)
    _ = try await send(faults, "GET", "/c")
    #expect(faults.applied.last == ExchangeFault.none && faults.applied.count == 9)
  }

  @Test func `draws the same faults with the same seed`() async throws {
    func drawn(_ seed: UInt64) async -> [ExchangeFault] {
      let faults = FaultExchange(
        MemoryServer().exchange(url: Self.url, settings: Self.settings), seed: seed, rate: 0.5)
      for _ in 0..<60 { _ = try? await send(faults, "GET", "/c") }
      return faults.applied
    }
    let (first, second, other) = (await drawn(4), await drawn(4), await drawn(5))
    #expect(first == second)
    #expect(first != other)
    #expect(Set(first).count > 5)
  }

  @Test func `leaves a device and its server alike`() async throws {
    let seed = testSeed(or: 20_261_122)
    for round in 0..<8 {
      let server = MemoryServer()
      let faults = FaultExchange(
        server.exchange(url: Self.url, settings: Self.settings), seed: seed &+ UInt64(round),
        rate: 0.4)
      let device = try await MemoryDevice(
        RESTServer(
          url: Self.url, collections: ["c"], settings: Self.settings, exchange: faults))
      for number in 0..<6 {
        server.clock.advance(by: .seconds(1))
        try await device.put("mine\(number % 3)", ["n": .integer(Int64(number))])
        server.write("c", "theirs\(number % 4)", number == 5 ? nil : ["n": .integer(1)])
        _ = try? await device.sync()
      }
      faults.setRate(0)
      await faults.deliverHeld()
      try await device.sync()
      try await device.sync()
      try device.expectServersRecords(server, "seed \(seed), round \(round)")
    }
  }
}

@Suite struct `A recording` {
  @Test func `answers later without the server, and keeps no secret`() async throws {
    let scratch = try Scratch()
    let url = "https://memory.test/api"
    var settings = RESTSettings(versionField: "changed")
    settings.creates = .put
    let server = MemoryServer()
    server.write("c", "theirs", ["text": "é\r\n", "n": 1.5])
    let file = scratch("plain.recording")
    func sync(_ exchange: some HTTPExchange) async throws -> [String: Fields] {
      let device = try await MemoryDevice(
        RESTServer(
          url: url, collections: ["c"], settings: settings, exchange: exchange,
          authorization: { "Bearer canary" }))
      try await device.put("mine", ["n": 1])
      try await device.sync()
      return try device.records
    }
    let recording = try RecordingExchange(
      server.exchange(url: url, settings: settings, credentials: "Bearer canary"), to: file,
      redacting: ["X-Secret"])
    let recorded = try await sync(recording)
    _ = try await recording.send(
      HTTPExchangeRequest(
        method: "GET", url: url + "/c/mine",
        headers: [
          (name: "x-secret", value: "canary"), (name: "cookie", value: "canary"),
          (name: "Authorization", value: "Bearer canary"),
        ]))
    server.failNext(.requestLost)
    await #expect(throws: TransportError.self) {
      try await recording.send(HTTPExchangeRequest(method: "GET", url: url + "/c/lost"))
    }
    try recording.close()
    let text = try #require(
      FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) })
    #expect(!text.contains("canary") && text.contains("[redacted]"))
    let replay = try ReplayingExchange(contentsOf: file)
    #expect(try await sync(replay) == recorded)
    #expect(replay.unused == ["GET \(url)/c/mine", "GET \(url)/c/lost"])
    await #expect(throws: TransportError.unreachable("the request was lost")) {
      try await replay.send(HTTPExchangeRequest(method: "GET", url: url + "/c/lost"))
    }
    // What was not recorded is named.
    await #expect {
      try await replay.send(HTTPExchangeRequest(method: "GET", url: url + "/other"))
    } throws: { error in
      "\(error)".contains("GET \(url)/other") && "\(error)".contains(file)
    }
  }

  @Test(arguments: [
    "", "{}\n", "{\"recording\":2}\n", "{\"recording\":1}\n{}\n",
    "{\"recording\":1}\n{\"request\":{\"method\":\"GET\",\"url\":\"x\"},\"answer\":{\"status\":9999}}\n",
  ])
  func `that is none is refused by name and line`(_ text: String) throws {
    let scratch = try Scratch()
    let file = scratch("bad.recording")
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    #expect {
      _ = try ReplayingExchange(contentsOf: file)
    } throws: { error in
      (error as? TransportError)?.code == "invalid-configuration" && "\(error)".contains(file)
        && "\(error)".contains("line")
    }
  }
}
