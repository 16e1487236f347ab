import Crypto
import Foundation

/// Seals and opens bytes under one key: ChaCha20-Poly1305 (RFC 8439) with random nonces.
///
/// A sealed box is nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). The key is derived from the app's
/// by HKDF-SHA256 with a salt and a purpose, so that no two journals and no two uses share nonces.
/// Thread-safe. Not for use in a forked child: it would draw the parent's nonces.
package struct BodyCipher: Sendable {
  /// Bytes by which a box is longer than what it seals.
  package static let overhead = 28

  private let key: SymmetricKey
  private let random = RandomPool()

  /// A cipher for one `purpose`, under a key of its own per `salt`.
  package init(_ key: EncryptionKey, salt: [UInt8], purpose: String) {
    self.key = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: key.symmetric, salt: salt, info: [UInt8](purpose.utf8),
      outputByteCount: EncryptionKey.byteCount)
  }

  /// A cipher that uses the key as it is, for published test vectors.
  init(underived key: EncryptionKey) {
    self.key = key.symmetric
  }

  /// Seals `plain` and binds it to `context`, which the box does not hold.
  package func seal(
    _ plain: UnsafeRawBufferPointer, authenticating context: [UInt8]
  ) throws(JournalError) -> [UInt8] {
    let nonce = random.salt()
    let bytes = withUnsafeBytes(of: (nonce.high, nonce.low)) { [UInt8]($0.prefix(12)) }
    return try seal(plain, nonce: bytes, authenticating: context)
  }

  func seal(
    _ plain: UnsafeRawBufferPointer, nonce: [UInt8], authenticating context: [UInt8]
  ) throws(JournalError) -> [UInt8] {
    do {
      let box = try ChaChaPoly.seal(
        plain, using: key, nonce: ChaChaPoly.Nonce(data: nonce), authenticating: context)
      return [UInt8](box.combined)
    } catch {
      throw .storage("encrypting failed: \(error)")
    }
  }

  /// What a box holds; nil unless it was sealed under this key for this `context`.
  package func open(
    _ box: UnsafeRawBufferPointer, authenticating context: [UInt8]
  ) -> [UInt8]? {
    guard box.count >= Self.overhead else { return nil }
    do {
      let opened = try ChaChaPoly.open(
        ChaChaPoly.SealedBox(combined: box), using: key, authenticating: context)
      return [UInt8](opened)
    } catch {
      // Whatever the library says, the bytes are not what was sealed.
      return nil
    }
  }
}
