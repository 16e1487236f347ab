/// Writes CBOR in the core deterministic encoding of RFC 8949 §4.2.1, appending to ``bytes``.
///
/// Heads and floats are the shortest that hold the value. Map keys are in the caller's hands:
/// `array(count:)` and `map(count:)` write only the head, and the items follow in key order;
/// `value(_:)` and `fields(_:)` sort by themselves.
package struct CBORWriter {
  package var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) {
    if capacity > 0 { bytes.reserveCapacity(capacity) }
  }

  package mutating func unsigned(_ value: UInt64) {
    head(CBORMajor.unsigned, value)
  }

  package mutating func integer(_ value: Int64) {
    if value >= 0 {
      head(CBORMajor.unsigned, UInt64(bitPattern: value))
    } else {
      head(CBORMajor.negative, ~UInt64(bitPattern: value))
    }
  }

  package mutating func text(_ text: String) {
    ByteOrder.withUTF8(of: text) { self.text(utf8: $0) }
  }

  /// Writes a text whose bytes the caller knows to be UTF-8.
  package mutating func text(utf8: UnsafeRawBufferPointer) {
    head(CBORMajor.text, UInt64(utf8.count))
    bytes.append(raw: utf8)
  }

  package mutating func data(_ data: UnsafeRawBufferPointer) {
    head(CBORMajor.data, UInt64(data.count))
    bytes.append(raw: data)
  }

  package mutating func data(_ data: [UInt8]) {
    head(CBORMajor.data, UInt64(data.count))
    bytes.append(contentsOf: data)
  }

  package mutating func array(count: Int) {
    head(CBORMajor.array, UInt64(count))
  }

  package mutating func map(count: Int) {
    head(CBORMajor.map, UInt64(count))
  }

  package mutating func bool(_ value: Bool) {
    bytes.append(value ? CBORMajor.trueByte : CBORMajor.falseByte)
  }

  package mutating func null() {
    bytes.append(CBORMajor.nullByte)
  }

  /// Writes a float in its shortest exact form.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for an infinity or NaN.
  package mutating func double(_ value: Double) throws(JournalError) {
    guard value.isFinite else { throw .invalidInput("\(value) is not a finite number") }
    finite(value)
  }

  /// Writes a float that is known to be finite.
  mutating func finite(_ value: Double) {
    let single = Float(value)
    guard Double(single) == value else {
      bytes.append(CBORMajor.doubleByte)
      return bigEndian(value.bitPattern)
    }
    if let half = CBORFloat.halfBits(of: single) {
      bytes.append(CBORMajor.halfByte)
      bigEndian(half)
    } else {
      bytes.append(CBORMajor.singleByte)
      bigEndian(single.bitPattern)
    }
  }

  /// Copies an item that is encoded already.
  package mutating func raw(_ item: UnsafeRawBufferPointer) {
    bytes.append(raw: item)
  }

  /// Copies an item that is encoded already.
  package mutating func raw(_ item: ArraySlice<UInt8>) {
    bytes.append(contentsOf: item)
  }

  /// Copies an item that is encoded already.
  package mutating func raw(_ item: [UInt8]) {
    bytes.append(contentsOf: item)
  }

  @inline(__always)
  mutating func head(_ major: UInt8, _ value: UInt64) {
    if value < 24 {
      bytes.append(major << 5 | UInt8(truncatingIfNeeded: value))
    } else {
      longHead(major, value)
    }
  }

  private mutating func longHead(_ major: UInt8, _ value: UInt64) {
    if let value = UInt8(exactly: value) {
      bytes.append(major << 5 | 24)
      bytes.append(value)
    } else if let value = UInt16(exactly: value) {
      bytes.append(major << 5 | 25)
      bigEndian(value)
    } else if let value = UInt32(exactly: value) {
      bytes.append(major << 5 | 26)
      bigEndian(value)
    } else {
      bytes.append(major << 5 | 27)
      bigEndian(value)
    }
  }

  @inline(__always)
  private mutating func bigEndian(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(raw: $0) }
  }
}

extension CBORWriter {
  /// Begins an item whose count is not known yet; returns where it stands, for ``close(_:at:count:)``.
  mutating func open() -> Int {
    bytes.append(0)
    return bytes.count - 1
  }

  /// Fills in the head of an item begun by ``open()``. Moves the content where the head is long.
  mutating func close(_ major: UInt8, at start: Int, count: Int) {
    if count < 24 {
      bytes[start] = major << 5 | UInt8(truncatingIfNeeded: count)
    } else {
      var head = CBORWriter()
      head.longHead(major, UInt64(count))
      bytes.replaceSubrange(start...start, with: head.bytes)
    }
  }
}
