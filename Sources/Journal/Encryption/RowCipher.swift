/// Seals rows under the current key and opens those under any key the journal uses.
///
/// Of an entry everything behind its header is sealed: salt, link and body. Of the other tables it
/// is the rows that hold what records say. A row is bound to its table, its key and an entry's
/// header, so rows cannot be exchanged for one another.
final class RowCipher: RowSealer {
  /// The `encoding` of an entry whose body is sealed.
  static let encoding: UInt8 = 1
  /// The first byte of any other sealed payload; no plain one begins with it.
  static let marker: UInt8 = 0xFF
  /// Bytes of a stored entry before what is sealed, `encoding` included.
  static let entryPrefix = 75
  private static let keyIDBytes = 4

  let state: SealingState
  /// By key id.
  let ciphers: [UInt32: BodyCipher]
  private let current: BodyCipher?

  init(_ state: SealingState, _ ciphers: [UInt32: BodyCipher]) {
    self.state = state
    self.ciphers = ciphers
    current = ciphers[state.current]
  }

  /// Whether rows of that table and key hold content.
  static func isContent(_ table: Table, _ key: UnsafeRawBufferPointer) -> Bool {
    switch table {
    case .entries, .records: return true
    case .meta:
      return key.starts(with: MetaKey.folded.utf8) || key.starts(with: MetaKey.places.utf8)
        || key.elementsEqual(MetaKey.secret.utf8)
    case .baseline:
      guard let table = key.first.flatMap(Baseline.table(tagged:)), table != .baseline else {
        return false
      }
      return isContent(table, UnsafeRawBufferPointer(rebasing: key.dropFirst()))
    case .ids, .edits, .tree, .gaps, .origins, .peers, .indexes: return false
    }
  }

  func seals(_ table: Table, _ key: UnsafeRawBufferPointer) -> Bool {
    current != nil && Self.isContent(table, key)
  }

  func seal(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]? {
    guard let current, Self.isContent(table, key), !Self.isForeign(table, payload) else {
      return nil
    }
    var sealed: [UInt8] = []
    sealed.reserveCapacity(payload.count + BodyCipher.overhead + Self.keyIDBytes + 1)
    var rest = payload
    if table == .entries {
      guard payload.count >= Self.entryPrefix else { throw Self.tooShort(key) }
      sealed.append(contentsOf: payload.prefix(Self.entryPrefix - 1))
      sealed.append(Self.encoding)
      rest = UnsafeRawBufferPointer(rebasing: payload[Self.entryPrefix...])
    } else {
      sealed.append(Self.marker)
    }
    let context = Self.context(table, key, prefix: sealed)
    sealed.appendBigEndian(state.current)
    sealed.append(contentsOf: try current.seal(rest, authenticating: context))
    return sealed
  }

  func open(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]? {
    guard let start = Self.sealedStart(table, key, stored) else {
      guard state.allowsPlain || !Self.isContent(table, key) || Self.isForeign(table, stored) else {
        throw .damaged(
          "\(Self.name(table, key)) is not encrypted though the journal is: it was put there by "
            + "something else; run `journal verify`")
      }
      return nil
    }
    guard let id = Self.keyID(stored, at: start), let cipher = ciphers[id] else {
      throw .damaged(
        "\(Self.name(table, key)) lies under a key the journal does not use; run `journal verify`")
    }
    let prefix = stored[..<start]
    let box = UnsafeRawBufferPointer(rebasing: stored[(start + Self.keyIDBytes)...])
    let context = Self.context(table, key, prefix: prefix)
    guard let opened = cipher.open(box, authenticating: context) else {
      throw .damaged(
        "\(Self.name(table, key)) does not open under key \(id): it was changed or belongs "
          + "elsewhere; run `journal verify`")
    }
    guard table == .entries else { return opened }
    return prefix.dropLast() + [StoredEntry.plainEncoding] + opened
  }

  /// Where the key id of a sealed payload stands; nil when the payload is not sealed.
  private static func sealedStart(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) -> Int? {
    if table == .entries {
      let isSealed = stored.count >= entryPrefix && stored[entryPrefix - 1] == encoding
      return isSealed ? entryPrefix : nil
    }
    return stored.first == marker && isContent(table, key) ? 1 : nil
  }

  /// An entry without a body, or of an encoding only a later release knows, is shown as such, not
  /// as damage.
  private static func isForeign(_ table: Table, _ stored: UnsafeRawBufferPointer) -> Bool {
    table == .entries && stored.count >= entryPrefix
      && stored[entryPrefix - 1] != StoredEntry.plainEncoding
  }

  private static func keyID(_ stored: UnsafeRawBufferPointer, at start: Int) -> UInt32? {
    guard stored.count >= start + keyIDBytes + BodyCipher.overhead else { return nil }
    return UInt32(bigEndian: stored.loadUnaligned(fromByteOffset: start, as: UInt32.self))
  }

  /// The key id a stored row lies under, 0 for a plain one; nil for a row that is never sealed.
  static func keyID(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) -> UInt32? {
    guard isContent(table, key), !isUnknown(table, stored) else { return nil }
    guard let start = sealedStart(table, key, stored) else { return 0 }
    return keyID(stored, at: start) ?? .max
  }

  private static func isUnknown(_ table: Table, _ stored: UnsafeRawBufferPointer) -> Bool {
    isForeign(table, stored) && stored[entryPrefix - 1] != encoding
  }

  /// What a box is bound to.
  private static func context(
    _ table: Table, _ key: UnsafeRawBufferPointer, prefix: some Collection<UInt8>
  ) -> [UInt8] {
    var context: [UInt8] = []
    context.reserveCapacity(3 + key.count + prefix.count)
    context.append(table.rawValue)
    context.appendBigEndian(UInt16(truncatingIfNeeded: key.count))
    context.append(contentsOf: key)
    context.append(contentsOf: prefix)
    return context
  }

  private static func tooShort(_ key: UnsafeRawBufferPointer) -> JournalError {
    .damaged("\(name(.entries, key)) is shorter than its header; run `journal verify`")
  }

  static func name(_ table: Table, _ key: UnsafeRawBufferPointer) -> String {
    if table == .entries, let sequence = UInt64(sequenceKey: key) { return "entry \(sequence)" }
    return "row \(Row.hex(key)) in \(table.name)"
  }
}

/// Stands in for a key nobody gave: headers of entries can be read, content cannot.
final class LockedRows: RowSealer {
  static let shared = LockedRows()

  func seals(_ table: Table, _ key: UnsafeRawBufferPointer) -> Bool {
    RowCipher.isContent(table, key)
  }

  func seal(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]? {
    throw Self.error
  }

  func open(
    _ table: Table, _ key: UnsafeRawBufferPointer, _ stored: UnsafeRawBufferPointer
  ) throws(JournalError) -> [UInt8]? {
    // An entry's header is needed for every proof; asking for its body is refused later.
    guard table != .entries, let id = RowCipher.keyID(table, key, stored), id != 0 else {
      return nil
    }
    throw Self.error
  }

  static var error: JournalError {
    .keyMissing(
      "the journal is encrypted and no key was given; give it in `Configuration.encryption`, to the "
        + "command in the environment variable JOURNAL_KEY or one named by --key-env")
  }
}
