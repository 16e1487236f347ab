/// Bytes that grow at their end: an array without the checks an array makes for each byte.
struct RawOutput: ~Copyable {
  private var memory: UnsafeMutableRawBufferPointer
  /// How many bytes are written; making it smaller forgets the last ones.
  var count = 0

  var capacity: Int { memory.count }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }

  init() {
    memory = .allocate(byteCount: 512, alignment: 16)
  }

  deinit {
    memory.deallocate()
  }

  @inline(__always)
  private mutating func reserve(_ more: Int) {
    if memory.count - count < more { grow(more) }
  }

  @inline(never)
  private mutating func grow(_ more: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(memory.count * 2, count + more), alignment: 16)
    larger.copyMemory(from: bytes)
    memory.deallocate()
    memory = larger
  }

  @inline(__always)
  mutating func byte(_ byte: UInt8) {
    reserve(1)
    memory[count] = byte
    count += 1
  }

  mutating func copy(_ bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
    count += bytes.count
  }

  @inline(__always)
  mutating func head(_ major: UInt8, _ value: UInt64) {
    reserve(9)
    if value < 24 {
      memory[count] = major << 5 | UInt8(truncatingIfNeeded: value)
      count += 1
    } else {
      count += Self.write(major, value, at: count, in: memory)
    }
  }

  /// Writes a head of more than one byte; returns its length.
  private static func write(
    _ major: UInt8, _ value: UInt64, at offset: Int, in memory: UnsafeMutableRawBufferPointer
  ) -> Int {
    func store<T: FixedWidthInteger & BitwiseCopyable>(_ info: UInt8, _ value: T) -> Int {
      memory[offset] = major << 5 | info
      memory.storeBytes(of: value.bigEndian, toByteOffset: offset + 1, as: T.self)
      return 1 + MemoryLayout<T>.size
    }
    if let value = UInt8(exactly: value) { return store(24, value) }
    if let value = UInt16(exactly: value) { return store(25, value) }
    if let value = UInt32(exactly: value) { return store(26, value) }
    return store(27, value)
  }

  /// Writes a text; returns where its bytes begin, and what tells it from other names.
  @inline(__always)
  mutating func text(_ text: String) -> (offset: Int, name: MapName) {
    var text = text
    return text.withUTF8 { utf8 in
      let bytes = UnsafeRawBufferPointer(utf8)
      head(CBORMajor.text, UInt64(bytes.count))
      copy(bytes)
      return (count - bytes.count, MapName(bytes))
    }
  }

  /// Writes a finite number in the shortest form that holds it.
  mutating func double(_ value: Double) {
    reserve(9)
    let single = Float(value)
    let offset = count
    if Double(single) != value {
      memory[offset] = CBORMajor.doubleByte
      memory.storeBytes(
        of: value.bitPattern.bigEndian, toByteOffset: offset + 1, as: UInt64.self)
      count += 9
    } else if let half = CBORFloat.halfBits(of: single) {
      memory[offset] = CBORMajor.halfByte
      memory.storeBytes(of: half.bigEndian, toByteOffset: offset + 1, as: UInt16.self)
      count += 3
    } else {
      memory[offset] = CBORMajor.singleByte
      memory.storeBytes(
        of: single.bitPattern.bigEndian, toByteOffset: offset + 1, as: UInt32.self)
      count += 5
    }
  }

  /// Fills in the head of a container for which one byte was left; moves its content where the head
  /// is longer.
  mutating func setHead(_ major: UInt8, _ value: Int, at start: Int) {
    if value < 24 {
      memory[start] = major << 5 | UInt8(truncatingIfNeeded: value)
      return
    }
    let length = value < 1 << 8 ? 2 : value < 1 << 16 ? 3 : 5
    reserve(9)
    UnsafeMutableRawBufferPointer(rebasing: memory[(start + length)...])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[(start + 1)..<count]))
    count += length - 1
    _ = Self.write(major, UInt64(value), at: start, in: memory)
  }

  /// Puts pieces that together fill everything from `start` on into another order.
  @inline(__always)
  mutating func rearrange(from start: Int, count pieces: Int, _ piece: (Int) -> Range<Int>) {
    withUnsafeTemporaryAllocation(byteCount: count - start, alignment: 16) { ordered in
      var position = 0
      for index in 0..<pieces {
        let piece = piece(index)
        UnsafeMutableRawBufferPointer(rebasing: ordered[position...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[piece]))
        position += piece.count
      }
      UnsafeMutableRawBufferPointer(rebasing: memory[start...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: ordered[..<position]))
    }
  }

  mutating func insert(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    reserve(bytes.count)
    UnsafeMutableRawBufferPointer(rebasing: memory[(offset + bytes.count)...])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[offset..<count]))
    UnsafeMutableRawBufferPointer(rebasing: memory[offset...]).copyMemory(from: bytes)
    count += bytes.count
  }
}
