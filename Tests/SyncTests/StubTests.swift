import Journal
import Synchronization
import TestKit
import Testing
import Transport
import TransportTesting

@Suite struct `A stub of a server` {
  private static let users = "https://example.com/users"

  private func send(
    _ stub: StubExchange, _ method: String, _ url: String
  ) async throws -> String {
    let answer = try await stub.send(HTTPExchangeRequest(method: method, url: url))
    return "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))"
  }

  @Test func `S-BR-19 answers by method and whole URL, and names what it does not know`()
    async throws
  {
    let stub = StubExchange([.get(Self.users, body: "[]")])
    #expect(try await send(stub, "GET", Self.users) == "200 []")
    for (method, url) in [("GET", Self.users + "?by_first_name=Guy"), ("PUT", Self.users)] {
      do {
        _ = try await send(stub, method, url)
        Issue.record("\(method) \(url) was answered")
      } catch let error as TransportError {
        #expect(error.description.contains("\(method) \(url)"))
        #expect(error.code == "invalid-configuration")
      }
    }
    #expect(stub.requests.map(\.method) == ["GET", "GET", "PUT"])
    #expect(stub.unmatched.map(\.url) == [Self.users + "?by_first_name=Guy", Self.users])
  }

  @Test func `S-BR-19 gives each method its status and its body`() async throws {
    let stub = StubExchange([
      .get(Self.users, body: "get"), .post(Self.users, body: "post"), .put(Self.users, body: "put"),
      .delete(Self.users), .patch(Self.users, status: 409, body: "patch"),
    ])
    #expect(try await send(stub, "GET", Self.users) == "200 get")
    #expect(try await send(stub, "POST", Self.users) == "201 post")
    #expect(try await send(stub, "PUT", Self.users) == "200 put")
    #expect(try await send(stub, "DELETE", Self.users) == "204 ")
    #expect(try await send(stub, "PATCH", Self.users) == "409 patch")
    stub.add(.get(Self.users, body: "later"))
    #expect(try await send(stub, "GET", Self.users) == "200 later")
  }

  @Test func `S-BR-19 fails so many times, then succeeds`() async throws {
    let stub = StubExchange([
      .get(Self.users, body: "[]").failing(2, with: .unreachable("no network")),
      .post(Self.users).failing(1, withStatus: 503),
    ])
    for _ in 0..<2 {
      await #expect(throws: TransportError.unreachable("no network")) {
        try await send(stub, "GET", Self.users)
      }
    }
    #expect(try await send(stub, "POST", Self.users) == "503 ")
    #expect(try await send(stub, "GET", Self.users) == "200 []")
    #expect(try await send(stub, "GET", Self.users) == "200 []")
    #expect(try await send(stub, "POST", Self.users) == "201 ")
  }

  /// A clock on which all time has passed when it is asked for.
  private final class TestClock: Clock {
    struct Instant: InstantProtocol {
      var offset: Swift.Duration
      func advanced(by duration: Swift.Duration) -> Instant { Instant(offset: offset + duration) }
      func duration(to other: Instant) -> Swift.Duration { other.offset - offset }
      static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    let passed = Mutex(Swift.Duration.zero)
    var now: Instant { Instant(offset: passed.withLock { $0 }) }
    var minimumResolution: Swift.Duration { .zero }

    func sleep(until deadline: Instant, tolerance: Swift.Duration?) async throws {
      passed.withLock { $0 = max($0, deadline.offset) }
    }
  }

  @Test func `S-BR-19 takes the time a rule says, of the clock it is given`() async throws {
    let clock = TestClock()
    let stub = StubExchange(
      [
        .get(Self.users).taking(.seconds(3_600)),
        .post(Self.users).failing(1, with: .unreachable("slow")).taking(.seconds(60)),
      ], clock: clock)
    _ = try await send(stub, "GET", Self.users)
    #expect(clock.passed.withLock { $0 } == .seconds(3_600))
    _ = try? await send(stub, "POST", Self.users)
    #expect(clock.passed.withLock { $0 } == .seconds(3_660))
  }

  @Test func `stands in for a server of our own`() async throws {
    let stub = StubExchange([.get("http://localhost:1/x")])
    let remote = try JournalServer(url: "http://localhost:1", exchange: stub)
    await #expect(throws: TransportError.self) {
      _ = try await remote.changes(after: nil, limit: 10, device: .init(high: 1, low: 2))
    }
    #expect(stub.unmatched.count == 1)
  }
}
