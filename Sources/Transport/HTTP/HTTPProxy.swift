/// A proxy that `https` requests are tunnelled through (`CONNECT`); it sees neither their content nor
/// their credentials. `http`, which goes to this machine alone, never takes it.
public struct HTTPProxy: Sendable, Hashable {
  public let host: String
  public let port: Int
  /// For the proxy itself.
  let credentials: Credentials?
  /// Hosts, or domains with all below them, that are reached directly.
  public var exceptions: [String] = []

  struct Credentials: Sendable, Hashable {
    let user: String
    let password: String
  }

  /// Reads `http://[USER:PASSWORD@]HOST[:PORT]`; the port is 80 unless named.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)``, which does not quote the text.
  public init(_ url: String) throws(TransportError) {
    var text = Substring(url)
    if text.lowercased().hasPrefix("http://") { text = text.dropFirst(7) }
    if text.hasSuffix("/") { text.removeLast() }
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    let place = parts.last ?? ""
    var host = String(place.prefix { $0 != ":" })
    var after = place.dropFirst(host.count)
    if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
      host = String(place[place.index(after: place.startIndex)..<end])
      after = place[place.index(after: end)...]
    }
    let port = after.isEmpty ? 80 : Int(after.dropFirst())
    guard parts.count <= 2, !host.isEmpty, let port, (1...65_535).contains(port),
      after.isEmpty || after.hasPrefix(":"),
      host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F })
    else {
      throw .invalidConfiguration("a proxy is http://HOST:PORT, with USER:PASSWORD@ where it asks")
    }
    (self.host, self.port) = (host, port)
    guard parts.count == 2 else {
      credentials = nil
      return
    }
    let pair = parts[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    credentials = Credentials(
      user: String(pair[0]), password: pair.count > 1 ? String(pair[1]) : "")
  }

  /// The proxy an environment names: `HTTPS_PROXY`, and `NO_PROXY` for its exceptions, in either case.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)``.
  public init?(environment: [String: String]) throws(TransportError) {
    let named = environment["HTTPS_PROXY"] ?? environment["https_proxy"]
    guard let named, !named.isEmpty else { return nil }
    try self.init(named)
    let exceptions = environment["NO_PROXY"] ?? environment["no_proxy"] ?? ""
    self.exceptions = exceptions.split { $0 == "," || $0 == " " }.map(String.init)
  }

  /// Whether a request takes the proxy.
  func takes(_ url: String) -> Bool {
    guard let origin = Origin(url)?.origin, origin.hasPrefix("https://") else { return false }
    let host = origin.dropFirst(8).prefix { $0 != ":" }
    return !exceptions.contains { exception in
      let name = (exception.hasPrefix(".") ? exception.dropFirst() : exception[...]).lowercased()
      return name == "*" || host == name || host.hasSuffix("." + name)
    }
  }
}
