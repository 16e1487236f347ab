import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

/// A server, or what stands in front of one, that answers a request which names a filter with a status.
private final class UnfilteredServer: HTTPExchange {
  private let inner: CodedServer
  private let status: Int
  private let counted = Mutex<[Bool]>([])

  init(_ inner: CodedServer, status: Int) {
    self.inner = inner
    self.status = status
  }

  /// Of each request for a page, whether it named a filter.
  var asked: [Bool] { counted.withLock { $0 } }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let hasFilter = request.url.contains("&filter=")
    if request.url.contains("/v1/feed") { counted.withLock { $0.append(hasFilter) } }
    guard !hasFilter else { return HTTPExchangeResponse(status: status, body: []) }
    return try await inner.send(request)
  }
}

@Suite struct `A server that will not have a filter` {
  private let scratch: Scratch
  private let server: AccountJournal
  private let store: Store

  init() async throws {
    scratch = try Scratch()
    server = try AccountJournal(directory: scratch("server"))
    let writer = try Store.create(at: scratch("writer"), label: "writer")
    defer { writer.close() }
    try await writer.write { tx in
      for number in 0..<10 {
        try tx.put("c", "\(number)", ["team": number.isMultiple(of: 2) ? "red" : "blue"])
      }
    }
    _ = try await Device(writer, Loopback(server)).sync()
    store = try Store.create(at: scratch("device"), label: "device")
    try await store.journal.declare(
      RemoteDeclaration(
        name: "server", kind: "journal", url: "https://server.test", filters: [.team("red")]))
  }

  private func sync(_ exchange: any HTTPExchange) async throws -> SyncReport {
    let remote = try JournalServer(
      url: "https://server.test", exchange: exchange, filters: store.journal.remotes[0].filters)
    return try await SyncEngine(journal: store.journal, remote: "server", over: remote).sync()
  }

  @Test(arguments: [400, 414, 431])
  func `is asked for everything, once it has said so, and the device leaves out the rest`(
    _ status: Int
  ) async throws {
    defer { store.close() }
    let exchange = UnfilteredServer(CodedServer(server), status: status)
    let report = try await sync(exchange)
    #expect(report.pulled == 5)
    #expect(try store.query(Query("c")).map(\.key) == ["0", "2", "4", "6", "8"])
    #expect(exchange.asked.first == true)
    #expect(exchange.asked.dropFirst().allSatisfy { !$0 } && exchange.asked.count > 1)
    #expect(try store.problems() == [])
  }

  @Test func `is no excuse where everything is refused too`() async throws {
    defer { store.close() }
    let error = await #expect(throws: TransportError.self) {
      _ = try await sync(Refusing(CodedServer(server)))
    }
    guard case .protocolViolation(let message)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(message.contains("400"))
    #expect(try store.query(Query("c")).isEmpty)
  }
}

private struct Refusing: HTTPExchange {
  let inner: CodedServer

  init(_ inner: CodedServer) { self.inner = inner }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    guard request.url.contains("/v1/feed") else { return try await inner.send(request) }
    return HTTPExchangeResponse(status: 400, body: [])
  }
}
