/// Reads decisions from a fuzzer's bytes; when they are used up, every further one is the first.
struct Choices {
  private let bytes: UnsafeRawBufferPointer
  private(set) var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  var isAtEnd: Bool { offset >= bytes.count }

  mutating func byte() -> UInt8 {
    guard offset < bytes.count else { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// A number below `limit`, which is at most 256.
  mutating func below(_ limit: Int) -> Int { Int(byte()) % limit }

  mutating func flag() -> Bool { byte() & 1 == 1 }

  mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  mutating func uint16() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  mutating func uint64() -> UInt64 {
    (0..<8).reduce(0) { sum, _ in sum << 8 | UInt64(byte()) }
  }

  /// A number where the edges of ranges come often.
  mutating func number() -> UInt64 {
    switch byte() {
    case let small where small < 160: UInt64(small)
    case 160..<200: UInt64(uint16())
    case 200: .max
    case 201: 1 << 63
    case 202: UInt64(Int64.max)
    case 203: 1 << 48 - 1
    case 204: 1 << 48
    case 205: UInt64(UInt32.max)
    case 206: 1 << 53
    default: uint64()
    }
  }

  /// Up to `limit` bytes, as many as the next byte says and the input has.
  mutating func take(_ limit: Int) -> [UInt8] {
    let count = min(Int(byte()), limit, max(0, bytes.count - offset))
    defer { offset += count }
    return [UInt8](bytes[offset..<offset + count])
  }

  /// Everything that is left.
  mutating func rest() -> UnsafeRawBufferPointer {
    defer { offset = bytes.count }
    return UnsafeRawBufferPointer(rebasing: bytes[min(offset, bytes.count)...])
  }
}
