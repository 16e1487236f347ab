import Crypto

/// The secret key a journal signs its checkpoints with.
///
/// ```swift
/// let key = try SigningKey(name: "example.com/journal")
/// let note = try key.sign(checkpoint)
/// let checked = try SignedNote.open(note, with: [key.verifierKey])
/// ```
///
/// It never shows its secret when printed, dumped or interpolated; only ``seed`` hands it out.
public struct SigningKey: Sendable {
  /// The number of bytes of a seed.
  private static let seedByteCount = 32

  /// The public half, to be given to whoever checks.
  public let verifierKey: VerifierKey
  private let privateKey: Curve25519.Signing.PrivateKey

  /// A new key from the system's random numbers; throws `invalidInput` for a name that is empty
  /// or has spaces or plus signs.
  public init(name: String) throws(JournalError) {
    try self.init(name: name, privateKey: Curve25519.Signing.PrivateKey())
  }

  /// The key of a seed; throws `invalidInput` unless the seed has 32 bytes, and for a bad name.
  public init(name: String, seed: [UInt8]) throws(JournalError) {
    guard seed.count == Self.seedByteCount else {
      throw .invalidInput("a signing key's seed has 32 bytes, not \(seed.count)")
    }
    let privateKey: Curve25519.Signing.PrivateKey
    do {
      privateKey = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
    } catch {
      throw .invalidInput("the seed is not one of an Ed25519 key: \(error)")
    }
    try self.init(name: name, privateKey: privateKey)
  }

  private init(name: String, privateKey: Curve25519.Signing.PrivateKey) throws(JournalError) {
    verifierKey = try VerifierKey(
      name: name, publicKey: Array(privateKey.publicKey.rawRepresentation))
    self.privateKey = privateKey
  }

  /// The name that stands in front of this key's signatures.
  public var name: String { verifierKey.name }

  /// The secret itself, 32 bytes, for an app that keeps keys in a store of its own.
  public var seed: [UInt8] { Array(privateKey.rawRepresentation) }

  /// The checkpoint as a signed note; throws `storage` should the system refuse to sign.
  ///
  /// Whoever signs two checkpoints that do not extend one another has forked the journal: sign
  /// only what is on stable storage.
  public func sign(_ checkpoint: Checkpoint) throws(JournalError) -> String {
    try sign(text: checkpoint.text)
  }

  /// The key that checks this key's cosignatures.
  public var cosignerKey: VerifierKey {
    get throws(JournalError) {
      try VerifierKey(name: name, publicKey: verifierKey.publicKey, kind: .cosigner)
    }
  }

  /// A note with one more line: this key's witness to its text at a time (C2SP tlog-cosignature).
  ///
  /// Whoever cosigns says: of this origin I have seen no other history. The note must have been
  /// opened with its signer's key, and its size and root compared with what was seen before.
  public func cosign(_ note: String, at time: Timestamp) throws(JournalError) -> String {
    let key = try cosignerKey
    let bytes = Array(note.utf8)
    let text = try SignedNote.text(of: bytes)
    let seconds = time.milliseconds / 1_000
    var signature: [UInt8] = []
    withUnsafeBytes(of: key.keyID.bigEndian) { signature.append(contentsOf: $0) }
    signature.appendBigEndian(seconds)
    do {
      signature.append(
        contentsOf: try privateKey.signature(for: NoteRules.cosigned(text, seconds: seconds)))
    } catch {
      throw .storage("the system did not sign with key \(name): \(error)")
    }
    return "\(note)— \(name) \(signature.withUnsafeBytes { Base64.encode($0) })\n"
  }

  /// Any text, which ends with a newline, as a signed note.
  func sign(text: String) throws(JournalError) -> String {
    var signature: [UInt8] = []
    withUnsafeBytes(of: verifierKey.keyID.bigEndian) { signature.append(contentsOf: $0) }
    do {
      signature.append(contentsOf: try privateKey.signature(for: Array(text.utf8)))
    } catch {
      throw .storage("the system did not sign with key \(name): \(error)")
    }
    return "\(text)\n— \(name) \(signature.withUnsafeBytes { Base64.encode($0) })\n"
  }
}

extension SigningKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "signing key of \(verifierKey)" }

  public var debugDescription: String { description }

  public var customMirror: Mirror {
    Mirror(self, children: ["verifierKey": verifierKey], displayStyle: .struct)
  }
}
