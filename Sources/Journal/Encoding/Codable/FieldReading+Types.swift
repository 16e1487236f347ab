import Foundation

/// The types that do not decode themselves, because the journal has a form of its own for them.
extension FieldReading {
  /// Decodes a value of any type from the item at `offset`.
  ///
  /// - Parameter place: That of the container the item is in.
  func decode<T: Decodable>(
    _ type: T.Type, at offset: Int, in place: Int, _ key: @autoclosure () -> any CodingKey
  ) throws -> T {
    if Self.isSpecial(type) {
      do throws(ItemFault) {
        return try special(type, at: offset)
      } catch {
        throw error.error(type, path(to: place) + [key()])
      }
    }
    let inner = enter(key(), from: place)
    defer { leave(inner) }
    return try T(from: FieldItemDecoder(reading: self, offset: offset, place: inner))
  }

  /// Whether ``special(_:at:)`` reads values of a type.
  static func isSpecial<T>(_ type: T.Type) -> Bool {
    type == Date.self || type == Data.self || type == UUID.self || type == [String].self
      || type == [Int].self || type == [Double].self || type == [String: String].self
      || type == URL.self || type == Decimal.self
  }

  /// A value of one of the types with a form of their own.
  func special<T>(_ type: T.Type, at offset: Int) throws(ItemFault) -> T {
    // SAFETY: every cast is to the type the value has, as the comparison before it says.
    if type == Date.self { return unsafeBitCast(try date(at: offset), to: type) }
    if type == Data.self { return unsafeBitCast(try data(at: offset), to: type) }
    if type == UUID.self { return unsafeBitCast(try uuid(at: offset), to: type) }
    if type == [String].self { return unsafeBitCast(try strings(at: offset), to: type) }
    if type == [Int].self { return unsafeBitCast(try integers(at: offset), to: type) }
    if type == [Double].self { return unsafeBitCast(try doubles(at: offset), to: type) }
    if type == [String: String].self { return unsafeBitCast(try texts(at: offset), to: type) }
    if type == URL.self { return unsafeBitCast(try url(at: offset), to: type) }
    if type == Decimal.self { return unsafeBitCast(try decimal(at: offset), to: type) }
    throw .corrupt("\(type) has no form of its own")
  }

  private func date(at offset: Int) throws(ItemFault) -> Date {
    guard let time = RFC3339(try textBytes(at: offset)) else {
      throw .corrupt("the text is no date and time of RFC 3339")
    }
    return Date(timeIntervalSince1970: Double(time.milliseconds) / 1000)
  }

  private func data(at offset: Int) throws(ItemFault) -> Data {
    Data(bytes.part(try content(CBORMajor.data, at: offset)))
  }

  private func uuid(at offset: Int) throws(ItemFault) -> UUID {
    guard let bits = UUIDBits(utf8: try textBytes(at: offset)) else {
      throw .corrupt("the text is no UUID")
    }
    let bytes = (bits.high.bigEndian, bits.low.bigEndian)
    return UUID(uuid: withUnsafeBytes(of: bytes) { $0.loadUnaligned(as: uuid_t.self) })
  }

  private func url(at offset: Int) throws(ItemFault) -> URL {
    guard let url = URL(string: try string(at: offset)) else {
      throw .corrupt("the text is no URL")
    }
    return url
  }

  /// Decimal digits as text; also a number, by the shortest text it has.
  private func decimal(at offset: Int) throws(ItemFault) -> Decimal {
    let head = try head(at: offset)
    switch head.major {
    case CBORMajor.unsigned: return Decimal(head.value)
    case CBORMajor.negative: return Decimal(try integer(Int64.self, at: offset))
    case CBORMajor.text:
      let text = try string(at: offset)
      guard DecimalText.isValid(text), let number = Decimal(string: text) else {
        throw .corrupt("the text is no decimal number of up to 38 digits")
      }
      return number
    case CBORMajor.simple:
      guard let number = Decimal(string: "\(try double(at: offset))") else {
        throw .corrupt("the number does not fit Decimal")
      }
      return number
    default: throw mismatch("a decimal number", at: offset)
    }
  }

  private func strings(at offset: Int) throws(ItemFault) -> [String] {
    try elements(at: offset) { offset throws(ItemFault) in try self.string(at: offset) }
  }

  private func integers(at offset: Int) throws(ItemFault) -> [Int] {
    try elements(at: offset) { offset throws(ItemFault) in
      try self.integer(Int.self, at: offset)
    }
  }

  private func doubles(at offset: Int) throws(ItemFault) -> [Double] {
    try elements(at: offset) { offset throws(ItemFault) in try self.double(at: offset) }
  }

  @inline(__always)
  private func elements<T>(
    at offset: Int, _ element: (Int) throws(ItemFault) -> T
  ) throws(ItemFault) -> [T] {
    let array = try array(at: offset)
    var values: [T] = []
    // A count may claim one element per byte left; elements are larger than that in memory.
    values.reserveCapacity(min(array.count, 1024))
    var position = array.first
    for _ in 0..<array.count {
      values.append(try element(position))
      position = try skip(position)
    }
    return values
  }

  private func texts(at offset: Int) throws(ItemFault) -> [String: String] {
    let head = try head(at: offset)
    guard head.major == CBORMajor.map else { throw mismatch("an object", at: offset) }
    guard head.value <= UInt64(bytes.count - head.end) / 2 else {
      throw .corrupt("a count runs over the end")
    }
    var values: [String: String] = [:]
    values.reserveCapacity(min(Int(truncatingIfNeeded: head.value), 1024))
    var position = head.end
    for _ in 0..<Int(truncatingIfNeeded: head.value) {
      let name = try string(at: position)
      position = try skip(position)
      let value = try string(at: position)
      position = try skip(position)
      // Names are bytes to the journal; a dictionary holds only one of two that look the same.
      guard values.updateValue(value, forKey: name) == nil else {
        throw .corrupt("two names are the same to a dictionary")
      }
    }
    return values
  }
}

/// Decimal numbers as text.
enum DecimalText {
  /// Whether a text is digits with at most one point between them, a sign and an exponent, and has
  /// no more digits than a `Decimal` holds.
  static func isValid(_ text: String) -> Bool {
    var digits = 0
    var points = 0
    var rest = Substring(text)
    if rest.first == "-" { rest.removeFirst() }
    while let next = rest.utf8.first, next != UInt8(ascii: "e"), next != UInt8(ascii: "E") {
      switch next {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
      case UInt8(ascii: ".") where digits > 0: points += 1
      default: return false
      }
      rest = rest.dropFirst()
    }
    guard (1...38).contains(digits), points < 2 else { return false }
    return rest.isEmpty || Int8(rest.dropFirst()) != nil
  }
}
