import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Lists of a Kinto server that lead nowhere, or cannot be read.
@Suite struct `A Kinto server's lists` {
  /// A server of one record a page whose answers to questions are looked at before they arrive.
  private struct Altered: HTTPExchange {
    let server: KintoDouble
    let asked = Requests()
    let alter: @Sendable (HTTPExchangeRequest, inout HTTPExchangeResponse) -> Void

    func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      var answer = try await server.send(request)
      guard request.method == "GET", request.url.contains("/records?") else { return answer }
      try asked.count()
      alter(request, &answer)
      return answer
    }
  }

  /// A sync that asks for ever has to end the test and not to hang it.
  private final class Requests: Sendable {
    struct TooMany: Error {}
    private let number = Mutex(0)

    func count() throws {
      try number.withLock { number in
        number += 1
        if number > 200 { throw TooMany() }
      }
    }
  }

  private func fill(_ server: KintoDouble, _ collections: [String] = ["c"]) {
    for collection in collections {
      for key in 1...4 { server.write(collection, "\(key)", ["n": 1]) }
    }
    server.state.withLock { $0.pageLimit = 1 }
  }

  @Test func `that run in a circle end with an error`() async throws {
    let server = KintoDouble()
    fill(server)
    let seen = Mutex<[String]>([])
    let device = try await RecordDevice(
      server,
      through: Altered(server: server) { _, answer in
        guard let place = answer.headers.firstIndex(where: { $0.name == "Next-Page" })
        else { return }
        let next = answer.headers[place].value
        // The third page leads to the second one.
        answer.headers[place].value = seen.withLock { seen in
          if seen.count < 2, !seen.contains(next) { seen.append(next) }
          return seen.contains(next) ? next : seen[0]
        }
      })
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
  }

  @Test func `that name pages nobody knows end with an error`() async throws {
    let server = KintoDouble()
    fill(server)
    let device = try await RecordDevice(
      server,
      through: Altered(server: server) { request, answer in
        let isThird = answer.body.contains(Array(#""id":"3""#.utf8))
        if isThird { (answer.status, answer.body) = (400, []) }
      })
    for _ in 0..<2 {
      let error = await #expect(throws: TransportError.self) { try await device.sync() }
      #expect(error?.code == "protocol-violation")
    }
    #expect(try device.keys == ["1", "2"])
  }

  @Test(arguments: [403, 500])
  func `that cannot be read keep none of the others back`(_ status: Int) async throws {
    let server = KintoDouble(["c", "d", "e"])
    let isReadable = Mutex(true)
    let device = try await RecordDevice(
      server, collections: ["c", "d", "e"],
      through: Altered(server: server) { request, answer in
        guard request.url.contains("/d/"), !isReadable.withLock({ $0 }) else { return }
        (answer.status, answer.body) = (status, [])
      })
    fill(server, ["c", "d", "e"])
    try await device.sync()
    isReadable.withLock { $0 = false }
    for collection in ["c", "d", "e"] { server.write(collection, "new", ["n": 2]) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.get("new") == ["n": 2])
    let others = try device.store.read { (try $0.get("d", "new"), try $0.get("e", "new")) }
    #expect(others.0 == nil)
    // A server in trouble is left alone.
    #expect((others.1 == nil) == (status == 500))
    isReadable.withLock { $0 = true }
    try await device.sync()
    #expect(try device.store.read { try $0.get("d", "new") } == ["n": 2])
    #expect(try device.store.read { try $0.get("e", "new") } == ["n": 2])
    #expect(try device.store.problems() == [])
  }
}
