import Journal
import Synchronization

/// Filters as requests name them: those of a kind until the server has refused one for them.
final class FilterQuery: Sendable {
  /// 400 is a server that cannot read them; with the others the address is too long for it, or for what stands in
  /// front of it (RFC 9110, 15.5.15; RFC 6585, 5).
  static let refusals = [400, 414, 431]

  private let text: String
  private let leftOut = Mutex<Set<Substring>>([])

  /// - Throws: `JournalError.invalidInput` for filters that cannot be encoded.
  init(_ filters: [RemoteFilter]) throws(JournalError) {
    text = filters.isEmpty ? "" : "&filter=\(Hex.encode(try RemoteFilter.encode(filters)))"
  }

  /// The part of a request's query; nil where none is asked for, or the server will not have it in requests like it.
  func query(for path: String) -> String? {
    text.isEmpty || leftOut.withLock { $0.contains(Self.kind(path)) } ? nil : text
  }

  func leaveOut(of path: String) {
    leftOut.withLock { _ = $0.insert(Self.kind(path)) }
  }

  /// Some kinds have longer addresses than others.
  private static func kind(_ path: String) -> Substring { path.prefix { $0 != "?" } }
}
