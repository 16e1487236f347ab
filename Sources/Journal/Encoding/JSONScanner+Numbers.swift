extension JSONScanner {
  /// A number as JSON tells them apart: with `.` or `e` it is a double, otherwise an integer.
  enum Number {
    case integer(negative: Bool, magnitude: UInt64)
    case double(Double)
  }

  /// Powers of ten a double holds exactly.
  private static let powers: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  /// Reads a number; the scanner must stand at a minus sign or a digit.
  mutating func number() throws(JournalError) -> Number {
    let start = offset
    let isNegative = peek() == UInt8(ascii: "-")
    if isNegative { offset += 1 }
    var digits = Digits()
    try integerPart(&digits)
    let hasFraction = peek() == UInt8(ascii: ".")
    if hasFraction {
      offset += 1
      let first = offset
      try takeDigits(&digits)
      digits.exponent -= offset - first
    }
    let hasExponent = peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E")
    if hasExponent { try exponentPart(&digits) }
    guard hasFraction || hasExponent else {
      guard digits.isExact, !isNegative || digits.magnitude <= 1 << 63 else {
        throw failure("number out of range", at: start)
      }
      return .integer(negative: isNegative && digits.magnitude > 0, magnitude: digits.magnitude)
    }
    return .double(try double(digits, isNegative: isNegative, start: start))
  }

  /// The digits of a number, as far as 64 bits hold them.
  private struct Digits {
    var magnitude: UInt64 = 0
    var isExact = true
    /// The power of ten the magnitude is multiplied with.
    var exponent = 0
  }

  private mutating func integerPart(_ digits: inout Digits) throws(JournalError) {
    guard peek() == UInt8(ascii: "0") else { return try takeDigits(&digits) }
    offset += 1
    if let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
      throw failure("a leading zero", at: offset - 1)
    }
  }

  private mutating func takeDigits(_ digits: inout Digits) throws(JournalError) {
    let start = offset
    while offset < input.count {
      let digit = input[offset] &- UInt8(ascii: "0")
      guard digit < 10 else { break }
      let (tens, overflowed) = digits.magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carried) = tens.addingReportingOverflow(UInt64(digit))
      if overflowed || carried { digits.isExact = false }
      digits.magnitude = sum
      offset += 1
    }
    guard offset > start else { throw unexpected("a digit") }
  }

  private mutating func exponentPart(_ digits: inout Digits) throws(JournalError) {
    offset += 1
    let sign = peek()
    if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { offset += 1 }
    var exponent = Digits()
    try takeDigits(&exponent)
    // Past the limit only zero or infinity are possible; the slow path tells which.
    let limit = 1 << 20
    let magnitude =
      exponent.isExact ? min(Int(clamping: exponent.magnitude), limit) : limit
    digits.exponent += sign == UInt8(ascii: "-") ? -magnitude : magnitude
  }

  /// The nearest double.
  private func double(
    _ digits: Digits, isNegative: Bool, start: Int
  ) throws(JournalError) -> Double {
    let power = abs(digits.exponent)
    if digits.isExact, digits.magnitude <= 1 << 53, power < Self.powers.count {
      // Both operands are exact, so the one operation rounds correctly.
      let value = Double(digits.magnitude)
      let scaled =
        digits.exponent < 0 ? value / Self.powers[power] : value * Self.powers[power]
      return isNegative ? -scaled : scaled
    }
    let text = String(decoding: input.part(start..<offset), as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw failure("number out of range", at: start)
    }
    return value
  }
}
