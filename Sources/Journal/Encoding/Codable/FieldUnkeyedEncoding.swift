/// Writes the elements of one array, in order. Three words, so that lending it costs nothing.
struct FieldUnkeyedEncoding: UnkeyedEncodingContainer {
  let writing: FieldWriting
  let frame: Int
  let serial: Int

  var codingPath: [any CodingKey] { writing.path(to: frame) }
  var count: Int { writing.elementCount(frame, serial) }

  func encodeNil() throws {
    try write { () throws(EncodingFault) in writing.null() }
  }

  func encode(_ value: Bool) throws {
    try write { () throws(EncodingFault) in writing.bool(value) }
  }

  func encode(_ value: String) throws {
    try write { () throws(EncodingFault) in writing.string(value) }
  }

  func encode(_ value: Double) throws {
    try write { () throws(EncodingFault) in try writing.double(value) }
  }

  func encode(_ value: Float) throws { try encode(Double(value)) }
  func encode(_ value: Int) throws { try integer(value) }
  func encode(_ value: Int8) throws { try integer(value) }
  func encode(_ value: Int16) throws { try integer(value) }
  func encode(_ value: Int32) throws { try integer(value) }
  func encode(_ value: Int64) throws { try integer(value) }
  func encode(_ value: UInt) throws { try integer(value) }
  func encode(_ value: UInt8) throws { try integer(value) }
  func encode(_ value: UInt16) throws { try integer(value) }
  func encode(_ value: UInt32) throws { try integer(value) }
  func encode(_ value: UInt64) throws { try integer(value) }

  @inline(__always)
  private func integer<T: FixedWidthInteger>(_ value: T) throws {
    try write { () throws(EncodingFault) in writing.integer(value) }
  }

  func encode<T: Encodable>(_ value: T) throws {
    let index = count
    if FieldWriting.isSpecial(T.self) {
      return try write { () throws(EncodingFault) in _ = try writing.special(value) }
    }
    try write { () throws(EncodingFault) in }
    do {
      try writing.nest(value, IndexKey(index))
    } catch {
      writing.dropElement()
      throw error
    }
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy keyType: NestedKey.Type
  ) -> KeyedEncodingContainer<NestedKey> {
    writing.addChild(IndexKey(count), frame, serial).container(keyedBy: keyType)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    writing.addChild(IndexKey(count), frame, serial).unkeyedContainer()
  }

  func superEncoder() -> any Encoder {
    writing.addChild(IndexKey(count), frame, serial)
  }

  @inline(__always)
  private func write(_ body: () throws(EncodingFault) -> Void) throws {
    let index = count
    do throws(EncodingFault) {
      try writing.beginElement(frame, serial)
    } catch {
      throw writing.failure ?? error.error(codingPath + [IndexKey(index)])
    }
    do throws(EncodingFault) {
      try body()
    } catch {
      writing.dropElement()
      throw error.error(codingPath + [IndexKey(index)])
    }
  }
}
