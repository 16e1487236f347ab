import Journal
import Projection
import Synchronization
import Testing

@testable import Transport

/// The time a server asks for, from the header to the next sync.
@Suite struct `A server that asks for time` {
  private static let date = (name: "Date", value: "Sun, 06 Nov 1994 08:49:37 GMT")

  /// As servers write it, and what it comes to.
  struct Asked: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var headers: [(name: String, value: String)]
    var milliseconds: UInt64?
    init(_ name: String, _ headers: [(name: String, value: String)], _ milliseconds: UInt64?) {
      (testDescription, self.headers, self.milliseconds) = (name, headers, milliseconds)
    }

    static let all = [
      Asked("in seconds", [("Retry-After", "90")], 90_000),
      Asked(
        "until a date", [date, ("Retry-After", "Sun, 06 Nov 1994 08:51:07 GMT")], 90_000),
      Asked(
        "until a date that has passed", [date, ("Retry-After", "Sun, 06 Nov 1994 08:49:00 GMT")], 0),
      Asked(
        "until a date, and does not say what it is now",
        [("Retry-After", "Sun, 06 Nov 1994 08:51:07 GMT")], nil),
      Asked("for longer than a day", [("Retry-After", "99999999")], 86_400_000),
      Asked("in words", [("Retry-After", "soon")], nil),
      Asked("not at all", [], nil),
    ]
  }

  private func retryAfter(_ kind: ServerKind, _ answer: HTTPExchangeResponse) async throws
    -> UInt64?
  {
    let remote = try kind.remote(ScriptedExchange { _, _ in answer }) { nil }
    do {
      if case .interrupted(let verdicts, let error) = try await remote.push(kind.push()) {
        #expect(verdicts == [.retry(afterMilliseconds: error.retryAfterMilliseconds ?? 0)])
        return error.retryAfterMilliseconds
      }
    } catch let error as TransportError { return error.retryAfterMilliseconds }
    Issue.record("503 is taken for an answer")
    return nil
  }

  @Test(arguments: ServerKind.allCases, Asked.all)
  func `is waited for as long as it says,`(_ kind: ServerKind, _ asked: Asked) async throws {
    for status in [429, 503] {
      let answer = HTTPExchangeResponse(status: status, headers: asked.headers, body: [])
      #expect(try await retryAfter(kind, answer) == asked.milliseconds)
    }
  }

  @Test(arguments: Asked.all)
  func `for one request of a batch is waited for as long,`(_ asked: Asked) async throws {
    let inner = asked.headers.filter { $0.name != "Date" }
      .map { "\"\($0.name)\":\"\($0.value)\"" }.joined(separator: ",")
    let body = #"{"responses":[{"status":503,"headers":{\#(inner)},"body":{}}]}"#
    let answer = HTTPExchangeResponse(
      status: 200, headers: asked.headers.filter { $0.name == "Date" }, body: Array(body.utf8))
    #expect(try await retryAfter(.kinto, answer) == asked.milliseconds)
  }

  // MARK: Backoff

  /// Runs a scheduler over two syncs, and says how long was waited between them.
  private func pause(_ device: RecordDevice) async throws -> (Duration, since: TransportError?) {
    let clock = HeldClock()
    let begun = Mutex<[Duration]>([])
    let (states, continuation) = AsyncStream.makeStream(of: SyncScheduler.State.self)
    let scheduler = SyncScheduler(
      device.engine, every: .seconds(3), clock: clock, random: { 0.5 },
      observer: { state in
        if state == .syncing { begun.withLock { $0.append(clock.now.offset) } }
        continuation.yield(state)
      })
    let task = Task { try await scheduler.run() }
    var cause: TransportError?
    for await state in states {
      if begun.withLock({ $0.count }) == 2 { break }
      guard case .waiting(let asked, let failure) = state else { continue }
      cause = failure
      await clock.sleeper()
      clock.advance(by: asked - .milliseconds(1))
      // Nobody cuts a pause short that a server asked for.
      scheduler.kick()
      for _ in 0..<100 { await Task.yield() }
      #expect(begun.withLock { $0.count } == 1 || asked == .seconds(3))
      clock.advance(by: .milliseconds(1))
    }
    task.cancel()
    _ = await task.result
    let times = begun.withLock { $0 }
    return (times[1] - times[0], cause)
  }

  private func backingOff(
    _ server: any HTTPExchange, _ seconds: String, on path: String,
    failing: TransportError? = nil
  ) -> ScriptedExchange {
    ScriptedExchange { request, _ in
      var answer = try await server.send(request)
      if request.url.hasSuffix(path) {
        answer.headers.append((name: "Backoff", value: seconds))
      } else if let failing {
        throw failing
      }
      return answer
    }
  }

  @Test(arguments: [("/v1/", 30), ("/collections/c", 7), ("/batch", 3_600)])
  func `with any answer of Kinto's is left alone exactly so long`(_ path: String, _ seconds: Int)
    async throws
  {
    let server = KintoDouble()
    let device = try await RecordDevice(
      server, through: backingOff(server, "\(seconds)", on: path))
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    let (pause, cause) = try await pause(device)
    #expect(pause == .seconds(seconds) && cause == nil)
    #expect(server.ids == ["a"], "what was answered is not held up")
  }

  @Test func `with an answer of a server of plain records is left alone as well`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server, through: backingOff(server, "41", on: "/c"))
    #expect(try await pause(device).0 == .seconds(41))
  }

  @Test(arguments: [
    TransportError.unreachable("lost"), .unavailable("busy", retryAfterMilliseconds: 5_000),
  ])
  func `and cannot be reached later in the same sync is left alone all the same`(
    _ error: TransportError
  ) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(
      server, through: backingOff(server, "30", on: "/v1/", failing: error))
    let (pause, cause) = try await pause(device)
    #expect(pause == .seconds(30) && cause == error)
  }

  @Test func `asks for no time any more once it was given`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(
      server,
      through: ScriptedExchange { request, count in
        var answer = try await server.send(request)
        if count == 0 { answer.headers.append((name: "Backoff", value: "30")) }
        return answer
      })
    #expect(try await device.sync().retryAfterMilliseconds == 30_000)
    #expect(await device.engine.requestedPauseMilliseconds == 30_000)
    #expect(try await device.sync().retryAfterMilliseconds == 0)
    #expect(await device.engine.requestedPauseMilliseconds == 0)
  }

  @Test(arguments: ["soon", "-1", "", "1.5"])
  func `in words nobody knows is not waited for`(_ text: String) async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(server, through: backingOff(server, text, on: "/v1/"))
    #expect(try await device.sync().retryAfterMilliseconds == 0)
  }

  @Test func `for ever is asked again the next day`() async throws {
    let server = KintoDouble()
    let device = try await RecordDevice(
      server, through: backingOff(server, "\(UInt64.max)", on: "/v1/"))
    #expect(try await device.sync().retryAfterMilliseconds == 86_400_000)
  }
}
