import Crypto

/// A SHA-256 hash of the journal's Merkle tree: of a leaf, of a subtree or of the root.
///
/// Leaves and nodes are hashed as RFC 6962 and RFC 9162 say, each with its own first byte, so that
/// a node can never be passed off as a leaf. The text form is standard base64 with padding, as in
/// a checkpoint. The 32 bytes are held inline; copying one never allocates.
public struct TreeHash: Sendable, Hashable {
  /// The number of bytes of every hash.
  package static let byteCount = 32

  private static let leafPrefix: UInt8 = 0x00
  private static let nodePrefix: UInt8 = 0x01

  // Four words in memory order: equality and hashing take four steps, not thirty-two.
  private let word0: UInt64
  private let word1: UInt64
  private let word2: UInt64
  private let word3: UInt64

  private init(words: (UInt64, UInt64, UInt64, UInt64)) {
    (word0, word1, word2, word3) = words
  }

  /// A hash from its 32 bytes; nil for any other number of bytes.
  public init?(bytes: some Collection<UInt8>) {
    // Bytes that lie in one piece are copied as such; others one by one.
    let contiguous = bytes.withContiguousStorageIfAvailable {
      TreeHash(bytes: UnsafeRawBufferPointer($0))
    }
    if let contiguous {
      guard let hash = contiguous else { return nil }
      self = hash
      return
    }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let isWhole = withUnsafeMutableBytes(of: &words) { target in
      var count = 0
      for byte in bytes {
        guard count < target.count else { return false }
        target[count] = byte
        count += 1
      }
      return count == target.count
    }
    guard isWhole else { return nil }
    self.init(words: words)
  }

  /// A hash from 32 bytes in memory; nil for any other number of bytes.
  package init?(bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Self.byteCount else { return nil }
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: bytes) }
    self.init(words: words)
  }

  init(_ digest: SHA256Digest) {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    digest.withUnsafeBytes { source in
      withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: source) }
    }
    self.init(words: words)
  }

  /// Lends the 32 bytes to `body`; the pointer is valid only while it runs.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try Swift.withUnsafeBytes(of: (word0, word1, word2, word3), body)
  }

  /// The 32 bytes, in a new array.
  public var bytes: [UInt8] {
    withUnsafeBytes { Array($0) }
  }

  /// Appends the 32 bytes.
  public func append(to bytes: inout [UInt8]) {
    withUnsafeBytes { bytes.append(contentsOf: $0) }
  }
}

extension TreeHash {
  /// The root of a tree without leaves: the SHA-256 of no bytes.
  public static let empty = TreeHash(SHA256().finalize())

  /// The hash of a leaf: SHA-256 of a zero byte and the leaf's bytes.
  public static func leaf(_ bytes: UnsafeRawBufferPointer) -> TreeHash {
    leaf(byteCount: bytes.count) { $0.copyMemory(from: bytes) }
  }

  /// The hash of a leaf of `byteCount` bytes, all of which `fill` writes.
  static func leaf(
    byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void
  ) -> TreeHash {
    withUnsafeTemporaryAllocation(byteCount: 1 + byteCount, alignment: 8) { buffer in
      // One update: each call into the hash function costs.
      buffer[0] = leafPrefix
      fill(UnsafeMutableRawBufferPointer(rebasing: buffer[1...]))
      return hash(UnsafeRawBufferPointer(buffer))
    }
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> TreeHash {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    return TreeHash(hash.finalize())
  }

  /// The hash of an inner node: SHA-256 of a one byte and both children.
  public static func node(_ left: TreeHash, _ right: TreeHash) -> TreeHash {
    withUnsafeTemporaryAllocation(byteCount: 1 + 2 * byteCount, alignment: 8) { buffer in
      // One update of 65 bytes instead of three: half the calls into the hash function.
      buffer[0] = nodePrefix
      left.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[1...byteCount]).copyMemory(from: $0)
      }
      right.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[(1 + byteCount)...]).copyMemory(from: $0)
      }
      return hash(UnsafeRawBufferPointer(buffer))
    }
  }
}

extension TreeHash: LosslessStringConvertible {
  /// A hash from its text form; nil unless it is the padded base64 of 32 bytes.
  public init?(_ description: String) {
    guard let bytes = Base64.decode(description.utf8) else { return nil }
    self.init(bytes: bytes)
  }

  public var description: String {
    withUnsafeBytes { Base64.encode($0) }
  }
}
