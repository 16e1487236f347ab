import Journal
import Synchronization
import Transport

/// An HTTP client that answers as a closure says, and keeps what it was asked.
final class ScriptedExchange: HTTPExchange {
  private let asked = Mutex<[HTTPExchangeRequest]>([])
  private let answer: @Sendable (HTTPExchangeRequest, Int) async throws -> HTTPExchangeResponse

  /// - Parameter answer: Is given the request and how many there were before it.
  init(
    _ answer: @escaping @Sendable (HTTPExchangeRequest, Int) async throws -> HTTPExchangeResponse
  ) {
    self.answer = answer
  }

  /// What stands before a server and looks at its answers.
  convenience init(
    before server: any HTTPExchange,
    _ alter: @escaping @Sendable (HTTPExchangeRequest, inout HTTPExchangeResponse) -> Void
  ) {
    self.init { request, _ in
      var answer = try await server.send(request)
      alter(request, &answer)
      return answer
    }
  }

  var requests: [HTTPExchangeRequest] { asked.withLock { $0 } }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let count = asked.withLock { asked in
      asked.append(request)
      return asked.count - 1
    }
    return try await answer(request, count)
  }
}

extension HTTPExchangeRequest {
  var credentials: String? { headers.first { $0.name == "Authorization" }?.value }
}

/// The kinds of server that are spoken to over HTTP.
enum ServerKind: CaseIterable, Sendable {
  case journal
  case kinto
  case rest

  func remote(
    _ exchange: any HTTPExchange, authorization: @escaping @Sendable () async throws -> String?
  ) throws -> any Remote {
    let url = "https://any.test/v1"
    switch self {
    case .journal:
      return try JournalServer(url: url, exchange: exchange, authorization: authorization)
    case .kinto:
      return try KintoServer(
        url: url, collections: ["c"], settings: KintoSettings(), exchange: exchange,
        authorization: authorization)
    case .rest:
      var settings = RESTSettings(versionField: "changed")
      settings.creates = .put
      return try RESTServer(
        url: url, collections: ["c"], settings: settings, exchange: exchange,
        authorization: authorization)
    }
  }

  /// One edit, as the engine would send it.
  func push() throws -> Push {
    let witness = Witness(
      device: DeviceID(high: 1, low: 2), label: "a", verifierKey: "k", checkpoint: "c",
      fromSize: 0, proof: [])
    let id = EntryID(high: 0x0190_0000_0000_7000, low: 0x8000_0000_0000_0001)
    let draft = try EditDraft(id: id).draft(
      .create(fields: [0xA1, 0x61, 0x6E, 0x01]), collection: "c", key: "r")
    let change = SegmentChange(
      sequence: 2, id: id, kind: draft.kind, schema: 0, time: Timestamp(milliseconds: 1),
      moreOfGroup: false, base: .none, isStrict: false, body: draft.body)
    return Push(witness: self == .journal ? witness : nil, segment: SegmentCodec.encode([change]))
  }

  /// A server's answer to that push: the edit is refused, for this reason.
  func refusal(_ reason: String) -> HTTPExchangeResponse {
    switch self {
    case .journal:
      HTTPExchangeResponse(
        status: 200, body: PushCodec.encode([.refused(code: reason, message: reason)], size: 1))
    case .kinto:
      HTTPExchangeResponse(
        status: 200,
        body: Array(
          #"{"responses":[{"status":400,"body":{"message":"\#(reason)","details":["\#(reason)"]}}]}"#
            .utf8))
    case .rest: HTTPExchangeResponse(status: 422, body: Array(reason.utf8))
    }
  }
}
