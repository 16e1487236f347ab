import Journal
import TestKit
import Testing

@Suite("Field finder")
struct FieldFinderTests {
  /// Where the value of each name lies in a map, by the finder; nil where the map has none.
  private func find(_ names: [String], in map: [UInt8]) throws -> [[UInt8]?] {
    let finder = FieldFinder(names.map { Array($0.utf8) })
    return try map.withUnsafeBytes { map in
      try finder.find(in: map)
      return names.indices.map { finder.value($0).map { [UInt8]($0) } }
    }
  }

  @Test func `finds what a checked walk finds, in any order of the names`() throws {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    for _ in 0..<500 {
      var fields = random.fields(depth: 3)
      let long = String(repeating: "n", count: Int.random(in: 20...128, using: &random))
      fields[long] = .string(String(repeating: "x", count: Int.random(in: 0...300, using: &random)))
      let map = try cbor(.object(fields))
      var names = fields.names.filter { _ in Bool.random(using: &random) }
      names += ["", "absent", long, random.text(upTo: 5)] + names.prefix(1)
      names.shuffle(using: &random)
      let expected = try map.withUnsafeBytes { bytes in
        try names.map { name in
          try FieldMap.value(named: name, in: bytes).map { [UInt8](bytes[$0]) }
        }
      }
      #expect(try find(names, in: map) == expected, "seed \(seed): \(names)")
    }
  }

  @Test func `forgets what it found in the map before`() throws {
    let finder = FieldFinder([Array("a".utf8)])
    try cbor(#"{"a":1}"#).withUnsafeBytes { try finder.find(in: $0) }
    #expect(finder.value(0) != nil)
    try cbor(#"{"b":1}"#).withUnsafeBytes { try finder.find(in: $0) }
    #expect(finder.value(0) == nil)
  }

  @Test func `refuses a map that ends early`() throws {
    let map = try cbor(#"{"a":[1,"long enough"],"b":12345.678,"c":"text","dd":{"e":false}}"#)
    for length in 0..<map.count {
      #expect(throws: JournalError.self, "\(length) bytes") {
        try find(["dd"], in: Array(map[..<length]))
      }
    }
  }

  @Test func `stays inside whatever bytes it is given`() throws {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    let whole = try cbor(#"{"a":[1,2],"b":12345.678,"c":"text","dd":{"e":null},"eee":-70000}"#)
    for _ in 0..<20_000 {
      var map = whole
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        map[Int.random(in: 0..<map.count, using: &random)] = UInt8(
          truncatingIfNeeded: random.next())
      }
      map.removeLast(Int.random(in: 0...map.count, using: &random))
      guard let found = try? find(["a", "c", "dd", "eee", "zzzz"], in: map) else { continue }
      #expect(found.allSatisfy { $0.map { $0.count <= map.count } ?? true }, "seed \(seed)")
    }
  }
}
