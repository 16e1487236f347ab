import Journal
import Synchronization

/// Whether the bodies of requests go compressed: once the server has said that it takes them (RFC 7694).
///
/// What is compressed is the request on its way. The segment in it stays the sealed bytes.
final class RequestCoding: Sendable {
  /// zlib's format (RFC 1950), as HTTP calls it (RFC 9110, 8.4.1.2).
  static let name = "deflate"
  /// Shorter bodies fit into a packet or two as they are.
  private static let shortest = 1_024

  private let isTaken = Mutex(false)

  /// Looks at what an answer says of requests.
  func learn(from answer: HTTPExchangeResponse) {
    let names = (answer.header("accept-encoding") ?? "").split(separator: ",").map { name in
      String(name.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }).lowercased()
    }
    isTaken.withLock { $0 = names.contains(Self.name) }
  }

  func forget() { isTaken.withLock { $0 = false } }

  /// The body compressed; nil where it goes as it is.
  func compress(_ body: [UInt8]) -> [UInt8]? {
    guard body.count >= Self.shortest, isTaken.withLock({ $0 }) else { return nil }
    return try? Deflate.compress(body)
  }
}
