@testable import Journal

/// A second reading of the format's CBOR, written from RFC 8949 and the format page alone: read
/// leniently, write canonically by another way, compare the bytes.
enum CBOROracle {
  /// The value of bytes that are exactly one deterministic item with text keys; else nil.
  static func read(_ bytes: [UInt8], maxDepth: Int = 32) -> Value? {
    var reader = Reader(bytes: bytes[...])
    guard let value = reader.item(depth: maxDepth), reader.bytes.isEmpty, write(value) == bytes
    else { return nil }
    return value
  }

  static func write(_ value: Value) -> [UInt8] {
    switch value {
    case .null: [0xF6]
    case .bool(let value): [value ? 0xF5 : 0xF4]
    case .integer(let value):
      value >= 0 ? head(0, UInt64(value)) : head(1, UInt64(bitPattern: -1 - value))
    case .unsigned(let value): head(0, value)
    case .double(let value): float(value)
    case .string(let text): head(3, UInt64(text.utf8.count)) + Array(text.utf8)
    case .bytes(let bytes): head(2, UInt64(bytes.count)) + bytes
    case .array(let values): values.reduce(head(4, UInt64(values.count))) { $0 + write($1) }
    case .object(let fields):
      fields.map { (key: write(.string($0.name)), value: write($0.value)) }
        .sorted { $0.key.lexicographicallyPrecedes($1.key) }
        .reduce(head(5, UInt64(fields.count))) { $0 + $1.key + $1.value }
    case .reference(let collection, let key):
      head(6, 27182) + write(.array([.string(collection), .string(key)]))
    }
  }

  private static func head(_ major: UInt8, _ value: UInt64) -> [UInt8] {
    var digits: [UInt8] = []
    var rest = value
    while rest > 0 {
      digits.insert(UInt8(rest & 0xFF), at: 0)
      rest >>= 8
    }
    if value < 24 { return [major << 5 | UInt8(value)] }
    let width = [1, 2, 4, 8].first { $0 >= digits.count } ?? 8
    let code: [Int: UInt8] = [1: 24, 2: 25, 4: 26, 8: 27]
    return [major << 5 | (code[width] ?? 0)]
      + Array(repeating: 0, count: width - digits.count) + digits
  }

  private static func float(_ value: Double) -> [UInt8] {
    // Half precision by trying: 11 bits of significand at one of 40 scales.
    if let half = half(value) { return [0xF9, UInt8(half >> 8), UInt8(half & 0xFF)] }
    if Double(Float(value)) == value { return [0xFA] + bytes(Float(value).bitPattern, 4) }
    return [0xFB] + bytes(value.bitPattern, 8)
  }

  private static func half(_ value: Double) -> UInt16? {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    let magnitude = value.magnitude
    let steps = magnitude * 0x1p24
    // Subnormal: a multiple of 2^-24 below 2^-14.
    if magnitude < 0x1p-14 { return steps == steps.rounded() ? sign | UInt16(steps) : nil }
    guard magnitude <= 65504 else { return nil }
    let exponent = Int(magnitude.exponent)
    let fraction = (magnitude.significand - 1) * 1024
    guard fraction == fraction.rounded() else { return nil }
    return sign | UInt16(exponent + 15) << 10 | UInt16(fraction)
  }

  private static func bytes(_ value: some FixedWidthInteger, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> ((width - 1 - $0) * 8)) }
  }

  private struct Reader {
    var bytes: ArraySlice<UInt8>

    mutating func number(_ width: Int) -> UInt64? {
      guard bytes.count >= width else { return nil }
      defer { bytes = bytes.dropFirst(width) }
      return bytes.prefix(width).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() -> String? {
      guard case .string(let text)? = item(depth: 0) else { return nil }
      return text
    }

    mutating func item(depth: Int) -> Value? {
      guard let first = bytes.popFirst() else { return nil }
      let (major, code) = (first >> 5, first & 0x1F)
      if major == 7 { return simple(code) }
      guard code < 28, let argument = code < 24 ? UInt64(code) : number(1 << (Int(code) - 24))
      else { return nil }
      switch major {
      case 0: return Value(argument)
      case 1:
        guard argument <= UInt64(Int64.max) else { return nil }
        return .integer(-1 - Int64(argument))
      case 2, 3:
        guard argument <= UInt64(bytes.count) else { return nil }
        let content = Array(bytes.prefix(Int(argument)))
        bytes = bytes.dropFirst(Int(argument))
        if major == 2 { return .bytes(content) }
        guard let text = String(validating: content, as: UTF8.self) else { return nil }
        return .string(text)
      case 4:
        guard depth > 0, argument <= UInt64(bytes.count) else { return nil }
        var values: [Value] = []
        for _ in 0..<argument {
          guard let value = item(depth: depth - 1) else { return nil }
          values.append(value)
        }
        return .array(values)
      case 5:
        guard depth > 0, argument <= UInt64(bytes.count) else { return nil }
        var fields = Fields()
        for _ in 0..<argument {
          guard let name = text(), fields[name] == nil, let value = item(depth: depth - 1)
          else { return nil }
          fields[name] = value
        }
        return .object(fields)
      default:
        guard depth > 0, argument == 27182, bytes.popFirst() == 0x82, let collection = text(),
          let key = text()
        else { return nil }
        return .reference(collection: collection, key: key)
      }
    }

    private mutating func simple(_ code: UInt8) -> Value? {
      let value: Double
      switch code {
      case 20: return .bool(false)
      case 21: return .bool(true)
      case 22: return .null
      case 25:
        guard let bits = number(2) else { return nil }
        let (exponent, fraction) = (Int(bits >> 10 & 31), Double(bits & 1023))
        guard exponent < 31 else { return nil }
        var scale = 0x1p-24
        for _ in 1..<max(exponent, 1) { scale *= 2 }
        value = (exponent == 0 ? fraction : 1024 + fraction) * scale * (bits >> 15 == 1 ? -1 : 1)
      case 26:
        guard let bits = number(4) else { return nil }
        value = Double(Float(bitPattern: UInt32(bits)))
      case 27:
        guard let bits = number(8) else { return nil }
        value = Double(bitPattern: bits)
      default: return nil
      }
      guard value.isFinite else { return nil }
      return .double(value)
    }
  }
}
