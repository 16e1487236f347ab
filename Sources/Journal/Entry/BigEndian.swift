extension [UInt8] {
  /// Appends an integer, most significant byte first.
  @inline(__always)
  package mutating func appendBigEndian(_ value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
  }

  /// Appends the low 48 bits; sequences and times need no more.
  @inline(__always)
  package mutating func appendUInt48(_ value: UInt64) {
    Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0[2...]) }
  }

  /// The eight bytes of a sequence as a table key.
  package init(sequence: UInt64) {
    self.init()
    appendBigEndian(sequence)
  }
}

/// Reads fixed-size fields of a stored row; running over the end is damage, never a trap.
package struct RowReader {
  package let bytes: UnsafeRawBufferPointer
  package private(set) var offset = 0

  package init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  package var remaining: Int { bytes.count - offset }

  @inline(__always)
  package mutating func take(_ count: Int) throws(JournalError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      throw JournalError.damaged("a stored row ends early; run `journal verify`")
    }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  @inline(__always)
  package mutating func integer<T: FixedWidthInteger>(
    _ type: T.Type
  ) throws(JournalError) -> T {
    T(bigEndian: try take(MemoryLayout<T>.size).loadUnaligned(as: T.self))
  }

  @inline(__always)
  package mutating func uint48() throws(JournalError) -> UInt64 {
    let high = try integer(UInt16.self)
    let low = try integer(UInt32.self)
    return UInt64(high) << 32 | UInt64(low)
  }

  @inline(__always)
  package mutating func rest() throws(JournalError) -> UnsafeRawBufferPointer {
    try take(remaining)
  }
}

/// Writes fixed-size fields of a row into bytes it was lent; room is the caller's to know.
package struct RowWriter {
  package let bytes: UnsafeMutableRawBufferPointer
  package var offset = 0

  @inlinable @inline(__always)
  package init(_ bytes: UnsafeMutableRawBufferPointer) {
    self.bytes = bytes
  }

  @inlinable @inline(__always)
  package mutating func integer<T: FixedWidthInteger>(_ value: T) {
    bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    offset += MemoryLayout<T>.size
  }

  @inlinable @inline(__always)
  package mutating func uint48(_ value: UInt64) {
    integer(UInt16(truncatingIfNeeded: value >> 32))
    integer(UInt32(truncatingIfNeeded: value))
  }

  @inlinable @inline(__always)
  package mutating func version(_ version: ServerVersion) {
    integer(version.timestamp)
    integer(version.tieBreak)
  }

  @inlinable @inline(__always)
  package mutating func copy(_ source: UnsafeRawBufferPointer) {
    UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + source.count])
      .copyMemory(from: source)
    offset += source.count
  }
}
