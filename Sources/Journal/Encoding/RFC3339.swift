/// Date and time as RFC 3339 writes them, in the proleptic Gregorian calendar.
struct RFC3339 {
  /// Milliseconds since 1970 in UTC, negative before that.
  let milliseconds: Int

  /// The last millisecond of the year 9999.
  static let lastMillisecond: UInt64 = 253_402_300_799_999

  private static let millisecondsPerDay = 86_400_000

  /// Nil unless the bytes are exactly one RFC 3339 date and time that exists.
  init?(_ text: UnsafeRawBufferPointer) {
    var parser = Parser(text: text)
    guard let year = parser.number(4), parser.take("-"),
      let month = parser.number(2), (1...12).contains(month), parser.take("-"),
      let day = parser.number(2), day >= 1, day <= Self.days(in: month, of: year),
      parser.take("Tt"),
      let hour = parser.number(2), hour <= 23, parser.take(":"),
      let minute = parser.number(2), minute <= 59, parser.take(":"),
      let second = parser.number(2), second <= 60,
      let fraction = parser.fraction(), let offset = parser.offset(), parser.isAtEnd
    else { return nil }
    let minutes =
      (Self.dayNumber(year, month, day) * 24 + hour) * 60 + minute - offset
    if second < 60 {
      milliseconds = (minutes * 60 + second) * 1000 + fraction
    } else {
      // Leap seconds come only at the end of a month in UTC.
      guard (minutes + 1).isMultiple(of: 24 * 60),
        Self.date(dayNumber: (minutes + 1) / (24 * 60)).day == 1
      else { return nil }
      milliseconds = (minutes * 60 + 60) * 1000 - 1
    }
  }

  /// The milliseconds of the years 0000 to 9999, which are all that have a text.
  static let range = -62_167_219_200_000...Int(lastMillisecond)

  /// The text of a time in UTC with milliseconds; after the year 9999 one that does not read back.
  static func text(milliseconds: UInt64) -> String {
    guard let time = Int(exactly: milliseconds), range.contains(time) else {
      return farText(milliseconds: milliseconds)
    }
    return withText(milliseconds: time) { String(decoding: $0, as: UTF8.self) }
  }

  /// Lends the text of a time in UTC with milliseconds, always 24 bytes. The time lies in ``range``.
  static func withText<R>(milliseconds: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    let days =
      milliseconds >= 0
      ? milliseconds / millisecondsPerDay
      : (milliseconds + 1) / millisecondsPerDay - 1
    let time = milliseconds - days * millisecondsPerDay
    let (year, month, day) = date(dayNumber: days)
    return withUnsafeTemporaryAllocation(byteCount: 24, alignment: 1) { text in
      var end = 24
      func prepend(_ separator: Unicode.Scalar, after number: Int, _ width: Int) {
        end -= 1
        text[end] = UInt8(ascii: separator)
        var number = number
        for _ in 0..<width {
          end -= 1
          text[end] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10)
          number /= 10
        }
      }
      prepend("Z", after: time % 1000, 3)
      prepend(".", after: time / 1000 % 60, 2)
      prepend(":", after: time / 60_000 % 60, 2)
      prepend(":", after: time / 3_600_000, 2)
      prepend("T", after: day, 2)
      prepend("-", after: month, 2)
      prepend("-", after: year, 4)
      return body(UnsafeRawBufferPointer(text))
    }
  }

  private static func farText(milliseconds: UInt64) -> String {
    let time = Int(milliseconds % UInt64(millisecondsPerDay))
    let (year, month, day) = date(dayNumber: Int(milliseconds / UInt64(millisecondsPerDay)))
    let near = text(milliseconds: UInt64(time))
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "\(year)-\(two(month))-\(two(day))" + near.dropFirst(10)
  }

  private static func isLeap(_ year: Int) -> Bool {
    year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
  }

  private static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  // Both conversions count years from March, so that the leap day is the last of its year, and
  // whole cycles of 400 years, which have 146,097 days.

  /// Days since 1970-01-01.
  private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = (month > 2 ? year : year - 1) + 400
    let monthFromMarch = (month + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468 - 146_097
  }

  /// The date that many days after 1970-01-01; at most some centuries before it.
  private static func date(dayNumber: Int) -> (year: Int, month: Int, day: Int) {
    let days = dayNumber + 719_468 + 146_097
    let cycle = days / 146_097
    let dayOfCycle = days % 146_097
    let yearOfCycle =
      (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = (monthFromMarch + 2) % 12 + 1
    let year = yearOfCycle + (cycle - 1) * 400 + (month <= 2 ? 1 : 0)
    return (year, month, day)
  }
}

extension RFC3339 {
  /// Reads the parts of a text from left to right.
  private struct Parser {
    let text: UnsafeRawBufferPointer
    var position = 0

    var isAtEnd: Bool { position == text.count }

    /// One byte out of several.
    mutating func take(_ characters: StaticString) -> Bool {
      let allowed = UnsafeBufferPointer(
        start: characters.utf8Start, count: characters.utf8CodeUnitCount)
      guard position < text.count, allowed.contains(text[position]) else { return false }
      position += 1
      return true
    }

    mutating func digit() -> Int? {
      guard position < text.count, text[position] >= UInt8(ascii: "0"),
        text[position] <= UInt8(ascii: "9")
      else { return nil }
      defer { position += 1 }
      return Int(text[position] - UInt8(ascii: "0"))
    }

    /// Exactly `width` digits.
    mutating func number(_ width: Int) -> Int? {
      var number = 0
      for _ in 0..<width {
        guard let digit = digit() else { return nil }
        number = number * 10 + digit
      }
      return number
    }

    /// The milliseconds of a fraction of any length; 0 where there is none.
    mutating func fraction() -> Int? {
      guard take(".") else { return 0 }
      var milliseconds = 0
      var weight = 100
      let start = position
      while let digit = digit() {
        milliseconds += digit * weight
        weight /= 10
      }
      return position > start ? milliseconds : nil
    }

    /// The minutes by which local time is ahead of UTC.
    mutating func offset() -> Int? {
      if take("Zz") { return 0 }
      let isAhead = take("+")
      guard isAhead || take("-"), let hours = number(2), hours <= 23, take(":"),
        let minutes = number(2), minutes <= 59
      else { return nil }
      return (hours * 60 + minutes) * (isAhead ? 1 : -1)
    }
  }
}
