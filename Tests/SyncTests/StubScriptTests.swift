import Foundation
import Journal
import TestKit
import Testing
import Transport
import TransportTesting

@Suite struct `Answers from a file` {
  private static let script = #"""
    {"base": "https://example.com",
     "answers": [
       {"url": "/notes", "body": [{"id": "1", "n": 1.0}], "headers": {"ETag": "\"1\""},
        "then": [{"status": 304}, {"status": 500, "text": "oops"}]},
       {"method": "POST", "url": "/notes", "body": {"id": "2"},
        "fail": {"times": 2, "status": 503}, "delay": 250},
       {"method": "DELETE", "url": "/notes/1", "fail": {"error": "unauthorized"}}
     ]}
    """#

  private func send(_ stub: StubExchange, _ method: String, _ path: String) async throws -> String {
    let answer = try await stub.send(
      HTTPExchangeRequest(method: method, url: "https://example.com" + path))
    let tag = answer.header("etag") ?? "-"
    return "\(answer.status) \(tag) \(String(decoding: answer.body, as: UTF8.self))"
  }

  @Test func `come in order, with headers, failures and delays`() async throws {
    let scratch = try Scratch()
    let file = scratch("answers.json")
    try Data(Self.script.utf8).write(to: URL(fileURLWithPath: file))
    let clock = TransportTesting.ManualClock(advancesBySleeping: true)
    let stub = try StubExchange(contentsOf: file, clock: clock)
    #expect(try await send(stub, "GET", "/notes") == #"200 "1" [{"id":"1","n":1.0}]"#)
    #expect(try await send(stub, "GET", "/notes") == "304 - ")
    for _ in 0..<2 { #expect(try await send(stub, "GET", "/notes") == "500 - oops") }
    for _ in 0..<2 { #expect(try await send(stub, "POST", "/notes") == "503 - ") }
    #expect(try await send(stub, "POST", "/notes") == #"201 - {"id":"2"}"#)
    #expect(clock.sleeps == Array(repeating: .milliseconds(250), count: 3))
    await #expect {
      try await send(stub, "DELETE", "/notes/1")
    } throws: { ($0 as? TransportError)?.code == "unauthorized" }
    #expect(try await send(stub, "DELETE", "/notes/1") == "204 - ")
  }

  @Test(arguments: [
    (#"{"answers": 1}"#, "answers"), (#"{"answer": []}"#, "answer"), (#"[]"#, "script"),
    (#"{"answers": [{}]}"#, "answers[0].url"),
    (#"{"answers": [{"url": "x", "status": 99}]}"#, "answers[0].status"),
    (#"{"answers": [{"url": "x", "status": 200.0}]}"#, "answers[0].status"),
    (#"{"answers": [{"url": "x", "body": 1, "text": "y"}]}"#, "answers[0]"),
    (#"{"answers": [{"url": "x", "delay": -1}]}"#, "answers[0].delay"),
    (#"{"answers": [{"url": "x", "headers": {"A": 1}}]}"#, "answers[0].headers.A"),
    (#"{"answers": [{"url": "x", "fail": {"error": "odd"}}]}"#, "answers[0].fail.error"),
    (#"{"answers": [{"url": "x", "then": [{"url": "y"}]}]}"#, "answers[0].then[0].url"),
    (#"{"answers": [], "answers": []}"#, "JSON"), ("{", "JSON"),
  ])
  func `that are none are refused by file and member`(_ text: String, _ place: String) throws {
    #expect {
      _ = try StubExchange(script: text, name: "odd.json")
    } throws: { error in
      (error as? TransportError)?.code == "invalid-configuration"
        && "\(error)".contains("odd.json") && "\(error)".contains(place)
    }
  }

  @Test func `of a file that is not there are refused`() throws {
    #expect(throws: TransportError.invalidConfiguration("/nowhere.json: the file cannot be read")) {
      _ = try StubExchange(contentsOf: "/nowhere.json")
    }
  }
}

@Suite struct `A clock moved by hand` {
  @Test func `wakes who slept long enough, in order`() async throws {
    let clock = TransportTesting.ManualClock(1_000)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for seconds in [3, 1, 2] {
        group.addTask {
          try await clock.sleep(for: .seconds(seconds))
          return seconds
        }
      }
      while clock.sleeperCount < 3 { await Task.yield() }
      var woken: [Int] = []
      for _ in 1...3 {
        clock.advance(by: .seconds(1))
        woken.append(try await group.next() ?? 0)
      }
      #expect(woken == [1, 2, 3])
    }
    #expect(clock.milliseconds == 4_000)
    clock.setTimeOfDay(7)
    #expect(clock.milliseconds == 7 && clock.now.offset == .seconds(3))
  }

  @Test func `lets a cancelled sleep go`() async throws {
    let clock = TransportTesting.ManualClock()
    let task = Task { try await clock.sleep(for: .seconds(1)) }
    while clock.sleeperCount == 0 { await Task.yield() }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(clock.sleeperCount == 0)
  }
}
