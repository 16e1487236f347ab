/// Requests with credentials to one server.
///
/// Credentials are asked for at every request and once more where they are not accepted; the same request
/// goes out again with new ones. They are kept nowhere, and taken out of what the server repeats of them.
struct AuthorizedExchange: Sendable {
  let exchange: any HTTPExchange
  /// The value of the Authorization header; nil where there is none.
  let authorization: @Sendable () async throws -> String?

  /// - Parameter isRefused: Whether an answer says that it does not take the credentials.
  /// - Throws: ``TransportError`` where there is no answer, or one that must not be read; any status is
  ///   an answer.
  func send(
    _ request: HTTPExchangeRequest,
    isRefused: (HTTPExchangeResponse) -> Bool = { $0.status == 401 }
  ) async throws -> HTTPExchangeResponse {
    let credentials = try await authorization()
    let answer = try await send(request, credentials)
    guard isRefused(answer), let fresh = try await authorization(), fresh != credentials else {
      return answer
    }
    return try await send(request, fresh)
  }

  private func send(
    _ request: HTTPExchangeRequest, _ credentials: String?
  ) async throws -> HTTPExchangeResponse {
    var request = request
    if let credentials { request.headers.append((name: "Authorization", value: credentials)) }
    let answer = try await exchange.send(request).without(credentials)
    try answer.checkHead()
    return answer
  }
}
