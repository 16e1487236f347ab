/// Decodes one item, whatever type asks for it. Three words, so that lending it costs nothing.
package struct FieldItemDecoder: Decoder {
  let reading: FieldReading
  let offset: Int
  let place: Int

  package var codingPath: [any CodingKey] { reading.path(to: place) }
  package var userInfo: [CodingUserInfoKey: Any] { [:] }

  package func container<Key: CodingKey>(
    keyedBy type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(try keyed(type))
  }

  func keyed<Key: CodingKey>(_ type: Key.Type) throws -> FieldKeyedDecoding<Key> {
    try checkDepth()
    do throws(ItemFault) {
      let members = try reading.index(mapAt: offset)
      return FieldKeyedDecoding(reading: reading, members: members, place: place)
    } catch {
      throw error.error([String: Any].self, codingPath)
    }
  }

  package func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try checkDepth()
    do throws(ItemFault) {
      let array = try reading.array(at: offset)
      return FieldUnkeyedDecoding(
        reading: reading, place: UInt32(truncatingIfNeeded: place),
        offset: UInt32(truncatingIfNeeded: array.first),
        total: UInt32(truncatingIfNeeded: array.count))
    } catch {
      throw error.error([Any].self, codingPath)
    }
  }

  package func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

  private func checkDepth() throws {
    guard reading.depth(of: place) < Limits.depth else {
      throw ItemFault.corrupt("the value is nested more than \(Limits.depth) deep")
        .error([String: Any].self, codingPath)
    }
  }

  /// Collection and key of a reference.
  package func reference() throws -> (collection: String, key: String) {
    try read(String.self) { o throws(ItemFault) in try reading.reference(at: o) }
  }

  @inline(__always)
  private func read<R>(
    _ type: any Any.Type, _ body: (Int) throws(ItemFault) -> R
  ) throws -> R {
    do throws(ItemFault) {
      return try body(offset)
    } catch {
      throw error.error(type, codingPath)
    }
  }
}

extension FieldItemDecoder: SingleValueDecodingContainer {
  package func decodeNil() -> Bool { reading.isNull(at: offset) }

  package func decode(_ type: Bool.Type) throws -> Bool {
    try read(type) { o throws(ItemFault) in try reading.bool(at: o) }
  }

  package func decode(_ type: String.Type) throws -> String {
    return try read(type) { o throws(ItemFault) in try reading.string(at: o) }
  }

  package func decode(_ type: Double.Type) throws -> Double {
    try read(type) { o throws(ItemFault) in try reading.double(at: o) }
  }

  package func decode(_ type: Float.Type) throws -> Float {
    try read(type) { o throws(ItemFault) in try reading.float(at: o) }
  }

  package func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  package func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  package func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  package func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  package func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  package func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  package func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  package func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  package func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  package func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }

  @inline(__always)
  private func integer<T: FixedWidthInteger>(_ type: T.Type) throws -> T {
    try read(type) { o throws(ItemFault) in try reading.integer(type, at: o) }
  }

  package func decode<T: Decodable>(_ type: T.Type) throws -> T {
    if FieldReading.isSpecial(type) {
      return try read(type) { o throws(ItemFault) in try reading.special(type, at: o) }
    }
    return try T(from: self)
  }
}
