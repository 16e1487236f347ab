#if canImport(Darwin)
  public import Foundation

  /// Exchanges over URLSession, on Apple's platforms. Not run by this project's own CI, which is
  /// on Linux.
  public final class URLSessionExchange: NSObject, HTTPExchange, URLSessionTaskDelegate {
    private let configuration: URLSessionConfiguration

    public override init() {
      configuration = .ephemeral
      configuration.timeoutIntervalForRequest = 30
      configuration.timeoutIntervalForResource = TimeInterval(HTTPLimits.totalSeconds)
      configuration.requestCachePolicy = .reloadIgnoringLocalCacheData
      configuration.httpAdditionalHeaders = ["Accept-Encoding": "identity"]
    }

    public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      try request.check()
      guard let url = URL(string: request.url) else {
        throw TransportError.invalidConfiguration("not a URL: \(request.url)")
      }
      var outgoing = URLRequest(url: url)
      outgoing.httpMethod = request.method
      outgoing.httpBody = request.body.map { Data($0) }
      for header in request.headers {
        outgoing.setValue(header.value, forHTTPHeaderField: header.name)
      }
      let session = URLSession(configuration: configuration)
      defer { session.finishTasksAndInvalidate() }
      do {
        let (bytes, response) = try await session.bytes(for: outgoing, delegate: self)
        let answer = response as? HTTPURLResponse
        let headers = (answer?.allHeaderFields ?? [:]).map { name, value in
          (name: "\(name)", value: "\(value)")
        }
        try HTTPExchangeResponse(status: answer?.statusCode ?? 0, headers: headers, body: [])
          .checkHead()
        var body: [UInt8] = []
        for try await byte in bytes {
          guard body.count < HTTPLimits.responseBytes else {
            throw TransportError.protocolViolation("the server's answer is over 8 MiB")
          }
          body.append(byte)
        }
        return HTTPExchangeResponse(
          status: answer?.statusCode ?? 0, headers: headers, body: body)
      } catch let error as URLError {
        throw TransportError.unreachable(
          "no answer from \(request.url): \(error.code.rawValue). What was recorded is safe here; "
            + "sync again later")
      }
    }

    public func urlSession(
      _ session: URLSession, task: URLSessionTask,
      willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest
    ) async -> URLRequest? {
      nil
    }
  }
#endif
