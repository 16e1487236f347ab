import Journal

/// What a request's path and query name.
struct MemoryTarget {
  let collection: String
  /// Nil where the collection is meant.
  let key: String?
  let query: [String: String]
  private let path: String

  /// Nil for what names no collection, and for what is not percent-encoded text.
  init?(_ text: String) {
    let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let names = parts[0].split(separator: "/", omittingEmptySubsequences: true)
      .map { Self.plain($0) }
    guard (1...2).contains(names.count), let collection = names[0] else { return nil }
    if names.count == 2, names[1] == nil { return nil }
    self.collection = collection
    key = names.count == 2 ? names[1] : nil
    path = String(parts[0])
    var query: [String: String] = [:]
    for item in parts.dropFirst().joined().split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = Self.plain(pair[0]), let value = Self.plain(pair.count > 1 ? pair[1] : "")
      else { return nil }
      query[name] = value
    }
    self.query = query
  }

  /// The address of the list's next page.
  func link(_ url: String, offset: Int) -> String {
    var query = query
    query["offset"] = String(offset)
    return url + path + "?"
      + query.sorted { $0.key < $1.key }.map { Self.escape($0.key) + "=" + Self.escape($0.value) }
      .joined(separator: "&")
  }

  private static func escape(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return escaped
  }

  private static func plain(_ text: Substring) -> String? {
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

/// Dates as HTTP headers have them.
enum HTTPDate {
  /// `Sun, 06 Nov 1994 08:49:37 GMT`: IMF-fixdate, in whole seconds.
  static func text(_ milliseconds: UInt64) -> String {
    let text = Timestamp(milliseconds: milliseconds).description
    let parts = text.split { "-T:.Z".contains($0) }.map(String.init)
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    guard parts.count >= 6, let month = Int(parts[1]), months.indices.contains(month - 1) else {
      return "Thu, 01 Jan 1970 00:00:00 GMT"
    }
    let day = days[Int(milliseconds / 86_400_000 % 7)]
    return
      "\(day), \(parts[2]) \(months[month - 1]) \(parts[0]) \(parts[3]):\(parts[4]):\(parts[5]) GMT"
  }
}
