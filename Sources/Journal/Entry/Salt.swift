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

  private struct Words {
    var block = [UInt64](repeating: 0, count: 512)
    /// How many of the block have not been handed out.
    var left = 0
    /// What takes the system's place, in a simulation.
    var source: (@Sendable () -> UInt64)?

    mutating func next() -> UInt64 {
      left -= 1
      return block[left]
    }
  }

  private let words = Mutex(Words())

  package init() {}

  /// Takes every word from now on from `source`, so that a run can be repeated to the bit; nil goes
  /// back to the system's. For simulations alone: salts that can be foreseen protect nothing.
  package func follow(_ source: (@Sendable () -> UInt64)?) {
    words.withLock { words in
      words.left = 0
      words.source = source
    }
  }

  /// The next random word. Thread-safe.
  package func next() -> UInt64 {
    words.withLock { words in
      if words.left == 0 { Self.fill(&words) }
      return words.next()
    }
  }

  package func salt() -> Salt {
    words.withLock { words in
      if words.left < 2 { Self.fill(&words) }
      return Salt(high: words.next(), low: words.next())
    }
  }

  /// The block is filled where it lies, since memory is not asked for while entries are appended.
  private static func fill(_ words: inout Words) {
    words.left = words.block.count
    if let source = words.source {
      for index in words.block.indices { words.block[index] = source() }
      return
    }
    var generator = SystemRandomNumberGenerator()
    words.block.withUnsafeMutableBytes { bytes in
      for offset in stride(from: 0, to: bytes.count, by: 256) {
        // One system call for 256 bytes, its limit; the standard generator makes one per word.
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + 256])
        if getentropy(part.baseAddress, part.count) != 0 {
          for index in stride(from: 0, to: part.count, by: 8) {
            part.storeBytes(of: generator.next(), toByteOffset: index, as: UInt64.self)
          }
        }
      }
    }
  }
}
