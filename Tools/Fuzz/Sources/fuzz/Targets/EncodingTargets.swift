@testable import Journal

extension FuzzTarget {
  /// Deterministic CBOR: what is accepted is written back to the same bytes, the three ways of
  /// reading agree, and so does a second reading from the RFC.
  static let cbor = FuzzTarget("cbor", seeds: Seeds.values) { bytes in
    let input = [UInt8](bytes)
    var reader = CBORReader(bytes)
    let value = try accepted { () throws -> Value in
      let value = try reader.value()
      guard reader.isAtEnd else { throw JournalError.damaged("more follows") }
      return value
    }
    let expected = CBOROracle.read(input)
    require(
      value == expected, "read \(String(describing: value)), not \(String(describing: expected))")
    var skipping = CBORReader(bytes)
    let range = try accepted { try skipping.skip(maxDepth: 32) }
    var text: [UInt8] = []
    let transcoded = try accepted { try JSONText.write(cbor: bytes, into: &text) } != nil
    guard let value else { return }
    require(range == 0..<input.count, "skip passes over \(String(describing: range))")
    require(transcoded, "no JSON text of an accepted item")
    require(text == Array(JSONText.string(value).utf8), "two texts of one value")
    var writer = CBORWriter()
    try writer.value(value)
    require(writer.bytes == input, "written back as other bytes")
    guard case .object(let fields) = value else { return }
    try checkFields(fields, bytes)
  }

  /// A record's map, read member by member.
  private static func checkFields(_ fields: Fields, _ bytes: UnsafeRawBufferPointer) throws {
    var names: [String] = []
    try FieldMap.members(of: bytes) { key, _, value in
      names.append(String(decoding: bytes.part(key), as: UTF8.self))
      require(try FieldMap.value(named: bytes.part(key), in: bytes) == value, "found elsewhere")
    }
    require(names.count == fields.count, "members lost")
    require(
      try FieldMap.merge(base: bytes, set: bytes, unset: []) == [UInt8](bytes), "merge changes")
    require(try FieldMap.merge(base: bytes, set: nil, unset: []) == [UInt8](bytes), "copy changes")
    require(try FieldMap.changedNames(from: bytes, to: bytes).isEmpty, "differs from itself")
    let gone = try FieldMap.changedNames(from: bytes, to: nil)
    require(gone.map { Array($0.utf8) } == names.map { Array($0.utf8) }, "names in another order")
  }

  /// Two maps: merging and comparing them agrees with doing so on values.
  static let maps = FuzzTarget("maps", seeds: Seeds.pairs) { bytes in
    guard bytes.count > 2 else { return }
    let first = min(Int(bytes[0]) << 8 | Int(bytes[1]), bytes.count - 2)
    let left = bytes.part(2..<2 + first)
    let right = bytes.part(2 + first..<bytes.count)
    let merged = try accepted { try FieldMap.merge(base: left, set: right, unset: []) }
    let changed = try accepted { try FieldMap.changedNames(from: left, to: right) }
    guard case .object(let old)? = CBOROracle.read([UInt8](left)),
      case .object(let new)? = CBOROracle.read([UInt8](right))
    else { return }
    guard let merged, let changed else { fail("maps the oracle reads are refused") }
    var expected = old
    for (name, value) in new { expected[name] = value }
    require(merged == CBOROracle.write(.object(expected)), "merged otherwise")
    let names = Set((old.names + new.names).filter { old[$0] != new[$0] }.map { Array($0.utf8) })
    require(Set(changed.map { Array($0.utf8) }) == names, "changed names otherwise")
    require(changed.count == names.count, "a changed name stands twice")
  }

  /// Strict JSON: accepted as a second reading accepts it, and stable once written.
  static let json = FuzzTarget("json", seeds: Seeds.texts) { bytes in
    let value: Value?
    do {
      value = try JSONText.parse(bytes)
    } catch JournalError.invalidInput(_) {
      value = nil
    }
    let expected = JSONOracle.read([UInt8](bytes))
    require(
      value == expected, "read \(String(describing: value)), not \(String(describing: expected))")
    guard let value else { return }
    let text = JSONText.string(value)
    require(try JSONText.parse(text) == value, "written and read as another value: \(text)")
    require(JSONText.string(try JSONText.parse(text)) == text, "two texts of one value")
    var writer = CBORWriter()
    try writer.value(value)
    require(writer.bytes == CBOROracle.write(value), "other CBOR than the oracle's")
    var fromCBOR: [UInt8] = []
    try lend(writer.bytes) { try JSONText.write(cbor: $0, into: &fromCBOR) }
    require(fromCBOR == Array(text.utf8), "another text through CBOR")
  }
}
