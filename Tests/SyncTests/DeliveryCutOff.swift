import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@testable import JournalTool

/// The server's core behind the seam where an HTTP client is, with answers that end early.
private final class CutExchange: HTTPExchange {
  let server: AccountJournal
  /// After so many answers one is cut to so many bytes; nothing comes of it where that is none.
  private let cut: Mutex<(answers: Int, bytes: Int)?>
  private let longest = Mutex(0)
  private let count = Mutex(0)

  init(_ server: AccountJournal, after answers: Int, to bytes: Int) {
    self.server = server
    cut = Mutex((answers, bytes))
  }

  /// The bytes of the longest answer, and how many there were.
  var seen: (bytes: Int, answers: Int) { (longest.withLock { $0 }, count.withLock { $0 }) }

  func heal() { cut.withLock { $0 = nil } }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    var answer = try await carryOut(request)
    longest.withLock { $0 = max($0, answer.body.count) }
    count.withLock { $0 += 1 }
    let bytes = cut.withLock { cut -> Int? in
      guard let (answers, bytes) = cut else { return nil }
      cut = answers == 0 ? nil : (answers - 1, bytes)
      return answers == 0 ? bytes : nil
    }
    guard let bytes, bytes < answer.body.count else { return answer }
    if bytes == 0 { throw TransportError.unreachable("the connection ended") }
    answer.body.removeLast(answer.body.count - bytes)
    return answer
  }

  private func carryOut(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let path = request.url.dropFirst("http://localhost:1".count)
    let parts = path.split(separator: "?").map(String.init)
    var query: [String: String] = [:]
    for item in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
      query[pair[0]] = pair.count > 1 ? pair[1] : ""
    }
    let device = query["device"].flatMap { DeviceID($0) }
    switch parts[0] {
    case "/v1/info":
      let info = try server.info(device: #require(device))
      return HTTPExchangeResponse(status: 200, body: FeedCodec.encode(info))
    case "/v1/feed":
      let page = try await server.feed(
        after: query["cursor"]?.removingPercentEncoding,
        limit: Int(query["limit"] ?? "") ?? 10, device: device)
      return HTTPExchangeResponse(status: 200, body: FeedCodec.encode(page))
    default: break
    }
    let (witness, segment) = try #require(request.body).withUnsafeBytes {
      try PushCodec.decode($0)
    }
    guard let segment else {
      guard case .acknowledged(let size, let cosigned) = try await server.show(witness) else {
        return HTTPExchangeResponse(status: 500, body: [])
      }
      return HTTPExchangeResponse(
        status: 200, body: FeedCodec.encode(size: size, cosigned: cosigned))
    }
    switch try await server.push(witness, segment: segment) {
    case .judged(let verdicts, let size):
      return HTTPExchangeResponse(status: 200, body: PushCodec.encode(verdicts, size: size))
    case .sizeDiffers(let size):
      return HTTPExchangeResponse(status: 412, body: FeedCodec.encode(size: size))
    default: return HTTPExchangeResponse(status: 409, body: [])
    }
  }
}

@Suite struct `A connection that ends at any byte` {
  @Test func `loses nothing and doubles nothing, whichever answer it cuts`() async throws {
    var (answers, longest) = (8, 120)
    var round = 0
    for answer in 0..<6 where answer < answers {
      for bytes in stride(from: 0, to: longest, by: 1 + longest / 5) {
        round += 1
        let world = try World()
        let store = try Store.create(at: world.scratch("a"), label: "a")
        _ = try await Device(store, world.remote)
        for number in 0..<4 {
          try await store.write { try $0.put("c", "\(number)", ["n": .integer(Int64(number))]) }
        }
        let exchange = CutExchange(world.server, after: answer, to: bytes)
        let engine = SyncEngine(
          journal: store.journal, remote: "server",
          over: try JournalServer(url: "http://localhost:1", exchange: exchange))
        do { _ = try await engine.sync() } catch is TransportError {}
        exchange.heal()
        let report = try await engine.sync()
        #expect(report.pending == 0 && report.parked == 0, "answer \(answer) cut to \(bytes)")
        #expect(try store.problems() == [])
        #expect(try store.query(Query("c")).count == 4)
        store.close()
        let edits = try world.serverEdits()
        #expect(edits.count == 4 && Set(edits).count == 4, "answer \(answer) cut to \(bytes)")
        (longest, answers) = (
          max(longest, exchange.seen.bytes), max(answers, exchange.seen.answers)
        )
      }
    }
    #expect(round > 15)
  }
}
