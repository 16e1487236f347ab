/// The one seam to an HTTP client: sends a request, gives back the whole bounded answer.
///
/// An implementation follows no redirect, accepts no compressed body, checks certificates, and
/// reads no more than the limit it was made with.
public protocol HTTPExchange: Sendable {
  /// - Throws: ``TransportError``.
  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse
}

public struct HTTPExchangeRequest: Sendable {
  public var method: String
  public var url: String
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]?

  public init(
    method: String, url: String, headers: [(name: String, value: String)] = [],
    body: [UInt8]? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

public struct HTTPExchangeResponse: Sendable {
  public var status: Int
  public var headers: [(name: String, value: String)]
  public var body: [UInt8]

  public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The value of the first header of that name, whatever its case.
  public func header(_ name: String) -> String? {
    let name = name.lowercased()
    return headers.first { $0.name.lowercased() == name }?.value
  }
}

/// The limits every exchange keeps.
public enum HTTPLimits {
  /// Longest answer, in bytes.
  public static let responseBytes = 8 << 20
  /// Longest request, in bytes.
  public static let requestBytes = 2 << 20
  /// Most headers of an answer.
  public static let responseHeaders = 256
  public static let connectSeconds: Int64 = 10
  public static let totalSeconds: Int64 = 120
}
