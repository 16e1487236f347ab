import Crypto
import Journal

/// Where a list goes on.
enum RESTPage: Equatable {
  /// Path and query on the server's origin.
  case path(String)
  /// So many records lie before it, or so many pages.
  case number(UInt64)

  init?(_ value: Value?) {
    switch value {
    case .string(let path): self = .path(path)
    case .integer(let number):
      guard let number = UInt64(exactly: number) else { return nil }
      self = .number(number)
    default: return nil
    }
  }

  var value: Value {
    switch self {
    case .path(let path): .string(path)
    case .number(let number): Value(number)
    }
  }

  // MARK: Links

  /// The target of `rel="next"` in Link headers (RFC 8288).
  static func next(inLinks headers: [(name: String, value: String)]) -> String? {
    for header in headers where header.name.lowercased() == "link" {
      var rest = Substring(header.value)
      while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
        let target = rest[rest.index(after: open)..<close]
        rest = rest[rest.index(after: close)...]
        let parameters = rest.prefix { $0 != "<" }
        for parameter in parameters.split(whereSeparator: { $0 == ";" || $0 == "," }) {
          let pair = parameter.split(separator: "=", maxSplits: 1)
            .map { $0.trimmed(of: " \t\"").lowercased() }
          guard pair.count == 2, pair[0] == "rel" else { continue }
          if pair[1].split(separator: " ").contains("next") { return String(target) }
        }
      }
    }
    return nil
  }

  /// Path and query of a link, which has to lead to the origin the list came from.
  ///
  /// - Parameter address: Where the list was asked for.
  /// - Throws: ``TransportError/protocolViolation(_:)`` for another origin, and for what is no such link.
  static func path(_ link: String, from address: String) throws(TransportError) -> String {
    let isPlain =
      link.utf8.count <= 4_096
      && link.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }
    guard isPlain, let here = Origin(address) else {
      throw .protocolViolation("\(address) names a next page that is no URL")
    }
    if link.hasPrefix("?") {
      return String(here.rest.prefix { $0 != "?" && $0 != "#" }) + link
    }
    if link.hasPrefix("/"), !link.hasPrefix("//") { return link }
    guard let there = Origin(link), there.origin == here.origin else {
      throw .protocolViolation(
        "\(address) names a next page that is not on the same server; credentials go to "
          + "\(here.origin) alone")
    }
    return there.rest.hasPrefix("/") ? there.rest : "/" + there.rest
  }

  /// The digest by which a page is known again.
  static func digest(_ body: [UInt8]) -> String {
    SHA256.hash(data: body).prefix(8).reduce(into: "") { text, byte in
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
}

/// Scheme, host and port of a URL, and what follows them.
struct Origin {
  let origin: String
  let rest: String

  /// Nil for what is no `http` or `https` URL, and for one that carries credentials.
  init?(_ url: String) {
    let parts: (scheme: String, port: String)
    let lowercase = url.prefix(8).lowercased()
    if lowercase.hasPrefix("https://") {
      parts = ("https://", ":443")
    } else if lowercase.hasPrefix("http://") {
      parts = ("http://", ":80")
    } else {
      return nil
    }
    let after = url.dropFirst(parts.scheme.count)
    var authority = after.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
    rest = String(after.dropFirst(authority.count))
    guard !authority.isEmpty, !authority.contains("@") else { return nil }
    if authority.hasSuffix(parts.port) { authority.removeLast(parts.port.count) }
    origin = parts.scheme + authority
  }
}

extension Substring {
  fileprivate func trimmed(of characters: String) -> Substring {
    var text = self
    while let first = text.first, characters.contains(first) { text.removeFirst() }
    while let last = text.last, characters.contains(last) { text.removeLast() }
    return text
  }
}
