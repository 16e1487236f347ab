extension Journal {
  /// The key ids under which contents may lie, ascending; 0 stands for contents that are not
  /// encrypted. More than one: a rotation was cut short, call ``rekey(to:)`` again.
  public var encryptionKeyIDs: [UInt32] {
    get throws { try read { try SealingState.read($0.storage)?.state.keyIDs ?? [0] } }
  }

  /// Encrypts the journal's contents anew: under another key, for the first time, or, with nil, no
  /// longer.
  ///
  /// ```swift
  /// let new = Journal.Encryption(keyID: 2) { id in try keychain.key(named: "notes-\(id)") }
  /// try await store.journal.rekey(to: new)
  /// ```
  ///
  /// What is written from now on lies under the new key at once; what is there follows in
  /// transactions of about 4 MiB, beside other readers and writers, who need both keys meanwhile.
  /// Cut short, by a crash too, it is finished by calling it again. Afterwards the old key opens
  /// nothing that is current; pages LMDB has freed hold old ciphertext (or old plain contents)
  /// until they are used again. No leaf, root or checkpoint changes. Linear in the contents.
  ///
  /// - Returns: The number of rows encrypted anew.
  /// - Throws: ``JournalError/keyMissing(_:)`` without the new key, ``JournalError/wrongKey(_:)``
  ///   when its id names another one already, ``JournalError/damaged(_:)`` at a row that does not
  ///   open.
  @discardableResult
  public func rekey(to encryption: Encryption?) async throws -> UInt64 {
    try await rekey(to: encryption) { _ in }
  }

  package func rekey(
    to encryption: Encryption?, progress: (UInt64) -> Void
  ) async throws -> UInt64 {
    if let encryption { keys.add(encryption) }
    try await transact { try Rekey.begin($0, to: encryption) }
    var rows: UInt64 = 0
    while true {
      let step = try await transact { try Rekey.step($0) }
      rows += step.rows
      progress(rows)
      if step.isDone { return rows }
    }
  }
}

/// The rotation of a journal's keys, a transaction at a time.
enum Rekey {
  private static let tables: [Table] = [.meta, .records, .baseline, .entries]
  private static let rowsPerStep = 1_000
  private static let bytesPerStep = 4 << 20
  /// Rows that already lie under the new key are passed over, but not without end.
  private static let scannedPerStep = 20_000

  /// The state of a journal that is encrypted from its creation on.
  static func firstState(
    of encryption: Journal.Encryption
  ) throws -> (state: SealingState, ciphers: [UInt32: BodyCipher]) {
    let id = encryption.keyID
    let state = SealingState(current: id, salt: newSalt(), keyIDs: [id])
    return (state, [id: state.cipher(try newKey(encryption))])
  }

  private static func newKey(_ encryption: Journal.Encryption) throws -> EncryptionKey {
    guard encryption.keyID != 0 else {
      throw JournalError.invalidInput("a key id is 1 or more")
    }
    guard let key = try encryption.candidates(encryption.keyID).first else {
      throw JournalError.keyMissing("no key was given for key id \(encryption.keyID)")
    }
    return key
  }

  private static func newSalt() -> [UInt8] {
    let salt = RandomPool.shared.salt()
    return withUnsafeBytes(of: (salt.high, salt.low)) { [UInt8]($0) }
  }

  /// Leaves the row `encryption` and makes the rest of the transaction follow it.
  static func store(
    _ state: SealingState, _ ciphers: [UInt32: BodyCipher], _ context: AppendContext
  ) throws {
    try context.putMeta(MetaKey.encryption, state.encoded(with: ciphers))
    context.transaction.sealer = RowCipher(state, ciphers)
    guard !context.identity.isSealed else { return }
    try context.moveSecret(sealed: true)
    // An index's rows show values.
    try context.clearIndexes()
  }

  /// From this transaction on, rows are written under the new key.
  static func begin(_ context: AppendContext, to target: Journal.Encryption?) throws {
    let standing = context.transaction.sealer as? RowCipher
    guard target != nil || standing != nil else { return }
    let id = target?.keyID ?? 0
    var ciphers = standing?.ciphers ?? [:]
    var state =
      standing?.state ?? SealingState(current: 0, salt: newSalt(), keyIDs: [0])
    if let target {
      let cipher = state.cipher(try newKey(target))
      if let known = ciphers[id], try !isSame(cipher, known) {
        throw JournalError.wrongKey(
          "key id \(id) names another key in this journal; give the new key a new id")
      }
      ciphers[id] = cipher
    }
    guard state.current != id else { return }
    state.current = id
    state.keyIDs = Set(state.keyIDs + [id]).sorted()
    state.position = []
    try store(state, ciphers, context)
    try SavedStates.discard(context)
  }

  private static func isSame(_ one: BodyCipher, _ other: BodyCipher) throws -> Bool {
    let box = try one.seal(UnsafeRawBufferPointer(start: nil, count: 0), authenticating: [])
    return box.withUnsafeBytes { other.open($0, authenticating: []) } != nil
  }

  struct Step: Sendable {
    var rows: UInt64
    var isDone: Bool
  }

  /// Encrypts some more rows under the current key.
  static func step(_ context: AppendContext) throws -> Step {
    guard let cipher = context.transaction.sealer as? RowCipher, cipher.state.isRotating else {
      return Step(rows: 0, isDone: true)
    }
    let (rows, next) = try rowsToSeal(context.transaction, cipher)
    for row in rows {
      guard let payload = try context.transaction.value(row.table, row.key) else { continue }
      try context.put(row.table, row.key, payload)
    }
    var state = cipher.state
    if let position = next {
      state.position = position
      try store(state, cipher.ciphers, context)
    } else {
      try finish(&state, cipher, context)
    }
    return Step(rows: UInt64(rows.count), isDone: next == nil)
  }

  /// The next rows that lie under another key, and where to go on; nil at the end.
  private static func rowsToSeal(
    _ transaction: WriteTransaction, _ cipher: RowCipher
  ) throws -> (rows: [(table: Table, key: [UInt8])], next: [UInt8]?) {
    // Looks at rows as they are stored.
    transaction.sealer = nil
    defer { transaction.sealer = cipher }
    var rows: [(table: Table, key: [UInt8])] = []
    var next: [UInt8]?
    var bytes = 0
    var scanned = 0
    let position = cipher.state.position
    let first = position.first.flatMap(Table.init(rawValue:)).flatMap(tables.firstIndex) ?? 0
    for (index, table) in tables.enumerated().dropFirst(first) {
      let from = index == first && !position.isEmpty ? [UInt8](position.dropFirst()) : nil
      try transaction.scan(table, from: from) { key, stored in
        if rows.count >= rowsPerStep || bytes >= bytesPerStep || scanned >= scannedPerStep {
          next = [table.rawValue] + key
          return false
        }
        scanned += 1
        if let id = RowCipher.keyID(table, key, stored), id != cipher.state.current {
          rows.append((table, [UInt8](key)))
          bytes += stored.count
        }
        return true
      }
      if next != nil { break }
    }
    return (rows, next)
  }

  private static func finish(
    _ state: inout SealingState, _ cipher: RowCipher, _ context: AppendContext
  ) throws {
    // Free pages hold rows under the old key, or under none.
    try context.putMeta(MetaKey.rewriteWanted, [1])
    guard state.current != 0 else {
      try context.moveSecret(sealed: false)
      try context.putMeta(MetaKey.encryption, nil)
      context.transaction.sealer = nil
      return
    }
    state.keyIDs = [state.current]
    state.position = []
    try store(state, cipher.ciphers.filter { $0.key == state.current }, context)
  }
}
