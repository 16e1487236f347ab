import Crypto
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// 16 random bytes that keep a body's commitment from being guessed.
package struct Salt: Sendable, Hashable {
  package var high: UInt64
  package var low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// SHA-256 over salt and body, as the header binds it.
  package func commitment(to body: UnsafeRawBufferPointer) -> TreeHash {
    var hash = SHA256()
    withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { hash.update(bufferPointer: $0) }
    hash.update(bufferPointer: body)
    return TreeHash(hash.finalize())
  }
}

/// Random words, fetched in blocks: one call to the generator serves many salts.
package final class RandomPool: Sendable {
  /// The process's own pool.
  package static let shared = RandomPool()

  private let words = Mutex<[UInt64]>([])

  package init() {}

  /// The next random word. Thread-safe.
  package func next() -> UInt64 {
    words.withLock { words in
      if words.isEmpty { words = Self.fetch() }
      return words.removeLast()
    }
  }

  package func salt() -> Salt {
    words.withLock { words in
      if words.count < 2 { words = Self.fetch() }
      return Salt(high: words.removeLast(), low: words.removeLast())
    }
  }

  private static func fetch() -> [UInt64] {
    [UInt64](unsafeUninitializedCapacity: 512) { words, count in
      let bytes = UnsafeMutableRawBufferPointer(words)
      var generator = SystemRandomNumberGenerator()
      for offset in stride(from: 0, to: bytes.count, by: 256) {
        // One system call for 256 bytes, its limit; the standard generator makes one per word.
        let block = UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + 256])
        if getentropy(block.baseAddress, block.count) != 0 {
          for index in stride(from: 0, to: block.count, by: 8) {
            block.storeBytes(of: generator.next(), toByteOffset: index, as: UInt64.self)
          }
        }
      }
      count = 512
    }
  }
}
