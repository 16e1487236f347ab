import TestKit
import Testing

@testable import Journal

@Suite struct `Compressed bytes of unknown length` {
  @Test func `come out as they went in, up to the limit`() throws {
    let seed = testSeed(or: UInt64.random(in: 0..<1_000_000))
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      let count = Int.random(in: 2_000...200_000, using: &random)
      let period = Int.random(in: 1...500, using: &random)
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: ($0 % period) &* 7) }
      let packed = try #require(try Deflate.compress(bytes), "seed \(seed)")
      #expect(try Deflate.decompress(packed, atMost: count) == bytes, "seed \(seed)")
      #expect(try Deflate.decompress(packed, atMost: count - 1) == nil, "seed \(seed)")
      #expect(try Deflate.decompress(packed, atMost: 2 * count) == bytes, "seed \(seed)")
    }
  }

  @Test func `are refused where they break off, go on, or are something else`() throws {
    let bytes = [UInt8](repeating: 7, count: 10_000)
    let packed = try #require(try Deflate.compress(bytes))
    for end in 0..<packed.count {
      #expect(throws: JournalError.self, "\(end) of \(packed.count) bytes") {
        try Deflate.decompress(Array(packed[..<end]), atMost: 1 << 20)
      }
    }
    #expect(throws: JournalError.self) { try Deflate.decompress(packed + [0], atMost: 1 << 20) }
    #expect(throws: JournalError.self) { try Deflate.decompress([], atMost: 1 << 20) }
    #expect(throws: JournalError.self) { try Deflate.decompress(bytes, atMost: 1 << 20) }
    #expect(try Deflate.decompress(packed, atMost: 1) == nil)
  }
}
