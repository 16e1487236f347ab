import Journal
import Testing

enum FieldMapExamples {
  static func merge(_ base: [UInt8]?, _ set: [UInt8]?, _ unset: [String]) throws -> [UInt8] {
    let names = unset.map { Array($0.utf8) }
    func lend(
      _ index: Int, _ lent: [UnsafeRawBufferPointer],
      _ body: ([UnsafeRawBufferPointer]) throws -> [UInt8]
    ) throws -> [UInt8] {
      guard index < names.count else { return try body(lent) }
      return try names[index].withUnsafeBytes { try lend(index + 1, lent + [$0], body) }
    }
    return try lend(0, []) { unset in
      try withOptional(base) { base in
        try withOptional(set) { try FieldMap.merge(base: base, set: $0, unset: unset) }
      }
    }
  }

  static func changedNames(_ old: [UInt8]?, _ new: [UInt8]?) throws -> [String] {
    try withOptional(old) { old in
      try withOptional(new) { try FieldMap.changedNames(from: old, to: $0) }
    }
  }

  private static func withOptional<R>(
    _ bytes: [UInt8]?, _ body: (UnsafeRawBufferPointer?) throws -> R
  ) throws -> R {
    guard let bytes else { return try body(nil) }
    return try bytes.withUnsafeBytes { try body($0) }
  }
}

@Suite("Field maps")
struct FieldMapTests {
  @Test("set replaces and adds, unset removes, nothing is an empty map")
  func merge() throws {
    let base = try cbor(#"{"bb":1,"a":2,"c":{"x":1}}"#)
    let set = try cbor(#"{"a":null,"dd":[1]}"#)
    let merged = try FieldMapExamples.merge(base, set, ["c", "none"])
    #expect(try json(merged) == #"{"a":null,"bb":1,"dd":[1]}"#)
    #expect(try FieldMapExamples.merge(nil, nil, ["x"]) == [0xA0])
    #expect(try FieldMapExamples.merge(nil, set, ["a", "a"]) == (try cbor(#"{"dd":[1]}"#)))
    #expect(try FieldMapExamples.merge(base, nil, []) == base)
  }

  @Test("a result of more than 23 members has a long head")
  func longHead() throws {
    let names = (0..<300).map { "n\($0)" }
    let base = try cbor(.object(Fields(names.map { ($0, 1) })))
    #expect(try FieldMapExamples.merge(base, nil, []) == base)
    #expect(try FieldMapExamples.merge(base, nil, names) == [0xA0])
  }

  @Test("names compare as bytes: é is not e with an accent")
  func canonicalEquivalents() throws {
    let old = try cbor("{\"\u{e9}\":1}")
    let new = try cbor("{\"e\u{301}\":1}")
    #expect(try FieldMapExamples.changedNames(old, new).count == 2)
    #expect(try value(FieldMapExamples.merge(old, new, [])) == ["\u{e9}": 1, "e\u{301}": 1])
    let none = try old.withUnsafeBytes { try FieldMap.value(named: "e\u{301}", in: $0) }
    #expect(none == nil)
  }

  @Test("members come in key order with their ranges")
  func members() throws {
    let map = try cbor(#"{"bb":"v","a":[7]}"#)
    var seen: [String] = []
    try map.withUnsafeBytes { bytes in
      try FieldMap.members(of: bytes) { key, keyItem, value in
        let name = String(decoding: bytes[key], as: UTF8.self)
        seen.append("\(name) \(Hex.encode(bytes[keyItem])) \(Hex.encode(bytes[value]))")
      }
    }
    #expect(seen == ["a 6161 8107", "bb 626262 6176"])
  }

  @Test(
    "maps that are not deterministic are refused",
    arguments: [
      "a2616201616101", "a2616101616102", "a10101", "a1616118", "a0a0", "80", "",
    ])
  func refused(_ hex: String) throws {
    let map = try #require(Hex.decode(hex))
    #expect(throws: JournalError.self) { try FieldMapExamples.merge(map, nil, []) }
    #expect(throws: JournalError.self) { try FieldMapExamples.changedNames(nil, map) }
    #expect(throws: JournalError.self) {
      try map.withUnsafeBytes { try FieldMap.members(of: $0) { _, _, _ in } }
    }
  }
}
