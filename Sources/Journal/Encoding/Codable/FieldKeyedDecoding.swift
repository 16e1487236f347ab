/// The members of one map under their names.
///
/// Only names are compared when a field is asked for: the map was looked through once.
struct FieldKeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let reading: FieldReading
  let members: Range<Int>
  let place: Int

  var codingPath: [any CodingKey] { reading.path(to: place) }

  var allKeys: [Key] { reading.names(in: members).compactMap { Key(stringValue: $0) } }

  func contains(_ key: Key) -> Bool {
    let name = key.stringValue
    return reading.find(name, in: members) != nil || isOwnID(name)
  }

  func decodeNil(forKey key: Key) throws -> Bool {
    let name = key.stringValue
    if isOwnID(name) { return false }
    guard let offset = reading.find(name, in: members) else { throw missing(key) }
    return reading.isNull(at: offset)
  }

  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
    try read(type, key) { o throws(ItemFault) in try reading.bool(at: o) }
  }

  func decode(_ type: String.Type, forKey key: Key) throws -> String {
    try read(type, key) { o throws(ItemFault) in try reading.string(at: o) }
  }

  func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
    try read(type, key) { o throws(ItemFault) in try reading.double(at: o) }
  }

  func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
    try read(type, key) { o throws(ItemFault) in try reading.float(at: o) }
  }

  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(type, key) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(type, key) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(type, key) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(type, key) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(type, key) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(type, key) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(type, key) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(type, key) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(type, key) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(type, key) }

  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
    let name = key.stringValue
    if let id = ownID(type, name) { return id.pointee }
    guard let offset = reading.find(name, in: members) else {
      throw missing(key)
    }
    return try reading.decode(type, at: offset, in: place, key)
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> {
    try nested(key).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try nested(key).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder {
    guard let offset = reading.find(SuperKey.super.stringValue, in: members) else {
      throw missing(SuperKey.super)
    }
    return FieldItemDecoder(
      reading: reading, offset: offset, place: reading.enter(SuperKey.super, from: place))
  }

  func superDecoder(forKey key: Key) throws -> any Decoder { try nested(key) }

  /// A decoder that may outlive this call: its place stays until the value around it is decoded.
  private func nested(_ key: Key) throws -> FieldItemDecoder {
    guard let offset = reading.find(key.stringValue, in: members) else { throw missing(key) }
    return FieldItemDecoder(
      reading: reading, offset: offset, place: reading.enter(key, from: place))
  }
}

extension FieldKeyedDecoding {
  func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.bool(at: o) }
  }

  func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.string(at: o) }
  }

  func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.double(at: o) }
  }

  func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.float(at: o) }
  }

  func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.integer(type, at: o) }
  }

  func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
    try readIfPresent(type, key) { o throws(ItemFault) in try reading.integer(type, at: o) }
  }

  func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
    let name = key.stringValue
    if let id = ownID(type, name) { return id.pointee }
    guard let offset = reading.find(name, in: members), !reading.isNull(at: offset) else {
      return nil
    }
    return try reading.decode(type, at: offset, in: place, key)
  }
}

extension FieldKeyedDecoding {
  @inline(__always)
  private func read<T>(
    _ type: T.Type, _ key: Key, _ body: (Int) throws(ItemFault) -> T
  ) throws -> T {
    guard let offset = reading.find(key.stringValue, in: members) else { throw missing(key) }
    do throws(ItemFault) {
      return try body(offset)
    } catch {
      throw failure(error, type, key)
    }
  }

  @inline(__always)
  private func readIfPresent<T>(
    _ type: T.Type, _ key: Key, _ body: (Int) throws(ItemFault) -> T
  ) throws -> T? {
    guard let offset = reading.find(key.stringValue, in: members), !reading.isNull(at: offset)
    else { return nil }
    do throws(ItemFault) {
      return try body(offset)
    } catch {
      throw failure(error, type, key)
    }
  }

  @inline(__always)
  private func integer<T: FixedWidthInteger>(_ type: T.Type, _ key: Key) throws -> T {
    try read(type, key) { o throws(ItemFault) in try reading.integer(type, at: o) }
  }

  /// Whether a name is that of the record's own id, which stands in its key and not in its fields.
  private func isOwnID(_ name: String) -> Bool {
    place == 0 && reading.ownID != nil && name == RecordForm.idName
  }

  private func ownID<T>(_ type: T.Type, _ name: String) -> UnsafePointer<T>? {
    guard place == 0, let id = reading.ownID, id.type == type, name == RecordForm.idName else {
      return nil
    }
    // SAFETY: it points to a value of that type while the record is decoded.
    return id.value.assumingMemoryBound(to: type)
  }

  @inline(never)
  private func missing(_ key: any CodingKey) -> DecodingError {
    .keyNotFound(
      key, .init(codingPath: codingPath, debugDescription: "there is no field of that name"))
  }

  @inline(never)
  private func failure(_ fault: ItemFault, _ type: any Any.Type, _ key: Key) -> DecodingError {
    fault.error(type, codingPath + [key])
  }
}

/// How a typed record differs from any other value.
package enum RecordForm {
  /// The member that holds a record's own id.
  package static let idName = "id"
}
