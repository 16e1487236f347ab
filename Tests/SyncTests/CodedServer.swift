import Foundation
import Journal
import Synchronization
import Testing
import Transport

@testable import JournalTool

/// The real server core behind the seam where an HTTP client is.
final class CodedServer: HTTPExchange {
  struct State {
    var says: String? = "deflate"
    var refuses = false
    var pushes: [(coding: String?, sent: Int, plain: Int)] = []
  }

  let state = Mutex(State())
  private let server: AccountJournal

  init(_ server: AccountJournal) { self.server = server }

  var pushes: [(coding: String?, sent: Int, plain: Int)] { state.withLock { $0.pushes } }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let query = request.url.split(separator: "?").last ?? ""
    func member(_ name: String) -> String? {
      query.split(separator: "&").first { $0.hasPrefix(name + "=") }
        .flatMap { String($0.dropFirst(name.count + 1)).removingPercentEncoding }
    }
    let device = member("device").flatMap { DeviceID($0) }
    if request.url.contains("/v1/info") {
      var answer = HTTPExchangeResponse(
        status: 200, body: FeedCodec.encode(try server.info(device: try #require(device))))
      if let says = state.withLock({ $0.says }) {
        answer.headers.append((name: "Accept-Encoding", value: says))
      }
      return answer
    }
    if request.url.contains("/v1/feed") {
      let page = try await server.feed(
        after: member("cursor"), limit: 1_000, device: device)
      return HTTPExchangeResponse(status: 200, body: FeedCodec.encode(page))
    }
    let body = request.body ?? []
    let coding = request.headers.first { $0.name == "Content-Encoding" }?.value
    let plain =
      coding == nil
      ? body : try #require(try Deflate.decompress(body, atMost: HTTPLimits.requestBytes))
    let (witness, segment) = try plain.withUnsafeBytes { try PushCodec.decode($0) }
    guard let segment else {
      guard case .acknowledged(let size, let cosigned) = try await server.show(witness) else {
        return HTTPExchangeResponse(status: 500, body: [])
      }
      return HTTPExchangeResponse(
        status: 200, body: FeedCodec.encode(size: size, cosigned: cosigned))
    }
    let isRefused = state.withLock { state in
      state.pushes.append((coding, body.count, plain.count))
      return state.refuses && coding != nil
    }
    guard !isRefused else { return HTTPExchangeResponse(status: 415, body: []) }
    guard case .judged(let verdicts, let size) = try await server.push(witness, segment: segment)
    else { return HTTPExchangeResponse(status: 500, body: []) }
    return HTTPExchangeResponse(status: 200, body: PushCodec.encode(verdicts, size: size))
  }
}
