/// One caller's hold on the shared write transaction: appends entries, folds them, and reads
/// what is already there.
///
/// Lent to a synchronous closure on the writer thread; never kept.
package final class AppendContext {
  package let transaction: WriteTransaction
  package private(set) var identity: JournalIdentity
  // SAFETY: the context belongs to the writer thread, and no two accesses of these members overlap;
  // they are checked for it at run time nowhere, since each entry touches them many times.
  @exclusivity(unchecked) package private(set) var head: Head
  package let state: StorageFoldState
  @exclusivity(unchecked) package private(set) var hasWritten = false
  /// Bytes appended so far, for the estimate of the file's growth.
  @exclusivity(unchecked) private var appendedBytes = 0
  /// What the current group has left behind so far.
  @exclusivity(unchecked) private var groupStates = GroupStates()
  /// The time of every entry of the group that is being appended: the clock is read once.
  @exclusivity(unchecked) private var groupTime: Timestamp?
  package let folder: any InlineFolder
  private let environment: WriterEnvironment
  /// The collections whose edits are never sent, once ``knowsLocalCollections``.
  @exclusivity(unchecked) private var localCollections = LocalCollections()
  @exclusivity(unchecked) private var knowsLocalCollections = false
  /// The last sequence before this transaction.
  private let firstHead: SequenceNumber
  /// Newest id time no longer remembered, once read; 0 is none.
  private var forgotten: UInt64?

  init(_ transaction: WriteTransaction, _ environment: WriterEnvironment) throws {
    self.transaction = transaction
    self.environment = environment
    folder = environment.folder
    let reader = try JournalReader(transaction)
    try environment.keys.unlock(reader)
    identity = reader.identity
    head = reader.head
    state = try StorageFoldState(
      transaction, identity: reader.identity, folder: environment.folder)
    firstHead = reader.head.lastSequence
    if environment.signal.isWatched {
      state.recorder = RowRecorder(limit: environment.watchedBytes)
    }
  }

  /// What this transaction has done so far, for those who watch; nil where it was not noted.
  func takeRecorded() -> RecordedCommit {
    let groups = state.recorder.flatMap { $0.isGivenUp ? nil : $0.take() }
    return RecordedCommit(groups: groups, before: firstHead, through: head.lastSequence)
  }

  /// What an append led to.
  package enum Appended: Sendable, Equatable {
    case new(SequenceNumber)
    /// The id is known with the same content; nothing was appended.
    case known(SequenceNumber)
    /// The entry says nothing new; nothing was appended.
    case redundant

    package var sequence: SequenceNumber? {
      switch self {
      case .new(let sequence), .known(let sequence): sequence
      case .redundant: nil
      }
    }
  }

  /// A reader over this transaction, as of now.
  package func reader() throws -> JournalReader {
    try storeHead()
    return try JournalReader(transaction)
  }

  /// Appends one entry, folds it, and appends what follows from it directly behind.
  ///
  /// - Parameter isErased: Only the header is kept, as of an entry that was erased: nothing is folded,
  ///   and no byte of the body reaches the file. The caller appends the erasure that names it.
  /// - Throws: ``JournalError`` when a precondition, limit or id rule is broken.
  @discardableResult
  package func append(
    _ draft: Draft, group: SequenceNumber = 0, moreOfGroup: Bool = false, isErased: Bool = false
  ) throws -> Appended {
    if draft.kind.hasRememberedID, let id = draft.id, let known = try known(id, draft) {
      return known
    }
    guard head.lastSequence < Limits.sequence else {
      throw JournalError.storage("the journal has used all of its 2^46 sequences")
    }
    let sequence = head.lastSequence + 1
    let time = max(groupTime ?? environment.now(), head.lastTime)
    var flags = draft.flags
    if moreOfGroup { flags.insert(.moreOfGroup) }
    if draft.kind.isEdit, try staysHere(draft) { flags.insert(.local) }
    let header = EntryHeader(
      kind: draft.kind, flags: flags, schema: draft.schema, sequence: sequence,
      id: draft.id ?? environment.makeID(time), group: group == .max ? sequence : group, time: time,
      device: identity.current.id, commitment: draft.commitment)
    hasWritten = true
    if isErased {
      try write(header, body: [], Salt(high: 0, low: 0), StoredEntry.erasedEncoding, previous: 0)
      return .new(sequence)
    }
    state.recorder?.begin(header, body: draft.body)
    let outcome = try folder.fold(header, draft, in: state)
    if outcome.isRedundant { return .redundant }
    if let record = draft.record, group != 0 {
      try groupStates.add(record, bytes: outcome.visibleBytes)
    }
    try write(
      header, body: draft.body, draft.salt, StoredEntry.plainEncoding, previous: outcome.previous)
    if draft.kind == .declared { knowsLocalCollections = false }
    for derived in outcome.derived { try append(derived) }
    return .new(sequence)
  }

  /// Whether an edit is never sent: what its header says for ever.
  private func staysHere(_ draft: Draft) throws -> Bool {
    if identity.isLocal { return true }
    try readLocalCollections()
    guard !localCollections.isEmpty else { return false }
    if let record = draft.record { return localCollections.contains(record.rowKey) }
    return try draft.body.withUnsafeBytes { try Body($0).record() }
      .map { localCollections.contains($0.rowKey) } ?? false
  }

  /// Whether edits of a collection are never sent though the journal is not local.
  package func isLocalOnly(collection: String) throws -> Bool {
    try readLocalCollections()
    return localCollections.contains(collection: collection)
  }

  /// Once in a transaction, and again behind a declaration.
  private func readLocalCollections() throws {
    if knowsLocalCollections { return }
    localCollections = try LocalCollections(transaction)
    knowsLocalCollections = true
  }

  /// Appends entries that are all or none everywhere.
  package func appendGroup(_ drafts: [Draft]) throws -> [Appended] {
    guard drafts.count <= Limits.groupEntries,
      drafts.reduce(0, { $0 + $1.body.count }) <= Limits.groupBytes
    else {
      throw JournalError.invalidInput(
        "a group of \(drafts.count) entries is over the limit of 1,000 entries and 1 MiB")
    }
    let drafts = try Self.withoutRepeats(drafts)
    guard drafts.count > 1 else { return try drafts.map { try append($0) } }
    let repeated = try drafts.compactMap { draft in
      try draft.id.flatMap { try self.known($0, draft) }
    }
    if repeated.count == drafts.count { return repeated }
    guard repeated.isEmpty else {
      throw JournalError.entryIDReused(
        "some entries of the group are known and some are not; a group is repeated whole")
    }
    var first: SequenceNumber = .max
    groupStates = GroupStates(reserving: drafts.count)
    groupTime = environment.now()
    defer { groupTime = nil }
    return try drafts.enumerated().map { index, draft in
      let appended = try append(draft, group: first, moreOfGroup: index < drafts.count - 1)
      if first == .max, let sequence = appended.sequence { first = sequence }
      return appended
    }
  }

  /// The same id with the same content twice in a group is one entry.
  private static func withoutRepeats(_ drafts: [Draft]) throws -> [Draft] {
    guard drafts.contains(where: { $0.id != nil }) else { return drafts }
    var seen: [EntryID: Draft] = [:]
    return try drafts.filter { draft in
      guard let id = draft.id else { return true }
      guard let other = seen.updateValue(draft, forKey: id) else { return true }
      guard other.kind == draft.kind, other.body == draft.body else {
        throw JournalError.entryIDReused(
          "entry id \(id) stands twice in a group, with other content")
      }
      return false
    }
  }

  private func write(
    _ header: EntryHeader, body: [UInt8], _ salt: Salt, _ encoding: UInt8, previous: SequenceNumber
  ) throws {
    let deviceIndex = identity.currentIndex
    try withUnsafeBytes(of: header.sequence.bigEndian) { key in
      try transaction.append(
        .entries, key: key, length: StoredEntry.overhead + body.count
      ) { row in
        StoredEntry.writePrefix(
          header, deviceIndex: deviceIndex, encoding: encoding, salt: salt,
          previous: previous, into: row)
        body.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(rebasing: row[StoredEntry.overhead...])
            .copyMemory(from: $0)
        }
      }
    }
    if header.kind.hasRememberedID {
      let remembered = RememberedID(header)
      try withUnsafeBytes(of: (header.id.high.bigEndian, header.id.low.bigEndian)) { key in
        try transaction.putLast(.ids, key: key, length: remembered.byteCount) {
          remembered.encode(into: $0)
        }
      }
    }
    try head.frontier.append(header.leafHash) { level, index, hash in
      if level % 8 == 0 {
        try JournalTree.withNodeKey(level: level, index: index) { key in
          try hash.withUnsafeBytes { try transaction.put(.tree, key: key, payload: $0) }
        }
      }
    }
    head.lastSequence = header.sequence
    head.lastTime = header.time
    state.counts.through = header.sequence
    appendedBytes += body.count + 512
  }

  /// What is known of an entry id, once its content has been compared.
  ///
  /// - Throws: ``JournalError/entryIDReused(_:)`` for other content, ``JournalError/tooOld(_:)`` for
  ///   an id that may have been forgotten.
  private func known(_ id: EntryID, _ draft: Draft) throws -> Appended? {
    guard let remembered = try remembered(id) else {
      try refuseIfForgotten(id)
      return nil
    }
    // Of a trimmed or erased entry the id alone counts: what it said is gone.
    if !remembered.isTrimmed, let entry = try state.entry(remembered.sequence),
      entry.encoding != StoredEntry.erasedEncoding
    {
      guard entry.header.kind == draft.kind, entry.body == draft.body else {
        throw JournalError.entryIDReused(
          "entry id \(id) is already sequence \(remembered.sequence) with other content; "
            + "a new change needs a new id")
      }
    }
    return .known(remembered.sequence)
  }

  /// - Throws: ``JournalError/tooOld(_:)`` for an unknown id that may have been forgotten.
  package func refuseIfForgotten(_ id: EntryID) throws {
    guard let time = id.unixMilliseconds, let newest = try newestForgotten(), time <= newest,
      try remembered(id) == nil
    else { return }
    throw JournalError.tooOld(
      "entry id \(id) is older than the ids this journal still remembers; it may have been "
        + "appended and trimmed long ago. Give the change a new id if it is new")
  }

  package func remembered(_ id: EntryID) throws -> RememberedID? {
    try transaction.withValue(.ids, id.bytes) { try RememberedID($0) }
  }

  private func newestForgotten() throws -> UInt64? {
    if let forgotten { return forgotten == 0 ? nil : forgotten }
    let stored = try state.meta(MetaKey.forgotten)?.withUnsafeBytes { bytes in
      var reader = RowReader(bytes)
      return try reader.integer(UInt64.self)
    }
    forgotten = stored ?? 0
    return stored
  }

  /// Makes another device this copy's own, from the next entry on.
  package func changeDevice(to device: JournalIdentity.Device) throws {
    guard identity.devices.count < Int(UInt16.max) else {
      throw JournalError.storage("this journal has been 65,535 devices; no more fit its format")
    }
    identity.devices.append(device)
    identity.currentIndex = UInt16(identity.devices.count - 1)
    try putMeta(MetaKey.journal, identity.encoded)
  }

  /// Stands before the secret: a plain row must not begin like an encrypted one by chance.
  static let secretLayout: UInt8 = 1

  /// Keys the computed ids of remote changes, wherever it stands.
  package var secret: [UInt8] {
    get throws {
      guard identity.isSealed else { return identity.secret }
      guard let row = try state.meta(MetaKey.secret), row.first == Self.secretLayout else {
        throw JournalError.damaged("the journal has no row `secret`; run `journal verify`")
      }
      return Array(row.dropFirst())
    }
  }

  /// Moves the secret into its own, encrypted row, or back into the identity.
  func moveSecret(sealed: Bool) throws {
    let secret = try secret
    identity.secret = sealed ? [] : secret
    try putMeta(MetaKey.secret, sealed ? [Self.secretLayout] + secret : nil)
    try putMeta(MetaKey.journal, identity.encoded)
  }

  package func putMeta(_ key: String, _ payload: [UInt8]?) throws {
    hasWritten = true
    try state.putMeta(key, payload)
  }

  /// Writes a row of a table that is not folded, such as a server's peers.
  package func put(_ table: Table, _ key: [UInt8], _ payload: [UInt8]) throws {
    hasWritten = true
    try transaction.put(table, key: key, payload: payload)
  }

  package func delete(_ table: Table, _ key: [UInt8]) throws {
    hasWritten = true
    if table == .records, let recorder = state.recorder {
      recorder.noteRemoval(key, before: try transaction.value(.records, key))
    }
    _ = try transaction.delete(table, key: key)
  }

  /// Runs what writes rows by the transaction itself.
  package func writing<R>(_ body: () throws -> R) rethrows -> R {
    hasWritten = true
    return try body()
  }

  /// Removes a record's row, and what follows from it.
  func removeRecord(_ rowKey: [UInt8]) throws {
    hasWritten = true
    try state.removeRecord(rowKey)
  }

  /// Throws the fold's rows away and folds them again, from the baseline on.
  package func rebuildFold(slicedBy sliceBytes: Int? = nil) throws {
    let reader = try self.reader()
    hasWritten = true
    state.recorder?.giveUp()
    try transaction.clear(.records)
    try transaction.clear(.edits)
    try clearIndexes()
    for row in try reader.metaRows(prefix: MetaKey.folded) { try state.putMeta(row.key, nil) }
    state.suspendFollower()
    let fold = RebuildState(state, sliceBytes: sliceBytes ?? RebuildState.sliceBytes)
    try Baseline.restore(from: reader, into: fold)
    try Replay.fold(
      reader, through: reader.head.lastSequence, with: folder, into: fold)
    try fold.finish()
    state.declarationsChanged()
    try folder.rebuildFollowers(in: state)
  }

  /// Takes every row of every index away; they can be made anew from the records.
  func clearIndexes() throws {
    try transaction.clear(.indexes)
    for row in try reader().metaRows(prefix: MetaKey.indexBuilds) { try putMeta(row.key, nil) }
    // What is written behind it in this transaction must not go on as before.
    state.declarationsChanged()
  }

  private func storeHead() throws {
    try state.storeCounts()
    head.transactionID = transaction.transactionID
    try transaction.put(.meta, key: [UInt8](MetaKey.head.utf8), payload: head.encoded)
  }

  /// Leaves the head row; called last before the commit.
  func finish() throws {
    head.fileBytes = try transaction.prepareCommit(estimatedDirtyBytes: appendedBytes * 8)
    try storeHead()
  }
}
