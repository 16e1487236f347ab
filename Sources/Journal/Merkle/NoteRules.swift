/// What may stand in a signed note, and how much of it.
enum NoteRules {
  static let newline = UInt8(ascii: "\n")
  /// The most bytes of a key's name or of an origin line.
  static let nameLimit = 1_024
  /// The most bytes of a whole note.
  static let noteLimit = 65_536
  /// The most signatures of one note; the format demands that at least these are accepted.
  static let signatureLimit = 16
  /// An em dash and a space, which every signature line begins with.
  static let signaturePrefix: [UInt8] = [0xE2, 0x80, 0x94, 0x20]
  /// The byte that says a key or a key id is one of Ed25519.
  static let ed25519: UInt8 = 0x01
  static let ed25519SignatureByteCount = 64
  /// The byte that says a key is a cosigner's, who signs a time with the text (C2SP
  /// tlog-cosignature).
  static let cosigner: UInt8 = 0x04
  static let cosignatureByteCount = 8 + ed25519SignatureByteCount

  /// The bytes a cosigner signs: the note's text behind a line with the time in seconds since 1970.
  static func cosigned(_ text: ArraySlice<UInt8>, seconds: UInt64) -> [UInt8] {
    Array("cosignature/v1\ntime \(seconds)\n".utf8) + text
  }

  /// Whether these bytes can be an origin line.
  static func isOrigin(_ utf8: some Collection<UInt8>) -> Bool {
    (1...nameLimit).contains(utf8.count) && utf8.allSatisfy { $0 >= 0x20 }
  }

  /// Whether a text can name a key: no plus, no space of any script, no control characters.
  static func isKeyName(_ name: String) -> Bool {
    isOrigin(name.utf8)
      && name.unicodeScalars.allSatisfy { $0 != "+" && !$0.properties.isWhitespace }
  }

  static func checkKeyName(_ name: String) throws(JournalError) {
    guard isKeyName(name) else {
      throw .invalidInput(
        "a key's name needs 1 to \(nameLimit) bytes without spaces, plus signs or control characters"
      )
    }
  }
}
