import Journal
import Testing

@Suite("Keys")
struct SigningKeyTests {
  static let unusableNames = [
    "", " ", "a b", "a+b", "a\nb", "a\u{A0}b", "a\u{3000}", "a\u{2028}", "\u{1}",
  ]

  @Test("a verifier key prints as a vkey and parses back")
  func verifierKeyRoundTrip() throws {
    for name in ["a", "example.com/journal", "日本", String(repeating: "n", count: 1_024)] {
      let key = try SigningKey(name: name).verifierKey
      let parsed = try VerifierKey(key.description)
      #expect(parsed == key)
      #expect(parsed.hashValue == key.hashValue)
      #expect(parsed.publicKey == key.publicKey && parsed.keyID == key.keyID)
    }
  }

  @Test("key ids keep their leading zeros")
  func leadingZeros() throws {
    // About one key in sixteen has one.
    for seed in UInt8(0)..<64 {
      let bytes = [UInt8](repeating: seed, count: 32)
      let key = try SigningKey(name: "zero", seed: bytes).verifierKey
      #expect(try VerifierKey(key.description) == key)
    }
  }

  @Test("no change of a single byte of a vkey is accepted as the same key")
  func everyByteCounts() throws {
    let key = try SigningKey(name: "example", seed: Array(0..<32)).verifierKey
    let bytes = Array(key.description.utf8)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      let text = String(decoding: changed, as: UTF8.self)
      #expect(throws: JournalError.self, "\(text)") { try VerifierKey(text) }
      let start = String(decoding: bytes.prefix(index), as: UTF8.self)
      #expect(throws: JournalError.self, "\(start)") { try VerifierKey(start) }
    }
    #expect(throws: JournalError.self) { try VerifierKey(key.description + "\n") }
    #expect(throws: JournalError.self) { try VerifierKey(key.description.uppercased()) }
  }

  @Test("a key of another kind is told apart from a broken one")
  func otherKinds() throws {
    let text = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    #expect(refusalCode { try VerifierKey(text) } == "unsupported")
    let long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="
    #expect(refusalCode { try VerifierKey(long) } == "invalid-input")
  }

  @Test("names with spaces, plus signs or nothing are refused", arguments: unusableNames)
  func badNames(name: String) {
    #expect(throws: JournalError.self) { try SigningKey(name: name) }
    #expect(throws: JournalError.self) {
      try VerifierKey(name: name, publicKey: [UInt8](repeating: 0, count: 32))
    }
  }

  @Test("names that look the same but differ in bytes are different keys")
  func namesCompareAsBytes() throws {
    let bytes = [UInt8](repeating: 9, count: 32)
    let composed = try VerifierKey(name: "\u{E9}", publicKey: bytes)
    let decomposed = try VerifierKey(name: "e\u{301}", publicKey: bytes)
    #expect(composed != decomposed)
    #expect(composed.keyID != decomposed.keyID)
  }

  @Test("seeds and public keys have 32 bytes", arguments: [0, 31, 33, 64])
  func byteCounts(count: Int) {
    let bytes = [UInt8](repeating: 1, count: count)
    #expect(throws: JournalError.self) { try SigningKey(name: "n", seed: bytes) }
    #expect(throws: JournalError.self) { try VerifierKey(name: "n", publicKey: bytes) }
  }

  @Test("a seed makes the same key again, and two new keys differ")
  func seeds() throws {
    let key = try SigningKey(name: "n")
    #expect(try SigningKey(name: "n", seed: key.seed).verifierKey == key.verifierKey)
    #expect(try SigningKey(name: "n").verifierKey != key.verifierKey)
  }

  @Test("nothing that prints a signing key shows its seed")
  func seedStaysHidden() throws {
    let key = try SigningKey(name: "n", seed: [UInt8](repeating: 0xAB, count: 32))
    var dumped = ""
    dump(key, to: &dumped)
    dump([key], to: &dumped)
    for text in ["\(key)", String(reflecting: key), "\([key])", "\(Optional(key) as Any)", dumped] {
      let digits = text.lowercased()
      #expect(!digits.contains("abab") && !digits.contains("171, 171") && !text.contains("q6ur"))
      #expect(!digits.contains("privatekey"))
    }
  }
}
