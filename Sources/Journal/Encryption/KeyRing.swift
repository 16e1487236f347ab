import Synchronization

/// The keys a handle has been given, as far as they were needed. In memory only; thread-safe.
package final class KeyRing: Sendable {
  private struct Contents {
    var sources: [Journal.Encryption]
    /// The row `encryption` the cipher was made for.
    var row: [UInt8] = []
    var cipher: RowCipher?
  }

  private let contents: Mutex<Contents>

  package init(_ encryption: Journal.Encryption?) {
    contents = Mutex(Contents(sources: encryption.map { [$0] } ?? []))
  }

  /// Adds a source that is asked before those there are.
  func add(_ encryption: Journal.Encryption) {
    contents.withLock { $0.sources.insert(encryption, at: 0) }
  }

  /// Whether any key can be had.
  package var isEmpty: Bool { contents.withLock { $0.sources.isEmpty } }

  /// Makes what is encrypted in a view readable, and in a write transaction what is written
  /// encrypted. Costs nothing where nothing is.
  ///
  /// - Throws: ``JournalError/keyMissing(_:)``, ``JournalError/wrongKey(_:)``, and what the app's
  ///   closure throws.
  package func unlock(_ reader: JournalReader) throws {
    guard reader.identity.isSealed else { return }
    reader.storage.sealer = try cipher(in: reader.storage)
  }

  func cipher(in storage: any StorageReader) throws -> RowCipher {
    let key = [UInt8](MetaKey.encryption.utf8)
    let cached = contents.withLock { ($0.row, $0.cipher) }
    let found = try storage.withValue(.meta, key) { payload -> (RowCipher?, [UInt8]) in
      if let cipher = cached.1, payload.elementsEqual(cached.0) { return (cipher, []) }
      return (nil, [UInt8](payload))
    }
    guard let (cipher, row) = found else {
      throw JournalError.damaged("the journal has no row `encryption`; run `journal verify`")
    }
    if let cipher { return cipher }
    let made = try makeCipher(row, known: cached.1)
    contents.withLock { contents in
      contents.row = row
      contents.cipher = made
    }
    return made
  }

  private func makeCipher(_ row: [UInt8], known: RowCipher?) throws -> RowCipher {
    let (state, checks) = try row.withUnsafeBytes { try SealingState.decode($0) }
    var ciphers: [UInt32: BodyCipher] = [:]
    for check in checks {
      if let cipher = known?.ciphers[check.keyID], state.fits(cipher, check) {
        ciphers[check.keyID] = cipher
      } else {
        ciphers[check.keyID] = state.cipher(try key(state, check))
      }
    }
    return RowCipher(state, ciphers)
  }

  /// The key an encrypted journal is written under, for what is stored beside it, such as an
  /// archive; nil when the journal is not encrypted.
  ///
  /// - Throws: Like ``unlock(_:)``.
  package func currentKey(of reader: JournalReader) throws -> (id: UInt32, key: EncryptionKey)? {
    guard let state = try SealingState.read(reader.storage), state.state.current != 0,
      let check = state.checks.first(where: { $0.keyID == state.state.current })
    else { return nil }
    return (check.keyID, try key(state.state, check))
  }

  /// The id `key` has in a journal already, or the one it would get as its new key.
  ///
  /// - Throws: ``JournalError/damaged(_:)``.
  package static func keyID(
    for key: EncryptionKey, in reader: JournalReader
  ) throws -> (id: UInt32, isKnown: Bool) {
    guard let (state, checks) = try SealingState.read(reader.storage) else { return (1, false) }
    if let known = checks.first(where: { state.fits(state.cipher(key), $0) }) {
      return (known.keyID, true)
    }
    guard let last = state.keyIDs.last, last < .max else {
      throw JournalError.invalidInput("the journal has used all key ids; no new one is left")
    }
    return (last + 1, false)
  }

  private func key(_ state: SealingState, _ check: SealingState.Check) throws -> EncryptionKey {
    let hint = state.isRotating ? "; give both keys and finish with `journal rekey`" : ""
    return try key(check.keyID, hint: hint) { state.fits(state.cipher($0), check) }
  }

  /// Finds, among what the sources give for a key id, the key that fits.
  ///
  /// - Throws: Like ``unlock(_:)``.
  package func key(
    _ id: UInt32, hint: String = "", where fits: (EncryptionKey) throws -> Bool
  ) throws -> EncryptionKey {
    let sources = contents.withLock { $0.sources }
    guard !sources.isEmpty else { throw LockedRows.error }
    var wasGiven = false
    for source in sources {
      for key in try source.candidates(id) {
        if try fits(key) { return key }
        wasGiven = true
      }
    }
    if wasGiven {
      throw JournalError.wrongKey(
        "the key given for key id \(id) is not the one the contents are encrypted under; give the "
          + "right one")
    }
    throw JournalError.keyMissing(
      "contents are encrypted under key id \(id), and no key was given for it\(hint)")
  }
}
