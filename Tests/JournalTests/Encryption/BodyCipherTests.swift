import Foundation
import TestKit
import Testing

@testable import Journal

@Suite struct `A body's cipher` {
  /// RFC 8439, §2.8.2 and appendix A.5.
  struct Vector: Sendable {
    var key: String
    var nonce: String
    var context: String
    var plain: String
    var sealed: String
  }

  static let published = [
    Vector(
      key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      nonce: "070000004041424344454647", context: "50515253c0c1c2c3c4c5c6c7",
      plain: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        + "future, sunscreen would be it.",
      sealed: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
        + "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
        + "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"),
    Vector(
      key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
      nonce: "000000000102030405060708", context: "f33388860000000000004e91",
      plain: "Internet-Drafts are draft documents valid for a maximum of six months and may be "
        + "updated, replaced, or obsoleted by other documents at any time. It is inappropriate to "
        + "use Internet-Drafts as reference material or to cite them other than as /\u{201C}work in "
        + "progress./\u{201D}",
      sealed: "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
        + "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
        + "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
        + "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4"
        + "b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e"
        + "af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a"
        + "0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10"
        + "49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29"
        + "a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38"),
  ]

  @Test(arguments: published) func `gives what RFC 8439 publishes`(vector: Vector) throws {
    let cipher = BodyCipher(underived: try EncryptionKey(bytes: bytes(vector.key)))
    let nonce = try bytes(vector.nonce)
    let box = try Array(vector.plain.utf8).withUnsafeBytes {
      try cipher.seal($0, nonce: nonce, authenticating: bytes(vector.context))
    }
    #expect(Hex.encode(box) == vector.nonce + vector.sealed)
    let opened = try box.withUnsafeBytes {
      try cipher.open($0, authenticating: bytes(vector.context))
    }
    #expect(opened == Array(vector.plain.utf8))
  }

  /// Computed with another library (pyca/cryptography, HKDF and ChaCha20Poly1305): the format.
  @Test func `derives the key of a journal as the format says`() throws {
    let cipher = BodyCipher(
      try EncryptionKey(bytes: Array(0..<32)), salt: Array(100..<116),
      purpose: SealingState.purpose)
    let box = try Array("plain body".utf8).withUnsafeBytes {
      try cipher.seal($0, nonce: Array(200..<212), authenticating: Array("context".utf8))
    }
    #expect(
      Hex.encode(box)
        == "c8c9cacbcccdcecfd0d1d2d344667bbf709562cfd7d16b78e85b40386ce6966ad778bba18bc9")
  }

  @Test func `opens what it sealed, and nothing that was changed`() throws {
    let seed = testSeed(or: 1)
    var random = SeededRandom(seed: seed)
    let cipher = BodyCipher(EncryptionKey(), salt: [1], purpose: "test")
    for _ in 0..<300 {
      let plain = random.bytes(Int.random(in: 0...300, using: &random))
      let context = random.bytes(Int.random(in: 0...40, using: &random))
      let box = try plain.withUnsafeBytes { try cipher.seal($0, authenticating: context) }
      #expect(box.count == plain.count + BodyCipher.overhead)
      func open(_ box: [UInt8], _ context: [UInt8]) -> [UInt8]? {
        box.withUnsafeBytes { cipher.open($0, authenticating: context) }
      }
      #expect(open(box, context) == plain, "seed \(seed)")
      var flipped = box
      flipped[Int.random(in: 0..<box.count, using: &random)] ^=
        1
        << UInt8.random(
          in: 0..<8, using: &random)
      #expect(open(flipped, context) == nil, "seed \(seed)")
      #expect(open(box, context + [0]) == nil, "seed \(seed)")
      let shorter = Array(box.prefix(Int.random(in: 0..<box.count, using: &random)))
      #expect(open(shorter, context) == nil, "seed \(seed)")
    }
  }

  @Test func `never uses a nonce twice`() throws {
    let cipher = BodyCipher(EncryptionKey(), salt: [1], purpose: "test")
    let nonces = try (0..<5_000).map { _ in
      Array(try [0].withUnsafeBytes { try cipher.seal($0, authenticating: []) }.prefix(12))
    }
    #expect(Set(nonces).count == nonces.count)
  }

  @Test func `differs by key, salt and purpose`() throws {
    let (one, other) = (EncryptionKey(), EncryptionKey())
    let box = try [1, 2].withUnsafeBytes {
      try BodyCipher(one, salt: [1], purpose: "p").seal($0, authenticating: [])
    }
    for cipher in [
      BodyCipher(other, salt: [1], purpose: "p"), BodyCipher(one, salt: [2], purpose: "p"),
      BodyCipher(one, salt: [1], purpose: "q"),
    ] {
      #expect(box.withUnsafeBytes { cipher.open($0, authenticating: []) } == nil)
    }
  }

  @Test func `shows no key in any description`() throws {
    let key = try EncryptionKey(bytes: Array(repeating: 0xAB, count: 32))
    let encryption = Journal.Encryption(key)
    let configuration = Journal.Configuration(encryption: encryption)
    for text in [
      "\(key)", String(reflecting: key), "\(encryption)", String(reflecting: encryption),
      "\(configuration)", String(reflecting: configuration),
    ] {
      #expect(!text.lowercased().contains("abab") && !text.contains("171"))
    }
    var dumped = ""
    dump(configuration, to: &dumped)
    dump(key, to: &dumped)
    #expect(!dumped.lowercased().contains("abab") && !dumped.contains("171"))
  }

  @Test func `takes keys of 32 bytes only`() throws {
    for count in [0, 16, 31, 33, 64] {
      #expect(throws: JournalError.self) {
        try EncryptionKey(bytes: Array(repeating: 1, count: count))
      }
    }
    let bytes = Array(UInt8(0)..<32)
    #expect(try EncryptionKey(bytes: bytes).withBytes { Array($0) } == bytes)
  }

  private func bytes(_ hex: String) throws -> [UInt8] {
    try #require(Hex.decode(hex))
  }
}
