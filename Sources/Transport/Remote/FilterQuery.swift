import Journal
import Synchronization

/// Filters as a request names them: until the server has refused a request for them.
final class FilterQuery: Sendable {
  /// 400 is a server that cannot read them; with the others the address is too long for it, or for what stands in
  /// front of it (RFC 9110, 15.5.15; RFC 6585, 5).
  static let refusals = [400, 414, 431]

  private let text: String
  private let isLeftOut = Mutex(false)

  /// - Throws: `JournalError.invalidInput` for filters that cannot be encoded.
  init(_ filters: [RemoteFilter]) throws(JournalError) {
    text = filters.isEmpty ? "" : "&filter=\(Hex.encode(try RemoteFilter.encode(filters)))"
  }

  /// The part of the query; nil where none is asked for, or the server will not have it.
  var query: String? { text.isEmpty || isLeftOut.withLock { $0 } ? nil : text }

  func leaveOut() { isLeftOut.withLock { $0 = true } }
}
