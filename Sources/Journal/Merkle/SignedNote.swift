/// Opens checkpoints that somebody signed.
///
/// The format is the C2SP signed note: a text, an empty line, and a line per signature.
public enum SignedNote {
  /// The checkpoint of a note that at least one of these keys has signed.
  ///
  /// Throws `invalidInput` when the text is not a note, not a checkpoint, or signed by none of the
  /// keys; `damaged` when a signature said to be of one of the keys is not; `unsupported` for
  /// extension lines. Signatures of other keys are passed over. A note above 64 KiB or with more
  /// than 16 signatures is refused before anything is hashed. That the origin is the expected one
  /// is for the caller to check.
  public static func open(
    _ note: String, with keys: [VerifierKey]
  ) throws(JournalError) -> Checkpoint {
    // Counted before it is copied: a note from outside may be of any length.
    guard note.utf8.count <= NoteRules.noteLimit else {
      throw .invalidInput(
        "a note of \(note.utf8.count) bytes is above the \(NoteRules.noteLimit) accepted")
    }
    return try Checkpoint(parsing: verifiedText(of: Array(note.utf8), with: keys))
  }

  /// The text of a note, checked as ``open(_:with:)`` says but of any content.
  static func verifiedText(
    of note: [UInt8], with keys: [VerifierKey]
  ) throws(JournalError) -> ArraySlice<UInt8> {
    guard note.allSatisfy({ $0 >= 0x20 || $0 == NoteRules.newline }) else {
      throw .invalidInput("a note has no control characters but newlines; this one does")
    }
    let (text, signatureLines) = try split(note)
    guard signatureLines.count <= NoteRules.signatureLimit else {
      throw .invalidInput(
        "a note of \(signatureLines.count) signatures is above the "
          + "\(NoteRules.signatureLimit) accepted")
    }
    // The whole note is parsed before any signature counts: half a note is none.
    var signatures: [Signature] = []
    for line in signatureLines {
      signatures.append(try Signature(parsing: line))
    }
    var isSigned = false
    for signature in signatures {
      for key in keys where signature.claims(key) {
        guard key.isValid(signature: signature.bytes, over: text) else {
          throw .damaged("the signature of \(key.name) does not fit the note: do not trust it")
        }
        isSigned = true
      }
    }
    guard isSigned else {
      let given = keys.map(\.name).joined(separator: ", ")
      throw .invalidInput(
        "the note is signed by none of the keys given (\(given.isEmpty ? "none" : given))")
    }
    return text
  }

  /// The text of a note; its signatures are not looked at.
  static func text(of note: [UInt8]) throws(JournalError) -> ArraySlice<UInt8> {
    try split(note).text
  }

  /// Divides a note at its last empty line: the text with its newline, the lines of signatures.
  private static func split(
    _ note: [UInt8]
  ) throws(JournalError) -> (text: ArraySlice<UInt8>, signatureLines: [ArraySlice<UInt8>]) {
    guard note.last == NoteRules.newline else {
      throw .invalidInput("the note's last line does not end: part of it is missing")
    }
    let body = note.dropLast()
    guard
      let end = body.indices.last(where: { index in
        index > 0 && body[index] == NoteRules.newline && body[index - 1] == NoteRules.newline
      })
    else {
      throw .invalidInput("the note has no empty line between text and signatures")
    }
    let lines = body[(end + 1)...].split(
      separator: NoteRules.newline, omittingEmptySubsequences: false)
    return (note[..<end], lines)
  }
}

/// One signature line of a note.
private struct Signature {
  let name: ArraySlice<UInt8>
  let keyID: UInt32
  let bytes: [UInt8]

  init(parsing line: ArraySlice<UInt8>) throws(JournalError) {
    let fields = line.dropFirst(NoteRules.signaturePrefix.count).split(
      separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard line.starts(with: NoteRules.signaturePrefix), fields.count == 2,
      NoteRules.isKeyName(String(decoding: fields[0], as: UTF8.self)),
      let decoded = Base64.decode(fields[1]), decoded.count > 4
    else {
      throw .invalidInput("a signature line reads \"— <name> <base64>\"; one here does not")
    }
    name = fields[0]
    keyID = decoded.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    bytes = Array(decoded.dropFirst(4))
  }

  func claims(_ key: VerifierKey) -> Bool {
    keyID == key.keyID && name.elementsEqual(key.name.utf8)
  }
}
