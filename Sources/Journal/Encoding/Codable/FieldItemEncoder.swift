/// Encodes one value, whatever form it has. Three words, so that lending it costs nothing.
package struct FieldItemEncoder: Encoder {
  let writing: FieldWriting
  let frame: Int
  let serial: Int

  package var codingPath: [any CodingKey] { writing.path(to: frame) }
  package var userInfo: [CodingUserInfoKey: Any] { [:] }

  package func container<Key: CodingKey>(
    keyedBy type: Key.Type
  ) -> KeyedEncodingContainer<Key> {
    writing.openKeyed(frame, serial)
    return KeyedEncodingContainer(
      FieldKeyedEncoding<Key>(writing: writing, frame: frame, serial: serial))
  }

  package func unkeyedContainer() -> any UnkeyedEncodingContainer {
    writing.openUnkeyed(frame, serial)
    return FieldUnkeyedEncoding(writing: writing, frame: frame, serial: serial)
  }

  package func singleValueContainer() -> any SingleValueEncodingContainer { self }

  /// Writes a reference to a record.
  package func encodeReference(collection: String, key: String) throws {
    try write { () throws(EncodingFault) in
      writing.tag(CBORMajor.referenceTag)
      writing.array(count: 2)
      writing.string(collection)
      writing.string(key)
    }
  }

  @inline(__always)
  private func write(_ body: () throws(EncodingFault) -> Void) throws {
    do throws(EncodingFault) {
      try writing.beginSingle(frame, serial)
      try body()
    } catch {
      throw writing.failure ?? error.error(codingPath)
    }
  }
}

extension FieldItemEncoder: SingleValueEncodingContainer {
  package func encodeNil() throws {
    try write { () throws(EncodingFault) in writing.null() }
  }

  package func encode(_ value: Bool) throws {
    try write { () throws(EncodingFault) in writing.bool(value) }
  }

  package func encode(_ value: String) throws {
    try write { () throws(EncodingFault) in writing.string(value) }
  }

  package func encode(_ value: Double) throws {
    try write { () throws(EncodingFault) in try writing.double(value) }
  }

  package func encode(_ value: Float) throws { try encode(Double(value)) }
  package func encode(_ value: Int) throws { try integer(value) }
  package func encode(_ value: Int8) throws { try integer(value) }
  package func encode(_ value: Int16) throws { try integer(value) }
  package func encode(_ value: Int32) throws { try integer(value) }
  package func encode(_ value: Int64) throws { try integer(value) }
  package func encode(_ value: UInt) throws { try integer(value) }
  package func encode(_ value: UInt8) throws { try integer(value) }
  package func encode(_ value: UInt16) throws { try integer(value) }
  package func encode(_ value: UInt32) throws { try integer(value) }
  package func encode(_ value: UInt64) throws { try integer(value) }

  @inline(__always)
  private func integer<T: FixedWidthInteger>(_ value: T) throws {
    try write { () throws(EncodingFault) in writing.integer(value) }
  }

  package func encode<T: Encodable>(_ value: T) throws {
    guard FieldWriting.isSpecial(T.self) else { return try value.encode(to: self) }
    try write { () throws(EncodingFault) in _ = try writing.special(value) }
  }
}
