/// Requests with credentials to one server.
///
/// Credentials are asked for at every request and once more where they are not accepted; the same request
/// goes out again with new ones. They are kept nowhere, and taken out of what the server repeats of them.
/// What an answer says of the time to leave the server alone is noted. No answer comes from a cache on the way unless
/// the server has confirmed it.
struct AuthorizedExchange: Sendable {
  let exchange: any HTTPExchange
  /// The value of the Authorization header; nil where there is none.
  let authorization: @Sendable () async throws -> String?
  let pause = RequestedPause()

  /// Sends a request.
  ///
  /// - Parameter isRefused: Whether an answer says that it does not take the credentials.
  /// - Throws: ``TransportError`` where there is no answer, or one that must not be read; any status is
  ///   an answer.
  func send(
    _ request: HTTPExchangeRequest,
    isRefused: (HTTPExchangeResponse) -> Bool = { $0.status == 401 }
  ) async throws -> HTTPExchangeResponse {
    try await sendKeepingSecrets(request, isRefused: isRefused).answer
  }

  /// The same, with what is to be taken out of what is kept of a success: its body is the user's data, in
  /// which nothing is replaced.
  func sendKeepingSecrets(
    _ request: HTTPExchangeRequest,
    isRefused: (HTTPExchangeResponse) -> Bool = { $0.status == 401 }
  ) async throws -> (answer: HTTPExchangeResponse, secrets: Secrets) {
    let credentials = try await authorization()
    let first = try await send(request, credentials)
    guard isRefused(first.answer), let fresh = try await authorization(), fresh != credentials
    else { return first }
    return try await send(request, fresh)
  }

  private func send(
    _ request: HTTPExchangeRequest, _ credentials: String?
  ) async throws -> (answer: HTTPExchangeResponse, secrets: Secrets) {
    var request = request
    if let credentials { request.headers.append((name: "Authorization", value: credentials)) }
    // RFC 9111, 5.2.1.4. What is older than what is known here would be taken for a server that went back.
    if request.method == "GET" || request.method == "HEAD" {
      request.headers.append((name: "Cache-Control", value: "no-cache"))
    }
    let secrets = Secrets(credentials)
    let answer = try await exchange.send(request).without(secrets)
    if let milliseconds = answer.backoffMilliseconds { pause.ask(for: milliseconds) }
    try answer.checkHead()
    return (answer, secrets)
  }
}
