/// RFC 3339 by counting the days one by one.
enum TimeOracle {
  static func isTime(_ text: UnsafeRawBufferPointer) -> Bool { parts(text) != nil }

  /// Milliseconds since 1970 in UTC, a leap second as the last millisecond before it.
  static func milliseconds(_ text: UnsafeRawBufferPointer) -> UInt64? {
    guard let parts = parts(text) else { return nil }
    return UInt64(exactly: parts)
  }

  private static func parts(_ text: UnsafeRawBufferPointer) -> Int? {
    var rest = text[...]
    func digits(_ count: Int) -> Int? {
      let part = rest.prefix(count)
      guard part.count == count, part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      rest = rest.dropFirst(count)
      return Int(String(decoding: part, as: UTF8.self))
    }
    func next(_ characters: String) -> Bool {
      guard let byte = rest.first, characters.utf8.contains(byte) else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard let year = digits(4), next("-"), let month = digits(2), next("-"), let day = digits(2),
      next("Tt"), let hour = digits(2), next(":"), let minute = digits(2), next(":"),
      let second = digits(2)
    else { return nil }
    var fraction = 0
    if next(".") {
      let places = rest.prefix { (0x30...0x39).contains($0) }
      guard !places.isEmpty else { return nil }
      rest = rest.dropFirst(places.count)
      let padded = String(decoding: places, as: UTF8.self) + "00"
      fraction = Int(padded.prefix(3)) ?? 0
    }
    var ahead = 0
    if !next("Zz") {
      let sign = rest.first == 0x2B ? 1 : -1
      guard next("+-"), let hours = digits(2), next(":"), let minutes = digits(2), hours < 24,
        minutes < 60
      else { return nil }
      ahead = sign * (hours * 60 + minutes)
    }
    guard rest.isEmpty, (1...12).contains(month), day >= 1, day <= days(year)[month - 1], hour < 24,
      minute < 60, second <= 60
    else { return nil }
    let dayNumber = number(of: year) + days(year).prefix(month - 1).reduce(0, +) + day - 1
    let minutes = (dayNumber * 24 + hour) * 60 + minute - ahead
    guard second == 60 else { return (minutes * 60 + second) * 1000 + fraction }
    // The minute after a leap second begins a month in UTC.
    guard (minutes + 1) % 1440 == 0, isFirstOfMonth((minutes + 1) / 1440) else { return nil }
    return (minutes + 1) * 60_000 - 1
  }

  private static func days(_ year: Int) -> [Int] {
    let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  }

  /// Days from 1970-01-01 to the first day of a year.
  private static func number(of year: Int) -> Int {
    year >= 1970
      ? (1970..<year).reduce(0) { $0 + days($1).reduce(0, +) }
      : -(year..<1970).reduce(0) { $0 + days($1).reduce(0, +) }
  }

  private static func isFirstOfMonth(_ day: Int) -> Bool {
    // Early enough on either side of 1970, then upwards.
    var year = 1970 + (day < 0 ? day / 365 : day / 366) - 2
    var start = number(of: year)
    while start + days(year).reduce(0, +) <= day {
      start += days(year).reduce(0, +)
      year += 1
    }
    var rest = day - start
    for length in days(year) {
      if rest == 0 { return true }
      rest -= length
    }
    return false
  }
}
