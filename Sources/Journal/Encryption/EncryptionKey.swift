public import Crypto

/// A 256-bit key under which a journal's contents are encrypted.
///
/// ```swift
/// let key = EncryptionKey()          // a new random one, for the app's key store
/// let same = try EncryptionKey(bytes: storedBytes)
/// ```
///
/// Held in memory only. Neither its description nor its reflection shows the bytes.
public struct EncryptionKey: Sendable {
  /// Bytes of a key.
  public static let byteCount = 32

  let symmetric: SymmetricKey

  /// Makes a new random key.
  public init() {
    symmetric = SymmetricKey(size: .bits256)
  }

  /// The key with these 32 bytes. They have to be random, or derived from a password by a
  /// function made for that.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for another number of bytes.
  public init(bytes: some Collection<UInt8>) throws(JournalError) {
    guard bytes.count == Self.byteCount else {
      throw .invalidInput("an encryption key has 32 bytes, not \(bytes.count)")
    }
    symmetric = SymmetricKey(data: [UInt8](bytes))
  }

  /// The key as another library holds it.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for a size other than 256 bits.
  public init(_ key: SymmetricKey) throws(JournalError) {
    guard key.bitCount == 256 else {
      throw .invalidInput("an encryption key has 256 bits, not \(key.bitCount)")
    }
    symmetric = key
  }

  /// Lends the bytes, to be put into a key store.
  public func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try symmetric.withUnsafeBytes(body)
  }
}

extension EncryptionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "EncryptionKey(redacted)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}
