import Crypto
import Synchronization

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
    // A fresh symmetric key is what the crypto library's own generator gives in one call.
    SymmetricKey(size: SymmetricKeySize(bitCount: 512 * 64)).withUnsafeBytes { bytes in
      (0..<512).map { bytes.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) }
    }
  }
}
