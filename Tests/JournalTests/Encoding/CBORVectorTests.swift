import Foundation
import Journal
import Testing

@Suite("CBOR against RFC 8949, appendix A")
struct CBORVectorTests {
  struct Vector {
    var hex: String
    /// Whether the form is the deterministic one.
    var isRoundTrip: Bool
  }

  /// Forms of the appendix that a journal has no type for.
  private static let foreign: Set<String> = [
    "f97c00", "f97e00", "f9fc00",  // infinities and NaN
    "f7", "f0", "f818", "f8ff",  // undefined and other simple values
    "3bffffffffffffffff",  // below Int64
  ]

  /// One entry of the file; its numbers go beyond what a journal's own JSON reader takes.
  private struct Entry: Decodable {
    var hex: String
    var roundtrip: Bool
  }

  private static func vectors() throws -> [Vector] {
    guard let data = SharedVectors.contents(of: "cbor-rfc8949-appendix-a.json") else {
      print("cbor-rfc8949-appendix-a.json is absent: using a small sample")
      return [
        Vector(hex: "1bffffffffffffffff", isRoundTrip: true),
        Vector(hex: "fb3ff199999999999a", isRoundTrip: true),
        Vector(hex: "a26161016162820203", isRoundTrip: true),
        Vector(hex: "5f42010243030405ff", isRoundTrip: false),
      ]
    }
    let entries = try JSONDecoder().decode([Entry].self, from: data)
    try #require(entries.count > 80)
    return entries.map { Vector(hex: $0.hex, isRoundTrip: $0.roundtrip) }
  }

  @Test("deterministic forms are accepted, all others refused")
  func verdicts() throws {
    for vector in try Self.vectors() {
      let bytes = try #require(Hex.decode(vector.hex))
      let isTag = bytes[0] >> 5 == 6
      let expected = vector.isRoundTrip && !isTag && !Self.foreign.contains(vector.hex)
      #expect(isAccepted(bytes) == expected, "\(vector.hex)")
    }
  }

  @Test("accepted forms come back byte for byte")
  func roundTrips() throws {
    var count = 0
    for vector in try Self.vectors() {
      let bytes = try #require(Hex.decode(vector.hex))
      // Integer keys are for bodies; values of fields have names.
      guard isAccepted(bytes), vector.hex != "a201020304" else { continue }
      #expect(try cbor(value(bytes)) == bytes, "\(vector.hex)")
      count += 1
    }
    #expect(count > 2)
  }

  @Test(
    "heads and floats take their shortest form",
    arguments: [
      (Value.integer(23), "17"), (.integer(24), "1818"), (.integer(255), "18ff"),
      (.integer(256), "190100"), (.integer(65536), "1a00010000"),
      (.integer(1 << 32), "1b0000000100000000"), (.integer(.min), "3b7fffffffffffffff"),
      (.unsigned(.max), "1bffffffffffffffff"), (.double(1), "f93c00"), (.double(-0.0), "f98000"),
      (.double(0x1p-24), "f90001"), (.double(0x1p-25), "fa33000000"),
      (.double(65505), "fa477fe100"), (.double(1.1), "fb3ff199999999999a"),
      (.double(0x1p-1074), "fb0000000000000001"), (.string("ü"), "62c3bc"), (.bytes([1]), "4101"),
      (.reference(collection: "a", key: "b"), "d96a2e8261616162"),
      (["aa": 1, "b": 2], "a261620262616101"),
    ] as [(Value, String)])
  func shortest(_ example: Value, _ hex: String) throws {
    #expect(Hex.encode(try cbor(example)) == hex)
    #expect(try value(try cbor(example)) == example)
  }

  @Test(
    "longer forms, wrong order and everything else is refused",
    arguments: [
      ("1817", "the head has a shorter form"), ("1900ff", "the head has a shorter form"),
      ("1a0000ffff", "the head has a shorter form"), ("1b00000000ffffffff", "shorter form"),
      ("7801", "shorter form"), ("fa3f800000", "the float has a shorter form"),
      ("fb3ff0000000000000", "the float has a shorter form"), ("f97e00", "not finite"),
      ("fa7f800000", "not finite"), ("fb7ff8000000000001", "not finite"), ("1c", "reserved"),
      ("9f00ff", "definite"), ("ff", "not false, true or null"), ("f7", "not false, true or null"),
      ("e0", "not false, true or null"), ("3b8000000000000000", "does not fit"),
      ("62c328", "not UTF-8"), ("63eda080", "not UTF-8"), ("62c080", "not UTF-8"),
      ("a2616201616101", "out of order"), ("a2626161016162", "out of order"),
      ("a2616101616102", "stands twice"), ("c100", "not a reference"), ("d96a2e816161", "pair"),
      ("d96a2e82616101", "expected a text"), ("9bffffffffffffffff", "runs over the end"),
      ("bb7fffffffffffffff00", "runs over the end"), ("8401", "runs over the end"),
      ("5b7fffffffffffffff", "runs over the end"), ("19ff", "ends inside"), ("", "ends before"),
      ("a1", "runs over the end"), ("a10100", "expected a text, found an unsigned integer"),
    ])
  func refused(_ hex: String, _ reason: String) throws {
    let bytes = try #require(Hex.decode(hex))
    let message = refusal { _ = try value(bytes) }
    #expect(message.hasPrefix("CBOR at byte ") && message.contains(reason), "\(message)")
    if hex != "a10100" { #expect(!isAccepted(bytes)) }
  }

  @Test("depth is bounded, also against the caller's own wish")
  func depth() throws {
    func nested(_ depth: Int) -> [UInt8] { Array(repeating: 0x81, count: depth) + [0x00] }
    #expect(isAccepted(nested(32)))
    #expect(!isAccepted(nested(33)))
    #expect(!isAccepted(nested(1), maxDepth: 0))
    #expect(!isAccepted(nested(100_000), maxDepth: .max))
    #expect(refusal { _ = try value(nested(33)) }.contains("nested too deep"))
    #expect(refusal { _ = try json(nested(100_000)) }.contains("nested too deep"))
    #expect(refusal { _ = try cbor(.double(.nan)) }.contains("not a finite number"))
    var deep: Value = 1
    for _ in 0..<33 { deep = [deep] }
    #expect(refusal { _ = try cbor(deep) }.contains("nested too deep"))
  }
}
