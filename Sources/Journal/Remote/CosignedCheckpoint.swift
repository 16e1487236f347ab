/// A checkpoint of this journal that a server has cosigned: proof against whoever owns the device.
public struct CosignedCheckpoint: Sendable, Hashable {
  /// The signed note with the device's signature and the server's.
  public var note: String
  /// The key that checks the server's cosignature, as it named it itself (C2SP vkey).
  public var key: String

  public init(note: String, key: String) {
    self.note = note
    self.key = key
  }

  package var encoded: [UInt8] { Array("\(key)\n\(note)".utf8) }

  package init?(_ payload: [UInt8]) {
    guard let end = payload.firstIndex(of: NoteRules.newline) else { return nil }
    key = String(decoding: payload[..<end], as: UTF8.self)
    note = String(decoding: payload[(end + 1)...], as: UTF8.self)
  }

  /// Throws unless the note is this checkpoint of the device's, cosigned with the named key.
  package func check(against own: String) throws(JournalError) {
    let key = try VerifierKey(key)
    guard key.kind == .cosigner, note.utf8.starts(with: own.utf8) else {
      throw .invalidInput("the cosigned note is not the checkpoint that was shown")
    }
    _ = try SignedNote.open(note, with: [key])
  }
}

extension Journal {
  /// The last checkpoint a remote has cosigned; nil before the first sync that appended something.
  public func cosignedCheckpoint(by remote: String) throws -> CosignedCheckpoint? {
    try read { try $0.cosignedCheckpoint(by: remote) }
  }
}

extension JournalReader {
  package func cosignedCheckpoint(by remote: String) throws -> CosignedCheckpoint? {
    try meta(MetaKey.cosigned(remote)).flatMap { CosignedCheckpoint($0) }
  }
}
