/// What every exchange asks of a request before it is sent, and of an answer before it is read.
extension HTTPExchangeRequest {
  /// Checks that nothing in the request could be read as something else on the way.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)``, which quotes no header's value.
  public func check() throws(TransportError) {
    guard !method.isEmpty, method.utf8.allSatisfy(Self.isTokenByte) else {
      throw .invalidConfiguration("a request's method is a word of letters")
    }
    guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .invalidConfiguration(
        "a URL has no spaces, control characters or letters beyond ASCII in it: percent-encode them"
      )
    }
    for header in headers {
      guard !header.name.isEmpty, header.name.utf8.allSatisfy(Self.isTokenByte) else {
        throw .invalidConfiguration("a header's name has characters that HTTP does not allow")
      }
      guard header.value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }) else {
        throw .invalidConfiguration(
          "the value of the header \(header.name) has a line break or another control character in "
            + "it: look at what it is read from")
      }
    }
    guard (body?.count ?? 0) <= HTTPLimits.requestBytes else {
      throw .invalidConfiguration("a request is over 2 MiB")
    }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}

extension HTTPExchangeResponse {
  /// Checks an answer's head.
  ///
  /// - Throws: ``TransportError/protocolViolation(_:)`` for a compressed body, which nobody asked for, and
  ///   for more headers than ``HTTPLimits/responseHeaders``.
  public func checkHead() throws(TransportError) {
    guard headers.count <= HTTPLimits.responseHeaders else {
      throw .protocolViolation(
        "the server's answer has \(headers.count) headers; \(HTTPLimits.responseHeaders) are allowed"
      )
    }
    for header in headers where header.name.lowercased() == "content-encoding" {
      let encoding = header.value.lowercased()
      guard encoding.isEmpty || encoding == "identity" else {
        throw .protocolViolation(
          "the server compressed its answer (Content-Encoding), which this client does not accept")
      }
    }
  }
}

/// How long an exchange waits.
public struct HTTPTimeouts: Sendable, Hashable {
  /// For a connection; 10 seconds.
  public var connect: Duration = .seconds(HTTPLimits.connectSeconds)
  /// For the next byte; 30 seconds.
  public var idle: Duration = .seconds(30)
  /// For the whole answer, from the request's beginning; 120 seconds.
  public var total: Duration = .seconds(HTTPLimits.totalSeconds)

  /// The defaults.
  public init() {}
}
