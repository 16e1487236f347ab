import Journal
import TestKit
import Testing

@Suite("Encoding, over random values")
struct EncodingPropertyTests {
  private static let seeds: Range<UInt64> = 1..<400

  @Test("values come back from CBOR, which is deterministic and well-formed")
  func cborRoundTrip() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      let original = random.value(depth: 4)
      let bytes = try cbor(original)
      #expect(isAccepted(bytes), "seed \(seed)")
      let decoded = try value(bytes)
      #expect(decoded == original, "seed \(seed)")
      #expect(decoded.hashValue == original.hashValue, "seed \(seed)")
      #expect(try cbor(decoded) == bytes, "seed \(seed)")
      #expect(try json(bytes) == JSONText.string(original), "seed \(seed)")
    }
  }

  @Test("values come back from JSON text, whichever way it takes")
  func jsonRoundTrip() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      let original = random.value(depth: 4, jsonOnly: true)
      let text = JSONText.string(original)
      #expect(try JSONText.parse(text) == original, "seed \(seed)")
      #expect(try cbor(text) == (try cbor(original)), "seed \(seed)")
      #expect(try json(try cbor(text)) == text, "seed \(seed)")
    }
  }

  @Test("the order of members in the source does not show")
  func memberOrder() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      let fields = random.fields(depth: 2, jsonOnly: true)
      let members = fields.shuffled(using: &random).map { name, value in
        "\(JSONText.string(.string(name))) :\t\(JSONText.string(value))"
      }
      let shuffled = "{ \(members.joined(separator: " ,\r\n ")) } "
      #expect(try cbor(shuffled) == (try cbor(.object(fields))), "seed \(seed)")
    }
  }

  @Test("damaged bytes are refused or are another deterministic item, and never trap")
  func damage() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      var bytes = try cbor(random.value(depth: 3))
      for _ in 0..<20 {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        let kept = bytes[index]
        bytes[index] = UInt8.random(in: 0...255, using: &random)
        if let decoded = try? value(bytes) {
          #expect(try cbor(decoded) == bytes, "seed \(seed)")
          #expect(isAccepted(bytes), "seed \(seed)")
        }
        _ = try? json(bytes)
        bytes[index] = kept
        #expect(!isAccepted(Array(bytes.prefix(index))), "seed \(seed)")
      }
    }
  }

  @Test("damaged JSON is refused or means one value, and never traps")
  func damagedText() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      var bytes = Array(JSONText.string(random.value(depth: 3, jsonOnly: true)).utf8)
      for _ in 0..<20 {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        let kept = bytes[index]
        bytes[index] =
          Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random)
          : "{}[]\",:\\u0e-+.1".utf8.randomElement(using: &random) ?? 0
        let parsed = bytes.withUnsafeBytes { try? JSONText.parse($0) }
        if let parsed { #expect(try JSONText.parse(JSONText.string(parsed)) == parsed) }
        bytes[index] = kept
      }
    }
  }

  @Test("doubles are rounded correctly and written so that they come back")
  func doubles() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      for _ in 0..<50 {
        let number = random.finiteDouble()
        #expect(try JSONText.parse("\(number)") == .double(number), "seed \(seed): \(number)")
        let digits = random.next() >> UInt64.random(in: 0..<64, using: &random)
        let text = "\(digits).\(random.next() % 1000)e\(Int.random(in: -40...40, using: &random))"
        #expect(
          try JSONText.parse(text) == .double(try #require(Double(text))), "seed \(seed): \(text)")
      }
    }
  }

  @Test("merge and changedNames agree with the same done on decoded fields")
  func fieldMaps() throws {
    for seed in Self.seeds {
      var random = SeededRandom(seed: seed)
      let base = random.fields(depth: 2)
      var set = random.fields(depth: 2)
      for name in base.names where Bool.random(using: &random) {
        set[name] = Bool.random(using: &random) ? base[name] : random.value(depth: 1)
      }
      let unset = (base.names + set.names + ["absent"]).filter { _ in
        UInt8.random(in: 0..<4, using: &random) == 0
      }.shuffled(using: &random)
      var expected = base
      for (name, value) in set { expected[name] = value }
      for name in unset { expected[name] = nil }

      let baseBytes = try cbor(.object(base))
      let merged = try FieldMapExamples.merge(baseBytes, try cbor(.object(set)), unset)
      #expect(merged == (try cbor(.object(expected))), "seed \(seed)")

      let changed = try FieldMapExamples.changedNames(baseBytes, merged)
      let expectedChanges = Set((base.names + expected.names).map { Array($0.utf8) })
        .filter { name in
          let name = String(decoding: name, as: UTF8.self)
          return base[name] != expected[name]
        }
      #expect(Set(changed.map { Array($0.utf8) }) == expectedChanges, "seed \(seed)")
      #expect(changed.count == expectedChanges.count, "seed \(seed)")
      for (name, value) in expected {
        let range = try merged.withUnsafeBytes { try FieldMap.value(named: name, in: $0) }
        #expect(Array(merged[try #require(range)]) == (try cbor(value)), "seed \(seed)")
      }
    }
  }
}
