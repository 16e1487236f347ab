import Testing

@testable import Journal

@Suite("Signed notes")
struct SignedNoteTests {
  // The example of golang.org/x/mod/sumdb/note, whose format C2SP took over.
  static let peterKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
  static let peterText = """
    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    """
  static let peterSignature =
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

  let key: SigningKey
  let checkpoint: Checkpoint
  let note: String

  init() throws {
    key = try SigningKey(name: "example.com/journal", seed: Array(0..<32))
    checkpoint = try Checkpoint(
      origin: "example.com/journal", size: 20_852_163, root: NaiveTree.leaf(1))
    note = try key.sign(checkpoint)
  }

  @Test("the published example note opens with its published key")
  func publishedNote() throws {
    let key = try VerifierKey(Self.peterKey)
    #expect(key.name == "PeterNeumann")
    #expect(key.keyID == 0xc74f_20a3)
    #expect(key.description == Self.peterKey)
    let note = "\(Self.peterText)\n— PeterNeumann \(Self.peterSignature)\n"
    let text = try SignedNote.verifiedText(of: Array(note.utf8), with: [key])
    #expect(text.elementsEqual(Self.peterText.utf8))
    let changed = note.replacing("cryptography", with: "cryptographY")
    #expect(throws: JournalError.self) {
      try SignedNote.verifiedText(of: Array(changed.utf8), with: [key])
    }
  }

  @Test("the published key signs the published note")
  func publishedSignature() throws {
    // The published secret is the key's kind, one byte, and the seed.
    let secret = try #require(
      Base64.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz".utf8))
    let key = try SigningKey(name: "PeterNeumann", seed: Array(secret.dropFirst()))
    #expect(key.verifierKey.description == Self.peterKey)
    let note = try key.sign(text: Self.peterText)
    #expect(
      try SignedNote.verifiedText(of: Array(note.utf8), with: [key.verifierKey])
        .elementsEqual(Self.peterText.utf8))
    #if !canImport(Darwin)
      // The signatures of CryptoKit are made with fresh randomness: valid, but never the same.
      #expect(note == "\(Self.peterText)\n— PeterNeumann \(Self.peterSignature)\n")
    #endif
  }

  @Test("a signed checkpoint opens to what was signed")
  func roundTrip() throws {
    #expect(note.hasPrefix(checkpoint.text + "\n— example.com/journal "))
    #expect(try SignedNote.open(note, with: [key.verifierKey]) == checkpoint)
    let empty = try Checkpoint(origin: "o", size: 0, root: .empty)
    #expect(try SignedNote.open(key.sign(empty), with: [key.verifierKey]) == empty)
    let last = try Checkpoint(origin: "a b+c é", size: .max, root: .empty)
    #expect(try SignedNote.open(key.sign(last), with: [key.verifierKey]) == last)
  }

  @Test("a note must be signed by a key that is given")
  func unknownSigners() throws {
    let other = try SigningKey(name: "example.com/witness")
    let sameName = try SigningKey(name: key.name)
    for keys in [[], [other.verifierKey], [sameName.verifierKey]] {
      #expect(refusalCode { try SignedNote.open(note, with: keys) } == "invalid-input")
    }
  }

  @Test("signatures of unknown keys are passed over, wherever they stand")
  func cosignatures() throws {
    let witness = try SigningKey(name: "witness", seed: Array(1..<33))
    let cosigned = try witness.sign(checkpoint).dropFirst(checkpoint.text.count + 1)
    for text in [note + cosigned, checkpoint.text + "\n" + cosigned + note.signatureLines] {
      #expect(try SignedNote.open(text, with: [key.verifierKey]) == checkpoint)
      #expect(try SignedNote.open(text, with: [witness.verifierKey]) == checkpoint)
      #expect(
        try SignedNote.open(text, with: [witness.verifierKey, key.verifierKey]) == checkpoint)
    }
    // A kind of signature that is longer than any known here.
    let long = [UInt8](repeating: 7, count: 2_000).withUnsafeBytes { Base64.encode($0) }
    #expect(try SignedNote.open(note + "— other \(long)\n", with: [key.verifierKey]) == checkpoint)
  }

  @Test("a bad signature of a known key spoils the note, also beside a good one")
  func badSignatures() throws {
    let larger = try Checkpoint(origin: checkpoint.origin, size: 20_852_164, root: checkpoint.root)
    let stolen = try key.sign(larger).signatureLines
    for text in [checkpoint.text + "\n" + stolen, note + stolen] {
      #expect(refusalCode { try SignedNote.open(text, with: [key.verifierKey]) } == "damaged")
    }
    let id = withUnsafeBytes(of: key.verifierKey.keyID.bigEndian) { Array($0) }
    for count in [1, 63, 65] {
      let short = (id + [UInt8](repeating: 0, count: count)).withUnsafeBytes { Base64.encode($0) }
      let text = "\(checkpoint.text)\n— \(key.name) \(short)\n"
      #expect(refusalCode { try SignedNote.open(text, with: [key.verifierKey]) } == "damaged")
    }
  }

  @Test("no change of a single byte of a note is accepted")
  func everyByteCounts() throws {
    let bytes = Array(note.utf8)
    for index in bytes.indices {
      for change in [bytes[index] ^ 1, bytes[index] &+ 1, 0x0A, 0x00, 0x20] {
        guard change != bytes[index] else { continue }
        var changed = bytes
        changed[index] = change
        let text = String(decoding: changed, as: UTF8.self)
        #expect(
          refusalCode { try SignedNote.open(text, with: [key.verifierKey]) } != nil, "\(index)")
      }
    }
    for count in 0..<bytes.count {
      let text = String(decoding: bytes.prefix(count), as: UTF8.self)
      #expect(refusalCode { try SignedNote.open(text, with: [key.verifierKey]) } != nil, "\(count)")
    }
  }

  @Test("malformed notes are refused before any signature is looked at")
  func malformedNotes() throws {
    let line = note.signatureLines
    let text = checkpoint.text
    let broken: [String] = [
      "", "\n", "\n\n", text, text + "\n", text + line, text + "\n\n", line,
      text.replacing("\n", with: "\r\n") + "\n" + line, text + "\t\n\n" + line,
    ]
    let brokenLines: [String] = [
      line + "\n", line + text, String(line.dropLast()), line.replacing("—", with: "-"),
      line.replacing("— ", with: "—"), line.replacing("— ", with: "—  "),
      line.replacing("\n", with: " \n"), line + "— +x AAAAAAA=\n", line + "—  AAAAAAA=\n",
      line + "— a\u{A0}b AAAAAAA=\n", line + "— a AAAAAA==\n", line + "— a AAAA AAAA\n",
      line + "— a AAAAAAB=\n", line + "— a AAAAAAA\n", line + "comment\n",
    ]
    let malformed = broken + brokenLines.map { text + "\n" + $0 }
    for note in malformed {
      #expect(
        refusalCode { try SignedNote.open(note, with: [key.verifierKey]) } == "invalid-input",
        "\(note.debugDescription)")
    }
  }

  @Test("sixteen signatures and 64 KiB are accepted, more is not")
  func limits() throws {
    let other = "— other AAAAAAA=\n"
    let sixteen = note + String(repeating: other, count: 15)
    #expect(try SignedNote.open(sixteen, with: [key.verifierKey]) == checkpoint)
    #expect(
      refusalCode { try SignedNote.open(sixteen + other, with: [key.verifierKey]) }
        == "invalid-input")

    let full = NoteRules.noteLimit - note.utf8.count - "— other \n".utf8.count
    let padding = String(repeating: "A", count: full / 4 * 4)
    let large = note + "— other \(padding)\n"
    #expect(try SignedNote.open(large, with: [key.verifierKey]) == checkpoint)
    let tooLarge = note + "— other \(padding)AAAA\n"
    #expect(
      refusalCode { try SignedNote.open(tooLarge, with: [key.verifierKey]) } == "invalid-input")
  }
}

extension String {
  /// The lines after the last empty line of a note.
  fileprivate var signatureLines: String {
    let parts = split(separator: "\n\n", omittingEmptySubsequences: false)
    return String(parts[parts.count - 1])
  }
}
