import Journal

/// The parts of a request's credentials that may not be written down.
struct Secrets: Sendable {
  /// The longest first, so that none is left in halves.
  private let texts: [[UInt8]]

  /// Shorter ones are words like others.
  private static let shortest = 4
  /// Shorter ones may be part of a cursor by chance.
  private static let shortestInCursor = 8

  /// - Parameter credentials: The value of an Authorization header.
  init(_ credentials: String?) {
    guard let credentials else {
      texts = []
      return
    }
    let token = credentials.split(separator: " ").last.map(String.init) ?? credentials
    var texts = [credentials, token].map { Array($0.utf8) }
    if credentials.lowercased().hasPrefix("basic "), let pair = Base64.decode(token) {
      texts += [pair, Array(pair.drop { $0 != UInt8(ascii: ":") }.dropFirst())]
    }
    self.texts = texts.filter { $0.count >= Self.shortest }.sorted { $0.count > $1.count }
  }

  /// Text without them.
  func masked(_ text: String) -> String {
    String(decoding: masked(Array(text.utf8)), as: UTF8.self)
  }

  /// Bytes without them.
  func masked(_ bytes: [UInt8]) -> [UInt8] { texts.reduce(bytes) { Self.masking($1, in: $0) } }

  /// A refusal in whose reason the server may repeat them; any other verdict as it is.
  func masked(_ verdict: Verdict) -> Verdict {
    guard case .refused(let code, let message) = verdict else { return verdict }
    return .refused(code: masked(code), message: masked(message))
  }

  /// Checks that a cursor, which is kept as the server gave it, has none of them in it.
  ///
  /// - Throws: ``TransportError/protocolViolation(_:)``.
  func checkAbsent(in cursor: String, from place: String) throws(TransportError) {
    let bytes = Array(cursor.utf8)
    for text in texts where text.count >= Self.shortestInCursor {
      guard Self.masking(text, in: bytes).count == bytes.count else {
        throw .protocolViolation(
          "\(place) repeats the credentials in an ETag or the address of its next page, which would be "
            + "written down: it has to be told to leave them out")
      }
    }
  }

  private static func masking(_ secret: [UInt8], in body: [UInt8]) -> [UInt8] {
    var masked: [UInt8] = []
    masked.reserveCapacity(body.count)
    var position = 0
    while position < body.count {
      if body[position] == secret[0], body.count - position >= secret.count,
        body[position..<position + secret.count].elementsEqual(secret)
      {
        masked.append(UInt8(ascii: "*"))
        position += secret.count
      } else {
        masked.append(body[position])
        position += 1
      }
    }
    return masked
  }
}
