import CChecksum

/// CRC-32C (Castagnoli), the checksum of every stored row.
package enum Checksum {
  /// The CRC-32C of `bytes`, continued from `seed`, the checksum of the bytes before them.
  ///
  /// By the processor's instruction where it has one, about 8 GB/s; safe from any thread.
  @inline(__always)
  package static func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    guard cchecksum_has_instruction() != 0 else { return portable(bytes, seed: seed) }
    guard let address = bytes.baseAddress else { return seed }
    return cchecksum_crc32c(seed, address, bytes.count)
  }

  /// The same without the instruction: sixteen bytes a step, about 2 GB/s.
  package static func portable(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    // The pointer is fetched once per call: a static is checked for initialisation on each use.
    let table = Self.table
    var crc = ~seed
    guard var position = bytes.baseAddress else { return seed }
    var remaining = bytes.count
    while remaining >= 16 {
      let low = UInt64(littleEndian: position.loadUnaligned(as: UInt64.self)) ^ UInt64(crc)
      let high = UInt64(
        littleEndian: position.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      crc = fold(low, table + 8 * 256) ^ fold(high, table)
      position += 16
      remaining -= 16
    }
    if remaining >= 8 {
      let word = UInt64(littleEndian: position.loadUnaligned(as: UInt64.self)) ^ UInt64(crc)
      crc = fold(word, table)
      position += 8
      remaining -= 8
    }
    while remaining > 0 {
      let index = UInt8(truncatingIfNeeded: crc) ^ position.load(as: UInt8.self)
      crc = (crc >> 8) ^ table[Int(index)]
      position += 1
      remaining -= 1
    }
    return ~crc
  }

  /// The checksum of one byte, for prefixes that have no address.
  static func crc32c(byte: UInt8) -> UInt32 {
    let crc = ~UInt32(0)
    return ~((crc >> 8) ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)])
  }

  /// Eight bytes looked up in eight consecutive tables, the last byte in the first of them.
  @inline(__always)
  private static func fold(_ word: UInt64, _ table: UnsafePointer<UInt32>) -> UInt32 {
    let low = UInt32(truncatingIfNeeded: word)
    let high = UInt32(truncatingIfNeeded: word >> 32)
    let first =
      table[7 * 256 + Int(low & 0xFF)] ^ table[6 * 256 + Int((low >> 8) & 0xFF)]
      ^ table[5 * 256 + Int((low >> 16) & 0xFF)] ^ table[4 * 256 + Int(low >> 24)]
    let second =
      table[3 * 256 + Int(high & 0xFF)] ^ table[2 * 256 + Int((high >> 8) & 0xFF)]
      ^ table[1 * 256 + Int((high >> 16) & 0xFF)] ^ table[Int(high >> 24)]
    return first ^ second
  }

  /// Sixteen tables of 256: table `n` advances a byte by `n` more zero bytes.
  // SAFETY: written once, before anybody sees the pointer, and never freed.
  private nonisolated(unsafe) static let table: UnsafePointer<UInt32> = {
    let reversedPolynomial: UInt32 = 0x82F6_3B78
    let table = UnsafeMutablePointer<UInt32>.allocate(capacity: 16 * 256)
    for byte in 0..<256 {
      var crc = UInt32(byte)
      for _ in 0..<8 {
        crc = (crc >> 1) ^ (crc & 1 == 1 ? reversedPolynomial : 0)
      }
      table[byte] = crc
    }
    for index in 256..<16 * 256 {
      let previous = table[index - 256]
      table[index] = (previous >> 8) ^ table[Int(previous & 0xFF)]
    }
    return UnsafePointer(table)
  }()
}
