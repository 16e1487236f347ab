import Journal

/// The parts of a request's credentials that may not be written down.
struct Secrets: Sendable {
  /// The longest first, so that none is left in halves.
  private let texts: [SpelledSecret]

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
      .map { SpelledSecret($0) }
  }

  /// Text without them.
  func masked(_ text: String) -> String {
    String(decoding: masked(Array(text.utf8)), as: UTF8.self)
  }

  /// Bytes without them.
  func masked(_ bytes: [UInt8]) -> [UInt8] { texts.reduce(bytes) { $1.masked(in: $0) } }

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
    for text in texts where text.bytes.count >= Self.shortestInCursor {
      guard text.masked(in: bytes).count == bytes.count else {
        throw .protocolViolation(
          "\(place) repeats the credentials in an ETag or the address of its next page, which would be "
            + "written down: it has to be told to leave them out")
      }
    }
  }
}

/// A secret, wherever it is written as it is, as a URL has it or as JSON escapes it.
private struct SpelledSecret: Sendable {
  let bytes: [UInt8]
  /// For each byte what may stand for it.
  private let spellings: [[[UInt8]]]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    spellings = bytes.map(Self.ways)
  }

  func masked(in body: [UInt8]) -> [UInt8] {
    var masked: [UInt8] = []
    masked.reserveCapacity(body.count)
    var position = 0
    while position < body.count {
      if let count = length(in: body[position...]) {
        masked.append(UInt8(ascii: "*"))
        position += count
      } else {
        masked.append(body[position])
        position += 1
      }
    }
    return masked
  }

  /// How many bytes at the beginning say it; nil where they say something else.
  private func length(in body: ArraySlice<UInt8>) -> Int? {
    guard let first = body.first, first == bytes[0] || Self.escapes.contains(first) else {
      return nil
    }
    if body.starts(with: bytes) { return bytes.count }
    var rest = body
    for ways in spellings {
      guard let way = ways.first(where: { rest.starts(with: $0) }) else { return nil }
      rest = rest.dropFirst(way.count)
    }
    return body.count - rest.count
  }

  /// What spellings other than the byte itself begin with.
  private static let escapes = [UInt8(ascii: "%"), UInt8(ascii: "\\")]

  /// Itself last: a percent sign or a backslash may begin another one.
  private static func ways(_ byte: UInt8) -> [[UInt8]] {
    let digits = (byte < 16 ? "0" : "") + String(byte, radix: 16)
    let escaped = [digits, digits.uppercased()].flatMap { ["%" + $0, "\\u00" + $0] }
    let character = String(Unicode.Scalar(byte))
    let short = ["/", "\"", "\\"].contains(character) ? ["\\" + character] : []
    return (escaped + short).map { Array($0.utf8) } + [[byte]]
  }
}
