/// Writes the members of one map.
struct FieldKeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let writing: FieldWriting
  let frame: Int
  let serial: Int

  var codingPath: [any CodingKey] { writing.path(to: frame) }

  func encodeNil(forKey key: Key) throws {
    try write(key) { () throws(EncodingFault) in writing.null() }
  }

  func encode(_ value: Bool, forKey key: Key) throws {
    try write(key) { () throws(EncodingFault) in writing.bool(value) }
  }

  func encode(_ value: String, forKey key: Key) throws {
    try write(key) { () throws(EncodingFault) in writing.string(value) }
  }

  func encode(_ value: Double, forKey key: Key) throws {
    try write(key) { () throws(EncodingFault) in try writing.double(value) }
  }

  func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
  func encode(_ value: Int, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int8, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int16, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int32, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: Int64, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt8, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt16, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt32, forKey key: Key) throws { try integer(value, key) }
  func encode(_ value: UInt64, forKey key: Key) throws { try integer(value, key) }

  @inline(__always)
  private func integer<T: FixedWidthInteger>(_ value: T, _ key: Key) throws {
    try write(key) { () throws(EncodingFault) in writing.integer(value) }
  }

  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    let name = key.stringValue
    // A record's own id stands in its key.
    if frame == 0, writing.omitsID, name == RecordForm.idName { return }
    do throws(EncodingFault) {
      try writing.beginMember(name, frame, serial)
    } catch {
      throw failure(error, key)
    }
    do throws(EncodingFault) {
      if try writing.special(value) { return }
    } catch {
      writing.dropMember()
      throw failure(error, key)
    }
    do {
      try writing.nest(value, key)
    } catch {
      writing.dropMember()
      throw error
    }
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy keyType: NestedKey.Type, forKey key: Key
  ) -> KeyedEncodingContainer<NestedKey> {
    writing.addChild(key, frame, serial).container(keyedBy: keyType)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    writing.addChild(key, frame, serial).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { writing.addChild(SuperKey.super, frame, serial) }

  func superEncoder(forKey key: Key) -> any Encoder { writing.addChild(key, frame, serial) }

  @inline(__always)
  private func write(_ key: Key, _ body: () throws(EncodingFault) -> Void) throws {
    do throws(EncodingFault) {
      try writing.beginMember(key.stringValue, frame, serial)
    } catch {
      throw failure(error, key)
    }
    do throws(EncodingFault) {
      try body()
    } catch {
      writing.dropMember()
      throw failure(error, key)
    }
  }

  @inline(never)
  private func failure(_ fault: EncodingFault, _ key: Key) -> EncodingError {
    writing.failure ?? fault.error(codingPath + [key])
  }
}
