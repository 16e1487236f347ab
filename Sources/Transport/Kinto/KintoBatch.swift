import Journal

/// One request within a batch.
struct KintoRequest {
  enum Method: String {
    case get = "GET"
    case put = "PUT"
    case patch = "PATCH"
    case delete = "DELETE"
  }

  enum Precondition: Equatable {
    case none
    /// The record is not there.
    case absent
    /// It stands at this timestamp.
    case at(UInt64)
  }

  let method: Method
  let path: String
  let precondition: Precondition
  let fields: Fields?

  fileprivate var value: Value {
    var headers = Fields()
    switch precondition {
    case .none: break
    case .absent: headers["If-None-Match"] = "*"
    case .at(let time): headers["If-Match"] = .string("\"\(time)\"")
    }
    var request: Fields = ["method": .string(method.rawValue), "path": .string(path)]
    if !headers.isEmpty { request["headers"] = .object(headers) }
    if let fields { request["body"] = .object(["data": .object(fields)]) }
    return .object(request)
  }
}

/// What a request of a batch was answered.
struct KintoAnswer {
  let status: Int
  let body: Fields
  /// How long the server wants to be left alone.
  var retryAfterMilliseconds: UInt64?
  var secrets = Secrets(nil)

  /// The record in it.
  func record(from place: String) throws(TransportError) -> KintoRecord {
    try KintoRecord(body["data"], from: place)
  }

  /// The record as it stands, where a precondition failed for it.
  func existing(from place: String) throws(TransportError) -> KintoRecord? {
    guard case .object(let details) = body["details"] ?? .null, let existing = details["existing"]
    else { return nil }
    return try KintoRecord(existing, from: place)
  }

  /// Whether the collection is missing, not the record.
  var isParentMissing: Bool { status == 404 && body["errno"] == .some(.integer(111)) }

  /// What a person should read of a refusal.
  var reason: String {
    var text = ""
    if case .string(let said) = body["message"] ?? .null { text = said }
    if let details = body["details"] { text += " " + JSONText.string(details) }
    return text.isEmpty ? "the server answered with status \(status)" : secrets.masked(text)
  }
}

/// What came of a batch.
enum KintoBatchOutcome {
  /// One answer for each request, and all of them hold.
  case answers([KintoAnswer])
  /// Transactions of the server were in each other's way: whatever it answered may have been taken back.
  case unknown
  /// Too much at once.
  case tooLarge(HTTPExchangeResponse)
  /// The server is in trouble; where it may be the doing of one of the requests, with what speaks for that.
  case failed(TransportError, poison: PushFailure? = nil)
}

extension KintoServer {
  /// The bytes of a batch.
  static func encode(_ requests: [KintoRequest]) -> [UInt8] {
    KintoCodec.encode(.object(["requests": .array(requests.map(\.value))]))
  }

  /// Sends requests about one collection as one.
  ///
  /// - Throws: ``TransportError`` where there is no answer, or one that is none.
  func send(_ requests: [KintoRequest], encoded body: [UInt8]) async throws -> KintoBatchOutcome {
    let (answer, secrets) = try await send("POST", url + "/batch", body: body) { answer in
      answer.status == 401
        || (try? Self.answers(answer, count: requests.count))?
          .contains { $0.status == 401 } ?? false
    }
    switch answer.status {
    case 200: break
    case 401: return .failed(unauthorized(answer))
    case 409: return .unknown
    case 400, 413: return .tooLarge(answer)
    case let status where Self.isTrouble(status):
      return trouble(status, answer.retryAfterMilliseconds)
    default:
      throw TransportError.protocolViolation(
        "\(url)/batch answered with status \(answer.status); a Kinto server's URL ends with its version"
      )
    }
    let answers = try Self.answers(answer, count: requests.count, secrets)
    // A conflict between two of the server's transactions takes the whole batch back, also what was
    // answered with 201 before and after it.
    if answers.contains(where: { $0.status == 409 }) { return .unknown }
    if answers.contains(where: { $0.status == 401 }) {
      return .failed(unauthorized(answer))
    }
    let troubles = answers.filter { Self.isTrouble($0.status) }
    if let first = troubles.first {
      let asked = troubles.compactMap(\.retryAfterMilliseconds)
      let longest = (asked + [answer.retryAfterMilliseconds].compactMap(\.self)).max()
      // What says that everybody has to wait goes before what may be about one request.
      let status = troubles.first { !Self.isPoison($0.status) }?.status ?? first.status
      return trouble(status, longest)
    }
    return .answers(answers)
  }

  private func trouble(_ status: Int, _ retryAfterMilliseconds: UInt64?) -> KintoBatchOutcome {
    let error = later(status, retryAfterMilliseconds: retryAfterMilliseconds)
    guard Self.isPoison(status) else { return .failed(error) }
    let poison = PushFailure(
      code: "http-\(status)", message: "\(url) answered with status \(status)", blame: .unknown,
      retryAfterMilliseconds: retryAfterMilliseconds)
    return .failed(error, poison: poison)
  }

  /// 503 is said of a server as a whole; any other failure of it may come of what it was asked for.
  private static func isPoison(_ status: Int) -> Bool { status >= 500 && status != 503 }

  /// 405 is a server that takes no writes now, 410 one that is no longer served.
  private static func isTrouble(_ status: Int) -> Bool {
    status == 405 || status == 410 || status == 429 || status >= 500
  }

  /// What the answer to one request of a batch asks for; its date is that of the batch.
  private static func retryAfter(
    _ headers: Value?, within answer: HTTPExchangeResponse
  ) -> UInt64? {
    guard case .object(let headers) = headers ?? .null else { return nil }
    var one = HTTPExchangeResponse(status: 200, body: [])
    for (name, value) in headers {
      if case .string(let text) = value { one.headers.append((name: name, value: text)) }
      if case .integer(let number) = value { one.headers.append((name: name, value: "\(number)")) }
    }
    one.headers += answer.headers.filter { $0.name.lowercased() == "date" }
    return one.retryAfterMilliseconds
  }

  private static func answers(
    _ answer: HTTPExchangeResponse, count: Int, _ secrets: Secrets = Secrets(nil)
  ) throws(TransportError) -> [KintoAnswer] {
    guard case .object(let body) = try KintoCodec.decode(answer.body, from: "a batch"),
      case .array(let items) = body["responses"] ?? .null, items.count == count
    else { throw .protocolViolation("a batch was not answered with one answer for each request") }
    var answers: [KintoAnswer] = []
    for item in items {
      guard case .object(let one) = item, case .integer(let status) = one["status"] ?? .null,
        (100..<600).contains(status)
      else { throw .protocolViolation("a batch was answered with what has no status") }
      var fields = Fields()
      if case .object(let body) = one["body"] ?? .null { fields = body }
      var said = KintoAnswer(status: Int(status), body: fields, secrets: secrets)
      said.retryAfterMilliseconds = retryAfter(one["headers"], within: answer)
      answers.append(said)
    }
    return answers
  }
}
