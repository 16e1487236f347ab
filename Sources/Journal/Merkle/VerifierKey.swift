import Crypto

/// The public half of a ``SigningKey``: what checks the signatures of one signer.
///
/// Its text form is a C2SP vkey, `<name>+<8 hex digits>+<base64>`, and parses back.
public struct VerifierKey: Sendable {
  /// The number of bytes of an Ed25519 public key.
  private static let byteCount = 32

  /// What a signer's signatures say.
  public enum Kind: Sendable, Hashable {
    /// Ed25519 over the text: the journal's own.
    case signer
    /// Ed25519 over the text and the time: a witness's (C2SP tlog-cosignature).
    case cosigner

    fileprivate var byte: UInt8 {
      switch self {
      case .signer: NoteRules.ed25519
      case .cosigner: NoteRules.cosigner
      }
    }
  }

  public let kind: Kind
  /// The signer's name, as it stands in front of its signatures.
  public let name: String
  /// The 32 bytes of the Ed25519 public key.
  public let publicKey: [UInt8]
  /// The first four bytes of a hash over name and public key; tells keys of one name apart.
  public let keyID: UInt32

  /// A key from its parts; throws `invalidInput` for a name with spaces or plus signs and for a
  /// public key that is not 32 bytes.
  public init(
    name: String, publicKey: [UInt8], kind: Kind = .signer
  ) throws(JournalError) {
    try NoteRules.checkKeyName(name)
    guard publicKey.count == Self.byteCount else {
      throw .invalidInput("an Ed25519 public key has 32 bytes, not \(publicKey.count)")
    }
    self.name = name
    self.publicKey = publicKey
    self.kind = kind
    keyID = Self.keyID(name: name, publicKey: publicKey, kind)
  }

  /// A key from its text form; throws `invalidInput` when it is not one, or its id does not fit
  /// its name and public key, and `unsupported` for another kind of key than a signer's or a cosigner's Ed25519.
  public init(_ text: String) throws(JournalError) {
    // Base64 has plus signs of its own, so only the first two separate.
    let parts = text.utf8.split(
      separator: UInt8(ascii: "+"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let bytes = Base64.decode(parts[2]), let byte = bytes.first else {
      throw .invalidInput("a verifier key reads <name>+<8 hex digits>+<base64>; this one does not")
    }
    guard let kind = [Kind.signer, .cosigner].first(where: { $0.byte == byte }) else {
      throw .unsupported(
        "the verifier key is of kind \(byte); Ed25519 (1) and cosigners (4) are known")
    }
    try self.init(
      name: String(Substring(parts[0])), publicKey: Array(bytes.dropFirst()), kind: kind)
    guard parts[1].elementsEqual(hexID.utf8) else {
      throw .invalidInput("the verifier key's id is not that of its name and public key: \(hexID)")
    }
  }

  /// Whether a signature is this key's over exactly these bytes.
  func isValid(signature: [UInt8], over text: ArraySlice<UInt8>) -> Bool {
    var signature = signature
    var text = text
    if kind == .cosigner {
      guard signature.count == NoteRules.cosignatureByteCount else { return false }
      let seconds = signature.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      text = NoteRules.cosigned(text, seconds: seconds)[...]
      signature.removeFirst(8)
    }
    guard signature.count == NoteRules.ed25519SignatureByteCount else { return false }
    do {
      let key = try Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
      return key.isValidSignature(signature, for: text)
    } catch {
      return false
    }
  }

  private var hexID: String {
    let digits = String(keyID, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  private static func keyID(name: String, publicKey: [UInt8], _ kind: Kind) -> UInt32 {
    var bytes = Array(name.utf8)
    bytes.append(NoteRules.newline)
    bytes.append(kind.byte)
    bytes.append(contentsOf: publicKey)
    return SHA256.hash(data: bytes).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}

extension VerifierKey: Hashable {
  // Names are the same when their bytes are: the key id is a hash over bytes.
  public static func == (left: VerifierKey, right: VerifierKey) -> Bool {
    left.publicKey == right.publicKey && left.kind == right.kind
      && left.name.utf8.elementsEqual(right.name.utf8)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(keyID)
    hasher.combine(publicKey)
  }
}

extension VerifierKey: CustomStringConvertible {
  public var description: String {
    "\(name)+\(hexID)+"
      + ([kind.byte] + publicKey).withUnsafeBytes { Base64.encode($0) }
  }
}
