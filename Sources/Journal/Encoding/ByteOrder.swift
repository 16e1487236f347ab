#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Comparisons of text as bytes. Swift compares strings by canonical equivalence, which would make
/// two spellings of "é" one name and let devices disagree about what is a duplicate.
enum ByteOrder {
  /// Negative, zero or positive, as the left bytes come before, equal or come after the right.
  @inline(__always)
  static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    let common = min(left.count, right.count)
    if common > 0, let first = left.baseAddress, let second = right.baseAddress {
      let order = memcmp(first, second, common)
      if order != 0 { return Int(order) }
    }
    return left.count - right.count
  }

  @inline(__always)
  static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    left.count == right.count && compare(left, right) == 0
  }

  /// The order deterministic CBOR gives two text keys: the shorter comes first.
  @inline(__always)
  static func compareKeys(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    left.count == right.count ? compare(left, right) : left.count - right.count
  }

  static func compare(_ left: String, _ right: String) -> Int {
    withUTF8(of: left) { left in withUTF8(of: right) { right in compare(left, right) } }
  }

  /// Lends the UTF-8 of a string; copies only strings that are bridged from elsewhere.
  @inline(__always)
  static func withUTF8<R>(of text: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    text.utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
      ?? Array(text.utf8).withUnsafeBytes { body($0) }
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes of a range, counted from zero again. The range must lie inside.
  @inline(__always)
  func part(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: self[range])
  }
}

extension [UInt8] {
  /// Appends raw bytes with one copy.
  @inline(__always)
  mutating func append(raw bytes: UnsafeRawBufferPointer) {
    bytes.withMemoryRebound(to: UInt8.self) { append(contentsOf: $0) }
  }
}
