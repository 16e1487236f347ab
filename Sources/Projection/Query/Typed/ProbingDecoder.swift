import Foundation
import Journal

/// Decodes made-up values: of every type a first one, and a second one under one coding key.
struct ProbingDecoder: Decoder {
  /// The keys of the record itself; nil within a field.
  var keys: ProbedKeys?
  var isSecond = false
  /// How deep the value lies: a type that holds itself has to end somewhere.
  var depth = 0

  var codingPath: [any CodingKey] { [] }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  private static let maximumDepth = 4

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(Keyed(decoder: self))
  }

  func unkeyedContainer() -> any UnkeyedDecodingContainer {
    Unkeyed(decoder: self, count: isSecond && depth < Self.maximumDepth ? 1 : 0)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { self }

  /// The decoder of a field of this record, or of a part of this value.
  fileprivate func part(_ key: String?) -> ProbingDecoder {
    guard let keys else {
      return ProbingDecoder(keys: nil, isSecond: isSecond, depth: depth + 1)
    }
    guard let key else { return ProbingDecoder(keys: nil, depth: depth + 1) }
    keys.note(key)
    let isSecond = keys.changing.map { $0.utf8.elementsEqual(key.utf8) } ?? false
    return ProbingDecoder(keys: nil, isSecond: isSecond, depth: depth + 1)
  }

  fileprivate var isNil: Bool { !isSecond || depth > Self.maximumDepth }

  fileprivate func value<T: Decodable>(_ type: T.Type) throws -> T {
    if let known = knownValue(type) { return known }
    if let cases = type as? any CaseIterable.Type {
      let all = cases.values
      if let value = (isSecond ? all.last : all.first) as? T { return value }
    }
    if let raw = type as? any RawRepresentable.Type, let value = raw.probed(isSecond) as? T {
      return value
    }
    do {
      return try T(from: self)
    } catch {
      throw JournalError.invalidInput("no value of \(type) can be made up for a trial")
    }
  }

  private func knownValue<T>(_ type: T.Type) -> T? {
    func pick<U>(_ first: U, _ second: U) -> T? { (isSecond ? second : first) as? T }
    return switch type {
    case is Bool.Type: pick(false, true)
    case is String.Type: pick("a", "b")
    case is Double.Type: pick(0.25, 1.5)
    case is Float.Type: pick(Float(0.25), Float(1.5))
    case is Date.Type: pick(Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 86_400.125))
    case is Data.Type: pick(Data(), Data([1, 2]))
    case is UUID.Type: pick(UUID(uuid: firstUUID), UUID(uuid: secondUUID))
    case is URL.Type: URL(string: isSecond ? "https://example.com/b" : "a:b") as? T
    case is Decimal.Type: pick(Decimal(1), Decimal(25) / 10)
    default: (type as? any FixedWidthInteger.Type).flatMap { $0.probed(isSecond) as? T }
    }
  }
}

private let firstUUID: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
private let secondUUID: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

extension FixedWidthInteger {
  fileprivate static func probed(_ isSecond: Bool) -> Self {
    isSecond ? 3 : 2
  }
}

extension CaseIterable {
  fileprivate static var values: [Any] { allCases.map { $0 } }
}

extension RawRepresentable {
  /// The first or the second value among small whole numbers.
  fileprivate static func probed(_ isSecond: Bool) -> Any? {
    guard RawValue.self is any FixedWidthInteger.Type else { return nil }
    let values = (0..<64).lazy.compactMap { number -> Self? in
      ((RawValue.self as? any FixedWidthInteger.Type)?.exactly(number) as? RawValue)
        .flatMap { Self(rawValue: $0) }
    }
    return Array(values.prefix(2)).dropFirst(isSecond ? 1 : 0).first
  }
}

extension FixedWidthInteger {
  fileprivate static func exactly(_ number: Int) -> Any? { Self(exactly: number) }
}

extension ProbingDecoder: SingleValueDecodingContainer {
  func decodeNil() -> Bool { isNil }
  func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try ProbingDecoder(keys: nil, isSecond: isSecond, depth: depth + 1).value(type)
  }
}

private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let decoder: ProbingDecoder

  var codingPath: [any CodingKey] { [] }
  var allKeys: [Key] {
    // A dictionary asks; a record asks for its keys by name.
    decoder.keys == nil && decoder.isSecond ? [Key(stringValue: "b")].compactMap { $0 } : []
  }

  func contains(_ key: Key) -> Bool {
    _ = decoder.part(key.stringValue)
    return true
  }

  func decodeNil(forKey key: Key) -> Bool { decoder.part(key.stringValue).isNil }

  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
    try decoder.part(key.stringValue).value(type)
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) -> KeyedDecodingContainer<NestedKey> {
    decoder.part(key.stringValue).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedDecodingContainer {
    decoder.part(key.stringValue).unkeyedContainer()
  }

  func superDecoder() -> any Decoder { decoder.part(nil) }
  func superDecoder(forKey key: Key) -> any Decoder { decoder.part(key.stringValue) }
}

private struct Unkeyed: UnkeyedDecodingContainer {
  let decoder: ProbingDecoder
  let count: Int?
  var currentIndex = 0

  init(decoder: ProbingDecoder, count: Int) {
    self.decoder = decoder
    self.count = count
  }

  var codingPath: [any CodingKey] { [] }
  var isAtEnd: Bool { currentIndex >= count ?? 0 }

  private mutating func next() throws -> ProbingDecoder {
    guard !isAtEnd else {
      throw JournalError.invalidInput("the array of a trial has no more elements")
    }
    currentIndex += 1
    return decoder.part(nil)
  }

  mutating func decodeNil() throws -> Bool { false }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next().value(type) }
  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> {
    try next().container(keyedBy: type)
  }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next().unkeyedContainer()
  }
  mutating func superDecoder() throws -> any Decoder { try next() }
}
