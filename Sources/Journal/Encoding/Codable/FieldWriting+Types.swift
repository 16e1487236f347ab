import Foundation

/// The types that do not encode themselves, because the journal has a form of its own for them.
extension FieldWriting {
  /// Whether ``special(_:)`` writes values of a type.
  static func isSpecial<T>(_ type: T.Type) -> Bool {
    type == Date.self || type == Data.self || type == UUID.self || type == [String].self
      || type == [Int].self || type == [Double].self || type == URL.self
      || type == Decimal.self
  }

  /// Writes a value of one of them; false for all others.
  func special<T>(_ value: T) throws(EncodingFault) -> Bool {
    // SAFETY: every cast is to the type the value has, as the comparison before it says.
    if T.self == Date.self {
      try date(unsafeBitCast(value, to: Date.self))
    } else if T.self == Data.self {
      unsafeBitCast(value, to: Data.self).withUnsafeBytes { data($0) }
    } else if T.self == UUID.self {
      uuid(unsafeBitCast(value, to: UUID.self))
    } else if T.self == [String].self {
      let texts = unsafeBitCast(value, to: [String].self)
      array(count: texts.count)
      for text in texts { string(text) }
    } else if T.self == [Int].self {
      let numbers = unsafeBitCast(value, to: [Int].self)
      array(count: numbers.count)
      for number in numbers { integer(number) }
    } else if T.self == [Double].self {
      let numbers = unsafeBitCast(value, to: [Double].self)
      guard numbers.allSatisfy(\.isFinite) else {
        throw .notFinite(numbers.first { !$0.isFinite } ?? .nan)
      }
      array(count: numbers.count)
      for number in numbers { try double(number) }
    } else if T.self == URL.self {
      string(unsafeBitCast(value, to: URL.self).absoluteString)
    } else if T.self == Decimal.self {
      let number = unsafeBitCast(value, to: Decimal.self)
      guard number.isFinite else { throw .notFinite(.nan) }
      string("\(number)")
    } else {
      return false
    }
    return true
  }

  private func date(_ date: Date) throws(EncodingFault) {
    let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
    guard let exact = Int(exactly: milliseconds), RFC3339.range.contains(exact) else {
      throw .unsupported("a date outside the years 0000 to 9999 cannot be stored")
    }
    RFC3339.withText(milliseconds: exact) { text($0) }
  }

  private func uuid(_ uuid: UUID) {
    withUnsafeBytes(of: uuid.uuid) { bytes in
      withUnsafeTemporaryAllocation(byteCount: 36, alignment: 1) { digits in
        var place = 0
        for index in 0..<16 {
          if index == 4 || index == 6 || index == 8 || index == 10 {
            digits[place] = UInt8(ascii: "-")
            place += 1
          }
          digits[place] = Hex.digit(bytes[index] >> 4)
          digits[place + 1] = Hex.digit(bytes[index] & 15)
          place += 2
        }
        text(UnsafeRawBufferPointer(digits))
      }
    }
  }
}
