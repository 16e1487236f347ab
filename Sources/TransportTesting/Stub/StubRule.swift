public import Transport

/// What a ``StubExchange`` answers to one method and URL.
public struct StubRule: Sendable {
  enum Failure: Sendable {
    case error(TransportError)
    case status(Int)
  }

  /// Such as `GET`.
  public let method: String
  /// The whole URL, query included.
  public let url: String
  /// What is answered.
  public let status: Int
  /// The answer's bytes.
  public let body: [UInt8]
  /// The answer's headers.
  public private(set) var headers: [(name: String, value: String)] = []
  /// What is answered after that, one by one; the last one stays.
  public private(set) var laterAnswers: [StubAnswer] = []
  private(set) var latency: Duration?
  private(set) var failure: Failure?
  private(set) var failures = 0

  /// An answer.
  ///
  /// - Parameters:
  ///   - method: Such as `GET`; its case counts, as in HTTP.
  ///   - url: The whole URL, query included, byte for byte.
  ///   - status: Nil is 201 for POST, 204 for DELETE, 200 for all others.
  ///   - body: The answer's bytes.
  public init(_ method: String, _ url: String, status: Int? = nil, body: [UInt8] = []) {
    (self.method, self.url, self.body) = (method, url, body)
    self.status = status ?? (method == "POST" ? 201 : method == "DELETE" ? 204 : 200)
  }

  /// The answer to a GET: 200 unless said otherwise.
  public static func get(_ url: String, status: Int? = nil, body: String = "") -> StubRule {
    StubRule("GET", url, status: status, body: Array(body.utf8))
  }

  /// The answer to a POST: 201 unless said otherwise.
  public static func post(_ url: String, status: Int? = nil, body: String = "") -> StubRule {
    StubRule("POST", url, status: status, body: Array(body.utf8))
  }

  /// The answer to a PUT: 200 unless said otherwise.
  public static func put(_ url: String, status: Int? = nil, body: String = "") -> StubRule {
    StubRule("PUT", url, status: status, body: Array(body.utf8))
  }

  /// The answer to a PATCH: 200 unless said otherwise.
  public static func patch(_ url: String, status: Int? = nil, body: String = "") -> StubRule {
    StubRule("PATCH", url, status: status, body: Array(body.utf8))
  }

  /// The answer to a DELETE: 204 unless said otherwise.
  public static func delete(_ url: String, status: Int? = nil, body: String = "") -> StubRule {
    StubRule("DELETE", url, status: status, body: Array(body.utf8))
  }

  /// The same, failing so many times before it answers.
  public func failing(_ times: Int, with error: TransportError) -> StubRule {
    var rule = self
    (rule.failures, rule.failure) = (times, .error(error))
    return rule
  }

  /// The same, answering with another status and no body so many times first.
  public func failing(_ times: Int, withStatus status: Int) -> StubRule {
    var rule = self
    (rule.failures, rule.failure) = (times, .status(status))
    return rule
  }

  /// The same after some time of the exchange's clock, failures included.
  public func taking(_ latency: Duration) -> StubRule {
    var rule = self
    rule.latency = latency
    return rule
  }

  /// The same with these headers besides.
  public func with(headers: [(name: String, value: String)]) -> StubRule {
    var rule = self
    rule.headers += headers
    return rule
  }

  /// The same, with another answer from then on: the first request gets the rule's own one, the second
  /// this one.
  ///
  /// ```swift
  /// StubRule.get(url, body: "[]").then(StubAnswer(status: 304))
  /// ```
  public func then(_ answer: StubAnswer) -> StubRule {
    var rule = self
    rule.laterAnswers.append(answer)
    return rule
  }

  /// The answer to a request that so many others got one before.
  func answer(after earlier: Int) -> HTTPExchangeResponse {
    guard earlier > 0, let last = laterAnswers.last else {
      return HTTPExchangeResponse(status: status, headers: headers, body: body)
    }
    let answer = earlier <= laterAnswers.count ? laterAnswers[earlier - 1] : last
    return HTTPExchangeResponse(
      status: answer.status, headers: answer.headers, body: answer.body)
  }

  func fits(_ request: HTTPExchangeRequest) -> Bool {
    method.utf8.elementsEqual(request.method.utf8) && url.utf8.elementsEqual(request.url.utf8)
  }
}
