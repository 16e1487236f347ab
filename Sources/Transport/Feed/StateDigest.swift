import Crypto
package import Journal

/// Digests over the live records of one collection, in buckets by the hash of their row keys.
///
/// Records are added in the order of their row keys. Whoever has the same records at the same versions,
/// with the same fields, has the same digests.
package struct StateDigest {
  package static let digestBytes = 16
  package static let maximumBits = 16

  package let bits: Int
  /// Records added so far.
  package private(set) var records: UInt64 = 0
  private var buckets: [SHA256]

  /// - Parameter bits: 0 to 16; numbers out of that range are taken for the nearest in it.
  package init(bits: Int = 0) {
    self.bits = min(max(0, bits), Self.maximumBits)
    buckets = Array(repeating: SHA256(), count: 1 << self.bits)
  }

  package mutating func add(
    _ rowKey: UnsafeRawBufferPointer, _ version: ServerVersion, _ fields: UnsafeRawBufferPointer
  ) {
    let leaf = Self.leaf(rowKey, version, fields)
    buckets[Int(Self.bucket(of: rowKey, bits: bits))].update(data: leaf)
    records += 1
  }

  /// The digests one behind the other.
  package var bytes: [UInt8] {
    buckets.flatMap { $0.finalize().prefix(Self.digestBytes) }
  }

  /// What stands for a record at a version.
  package static func leaf(
    _ rowKey: UnsafeRawBufferPointer, _ version: ServerVersion, _ fields: UnsafeRawBufferPointer
  ) -> [UInt8] {
    var hash = SHA256()
    withUnsafeBytes(of: UInt16(truncatingIfNeeded: rowKey.count).bigEndian) {
      hash.update(bufferPointer: $0)
    }
    hash.update(bufferPointer: rowKey)
    withUnsafeBytes(of: (version.timestamp.bigEndian, version.tieBreak.bigEndian)) {
      hash.update(bufferPointer: $0)
    }
    hash.update(bufferPointer: fields)
    return Array(hash.finalize())
  }

  /// The leading bits of the row key's hash.
  package static func bucket(of rowKey: UnsafeRawBufferPointer, bits: Int) -> UInt16 {
    guard bits > 0 else { return 0 }
    var hash = SHA256()
    hash.update(bufferPointer: rowKey)
    let leading = hash.finalize().prefix(2).reduce(UInt16(0)) { $0 << 8 | UInt16($1) }
    return leading >> UInt16(maximumBits - min(bits, maximumBits))
  }
}
