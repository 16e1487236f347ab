import TestKit
import Testing

@testable import Journal

@Suite struct ChecksumTests {
  @Test func matchesThePublishedCheckValues() {
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc(Array(0..<32)) == 0x46DD_794E)
    #expect(crc([]) == 0)
  }

  @Test func isTheSameInPiecesAndFromAnyAddress() {
    var random = SeededRandom(seed: 1)
    let bytes = random.bytes(200)
    for cut in 0...200 {
      let whole = crc(Array(bytes[..<cut]))
      #expect(crc(Array(bytes[cut...]), seed: whole) == crc(bytes))
    }
    #expect(Checksum.crc32c(byte: 7) == crc([7]))
  }

  @Test func isTheSameWithAndWithoutTheProcessorsInstruction() {
    var random = SeededRandom(seed: 2)
    let bytes = random.bytes(600)
    for length in Array(0...40) + [64, 255, 512, 590] {
      for start in 0..<8 {
        let part = Array(bytes[start..<start + length])
        let seed = UInt32(truncatingIfNeeded: random.next())
        let portable = part.withUnsafeBytes { Checksum.portable($0, seed: seed) }
        #expect(crc(part, seed: seed) == portable, "\(length) bytes from \(start)")
      }
    }
  }

  private func crc(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { Checksum.crc32c($0, seed: seed) }
  }
}
