import Journal

extension HTTPExchangeResponse {
  /// The server's clock in milliseconds since 1970, in whole seconds: the Date header (RFC 9110).
  var serverTime: UInt64? {
    header("date").flatMap { Self.time($0) }
  }

  /// The milliseconds to wait before the next try, where the answer says so.
  var retryAfterMilliseconds: UInt64? {
    guard let text = header("retry-after") else { return nil }
    if let seconds = UInt64(text) { return min(seconds, 86_400) * 1000 }
    guard let time = Self.time(text), let now = serverTime else { return nil }
    return min(time - min(now, time), 86_400_000)
  }

  /// The milliseconds without further requests that any answer may ask for, a success too: Kinto's
  /// `Backoff` header.
  var backoffMilliseconds: UInt64? {
    header("backoff").flatMap { UInt64($0) }.map { min($0, 86_400) * 1000 }
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// An IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`, the only form a server may send today.
  private static func time(_ text: String) -> UInt64? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2]))
    else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return Timestamp("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")?.milliseconds
  }

  private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

  /// A time as an IMF-fixdate: the second it lies in; the last one with a year of four digits for later
  /// ones.
  static func date(_ milliseconds: UInt64) -> String {
    let milliseconds = min(milliseconds, 253_402_300_799_999)
    // 2023-11-14T22:13:20.000Z
    let text = Array(Timestamp(milliseconds: milliseconds).description.utf8)
    let day = days[Int(milliseconds / 86_400_000 % 7)]
    func part(_ range: Range<Int>) -> String { String(decoding: text[range], as: UTF8.self) }
    let month = months[(Int(part(5..<7)) ?? 1) - 1]
    return "\(day), \(part(8..<10)) \(month) \(part(0..<4)) \(part(11..<19)) GMT"
  }
}
