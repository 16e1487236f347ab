import Journal
import Transport

/// One request and what came of it, as a line of a recording.
struct RecordedExchange: Sendable {
  enum Outcome: Sendable {
    case answer(HTTPExchangeResponse)
    case failure(TransportError)
  }

  var method: String
  var url: String
  var requestHeaders: [(name: String, value: String)] = []
  var requestBody: [UInt8]?
  var outcome: Outcome

  /// The first line of every recording.
  static let header = #"{"recording":1}"#

  // MARK: Writing

  /// The line, with the values of these headers, in lower case, left out.
  func line(redacting names: Set<String>) -> String {
    func plain(_ headers: [(name: String, value: String)]) -> Value {
      .array(
        headers.map { header in
          let isSecret = names.contains(header.name.lowercased())
          return [.string(header.name), .string(isSecret ? "[redacted]" : header.value)]
        })
    }
    var request: Fields = [
      "method": .string(method), "url": .string(url), "headers": plain(requestHeaders),
    ]
    if let requestBody { request["body"] = Self.value(requestBody) }
    var line: Fields = ["request": .object(request)]
    switch outcome {
    case .answer(let answer):
      line["answer"] = .object([
        "status": .integer(Int64(answer.status)), "headers": plain(answer.headers),
        "body": Self.value(answer.body),
      ])
    case .failure(let error):
      line["failure"] = .object([
        "code": .string(error.code), "message": .string(error.description),
      ])
    }
    return JSONText.string(.object(line))
  }

  private static func value(_ body: [UInt8]) -> Value {
    String(validating: body, as: UTF8.self).map { .string($0) } ?? .bytes(body)
  }

  // MARK: Reading

  /// Nil for a line that is none.
  init?(line: String) {
    guard case .object(let members)? = try? JSONText.parse(line),
      case .object(let request)? = members["request"],
      case .string(let method)? = request["method"], case .string(let url)? = request["url"]
    else { return nil }
    (self.method, self.url) = (method, url)
    if case .object(let answer)? = members["answer"] {
      guard case .integer(let number)? = answer["status"], let status = Int(exactly: number),
        (100...599).contains(status), let headers = Self.headers(answer["headers"]),
        let body = Self.bytes(answer["body"])
      else { return nil }
      outcome = .answer(HTTPExchangeResponse(status: status, headers: headers, body: body))
    } else if case .object(let failure)? = members["failure"],
      case .string(let code)? = failure["code"], case .string(let message)? = failure["message"]
    {
      outcome = .failure(Self.error(code, message))
    } else {
      return nil
    }
  }

  init(_ request: HTTPExchangeRequest, _ outcome: Outcome) {
    (method, url, self.outcome) = (request.method, request.url, outcome)
    (requestHeaders, requestBody) = (request.headers, request.body)
  }

  private static func headers(_ value: Value?) -> [(name: String, value: String)]? {
    guard case .array(let items)? = value else { return nil }
    var headers: [(name: String, value: String)] = []
    for item in items {
      guard case .array(let pair) = item, pair.count == 2, case .string(let name) = pair[0],
        case .string(let value) = pair[1]
      else { return nil }
      headers.append((name: name, value: value))
    }
    return headers
  }

  private static func bytes(_ value: Value?) -> [UInt8]? {
    switch value {
    case .string(let text): Array(text.utf8)
    case .bytes(let bytes): bytes
    default: nil
    }
  }

  private static func error(_ code: String, _ message: String) -> TransportError {
    switch code {
    case "unauthorized": .unauthorized(message)
    case "unavailable": .unavailable(message)
    case "protocol-violation": .protocolViolation(message)
    case "invalid-configuration": .invalidConfiguration(message)
    default: .unreachable(message)
    }
  }
}
