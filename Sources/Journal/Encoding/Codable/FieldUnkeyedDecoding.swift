/// The elements of one array, in order. Three words, so that lending it costs nothing.
struct FieldUnkeyedDecoding: UnkeyedDecodingContainer {
  let reading: FieldReading
  let place: UInt32
  /// Where the next element begins.
  var offset: UInt32
  let total: UInt32
  var index: UInt32 = 0

  init(reading: FieldReading, place: UInt32, offset: UInt32, total: UInt32) {
    self.reading = reading
    self.place = place
    self.offset = offset
    self.total = total
  }

  var codingPath: [any CodingKey] { reading.path(to: Int(place)) }
  var count: Int? { Int(total) }
  var currentIndex: Int { Int(index) }
  var isAtEnd: Bool { index == total }

  mutating func decodeNil() throws -> Bool {
    try checkRest(Never?.self)
    guard reading.isNull(at: Int(offset)) else { return false }
    offset += 1
    index += 1
    return true
  }

  mutating func decode(_ type: Bool.Type) throws -> Bool {
    try read(type) { r, o throws(ItemFault) in try r.bool(at: o) }
  }

  mutating func decode(_ type: String.Type) throws -> String {
    try read(type) { r, o throws(ItemFault) in try r.string(at: o) }
  }

  mutating func decode(_ type: Double.Type) throws -> Double {
    try read(type) { r, o throws(ItemFault) in try r.double(at: o) }
  }

  mutating func decode(_ type: Float.Type) throws -> Float {
    try read(type) { r, o throws(ItemFault) in try r.float(at: o) }
  }

  mutating func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }

  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try checkRest(type)
    let end = try self.end(type)
    let value = try reading.decode(
      type, at: Int(offset), in: Int(place), IndexKey(currentIndex))
    advance(to: end)
    return value
  }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> {
    try nested().container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try nested().unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { try nested() }

  private mutating func nested() throws -> FieldItemDecoder {
    try checkRest([Any].self)
    let end = try self.end([Any].self)
    let place = reading.enter(IndexKey(currentIndex), from: Int(place))
    let decoder = FieldItemDecoder(reading: reading, offset: Int(offset), place: place)
    advance(to: end)
    return decoder
  }

  @inline(__always)
  private mutating func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    try read(type) { r, o throws(ItemFault) in try r.integer(type, at: o) }
  }

  @inline(__always)
  private mutating func read<T>(
    _ type: T.Type, _ body: (FieldReading, Int) throws(ItemFault) -> T
  ) throws -> T {
    try checkRest(type)
    do throws(ItemFault) {
      let value = try body(reading, Int(offset))
      advance(to: try reading.skip(Int(offset)))
      return value
    } catch {
      throw error.error(type, codingPath + [IndexKey(currentIndex)])
    }
  }

  private func end(_ type: any Any.Type) throws -> Int {
    do throws(ItemFault) {
      return try reading.skip(Int(offset))
    } catch {
      throw error.error(type, codingPath + [IndexKey(currentIndex)])
    }
  }

  private mutating func advance(to end: Int) {
    offset = UInt32(truncatingIfNeeded: end)
    index += 1
  }

  private func checkRest(_ type: any Any.Type) throws {
    guard index < total else {
      throw DecodingError.valueNotFound(
        type,
        .init(
          codingPath: codingPath + [IndexKey(currentIndex)],
          debugDescription: "the array has no more elements"))
    }
  }
}
