/// The state a fold reads and writes: in the journal's tables or in memory.
///
/// Both behave alike to the byte, so a replay in memory can be compared with the stored rows.
package protocol FoldState: AnyObject {
  var counts: FoldCounts { get set }
  /// Whether edits of this journal are never sent.
  var isLocal: Bool { get }

  /// Lends a record's row to `body`, or nil; the pointer ends with the next row stored.
  func withRecord(
    _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws
  /// The payload must not lie in a row this state lent.
  func putRecord(_ key: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) throws

  /// A declaration was folded that what follows the stored records may rest on.
  func declarationsChanged()

  /// Refuses a state of a record that a rule on stored records forbids to edits made here.
  func checkEdit(_ key: UnsafeRawBufferPointer, leaving payload: UnsafeRawBufferPointer) throws

  func edit(_ sequence: SequenceNumber) throws -> EditState?
  func putEdit(_ sequence: SequenceNumber, _ state: EditState) throws
  func removeEdit(_ sequence: SequenceNumber) throws
  /// The open edits in ascending order of their sequence.
  func openEdits() throws -> [(sequence: SequenceNumber, state: EditState)]

  /// Counts an edit that was just folded.
  func count(edit isLocal: Bool)

  func meta(_ key: String) throws -> [UInt8]?
  func putMeta(_ key: String, _ payload: [UInt8]?) throws
  /// The rows whose keys begin so, in order.
  func metaRows(prefix: String) throws -> [(key: String, payload: [UInt8])]

  /// An entry before the one being folded.
  func entry(_ sequence: SequenceNumber) throws -> StoredEntry?
}

extension FoldState {
  package func declarationsChanged() {}

  /// Nothing is forbidden where there are no stored records.
  package func checkEdit(
    _ key: UnsafeRawBufferPointer, leaving payload: UnsafeRawBufferPointer
  ) throws {}

  /// A copy of a record's row; nil when there is none.
  package func record(_ key: [UInt8]) throws -> [UInt8]? {
    var copy: [UInt8]?
    try key.withUnsafeBytes { key in try withRecord(key) { copy = $0.map { [UInt8]($0) } } }
    return copy
  }

  /// Whether a `sent` entry is of what went to this remote. Reads the entry.
  package func wasSent(by sent: SequenceNumber, to remote: String) throws -> Bool {
    guard let entry = try entry(sent) else {
      throw JournalError.damaged("the `sent` entry \(sent) is missing; run `journal verify`")
    }
    return try entry.plainBody.withUnsafeBytes { bytes in
      try Body(bytes).text(.remote)?.utf8.elementsEqual(remote.utf8) ?? false
    }
  }

  package func putRecord(_ key: [UInt8], _ payload: [UInt8]) throws {
    try key.withUnsafeBytes { key in
      try payload.withUnsafeBytes { try putRecord(key, $0) }
    }
  }
}

/// What folding one entry led to.
package struct FoldOutcome: Sendable {
  /// The record's entry before this one; 0 is none.
  package var previous: SequenceNumber = 0
  /// Bytes of the record's visible fields afterwards.
  package var visibleBytes = 0
  /// Entries that belong directly behind this one.
  package var derived: [Draft] = []
  /// The entry says nothing new and must not be appended; nothing was changed.
  package var isRedundant = false

  package init() {}
}

/// Folds entries inside the write transaction that appends them.
///
/// A folder is pure: it reads the entry and the state, never a clock, a random number, the
/// network or code that may change. A replay derives nothing, because what was derived then is in
/// the journal.
package protocol InlineFolder: Sendable {
  /// - Throws: as it does for damage, ``JournalError/unsupported(_:)``.
  func replay(
    _ header: EntryHeader, body: UnsafeRawBufferPointer, in state: any FoldState
  ) throws -> FoldOutcome

  /// Folds an entry that is about to be appended.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` when the draft's precondition does not hold.
  func fold(
    _ header: EntryHeader, _ draft: Draft, in state: any FoldState
  ) throws -> FoldOutcome

  /// What has to follow every change of a stored record; nil where nothing does.
  func follower(in state: StorageFoldState) throws -> (any RowFollower)?

  /// Makes what follows the stored records anew, after these were.
  func rebuildFollowers(in state: StorageFoldState) throws

  /// What is wrong with what follows the stored records, at most `limit` problems.
  func followerProblems(in reader: JournalReader, limit: Int) throws -> [String]

  /// The record an erasure means, as the stored rows know it; nil when there is none.
  func erasable(_ target: ErasureTarget, in storage: any StorageReader) throws -> ErasableRecord?

  /// The row key a record stood under before an entry, whichever of its keys is given: the key itself,
  /// unless a server had given it another one.
  func currentKey(
    _ rowKey: [UInt8], before limit: SequenceNumber, in storage: any StorageReader
  ) throws -> [UInt8]

  /// Whether the record that stands under `rowKey` gets the key `assigned` from a server that took
  /// `edit` at a version: not where that server has brought the record back since, under the key it had.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` where it cannot get it.
  func canAssign(
    _ assigned: [UInt8], to rowKey: [UInt8], by edit: SequenceNumber, at version: ServerVersion,
    of remote: String, in state: any FoldState
  ) throws -> Bool

  /// Whether a record exists once its base and its open edits before an entry are folded, without some.
  func exists(
    _ rowKey: [UInt8], before limit: SequenceNumber, without left: Set<SequenceNumber>,
    in state: any FoldState
  ) throws -> Bool

  /// Decides about pending edits that a server says are in conflict with a state that is known here already;
  /// returns what is to be appended next, in order.
  ///
  /// - Parameters:
  ///   - edits: Those that are not pending, or wait for somebody's decision, are passed over.
  ///   - areContested: Whether the collection's policy is asked; else they are kept, on the state that is known.
  ///   - cause: The entry that says what the server said.
  ///   - sequence: The sequence the first of the entries will have.
  func decide(
    _ edits: [SequenceNumber], areContested: Bool, because cause: EntryHeader,
    at sequence: SequenceNumber, in state: any FoldState
  ) throws -> [Draft]

  /// Lends what is known of servers' records, in order of their keys from the first ≥ `rowKey`, until
  /// `body` returns false.
  func scanBases(
    _ storage: any StorageReader, from rowKey: [UInt8]?,
    _ body: (_ rowKey: UnsafeRawBufferPointer, _ base: RecordBase) throws -> Bool
  ) throws

  /// What tells which records of a remote are taken.
  ///
  /// - Throws: ``JournalError/unsupported(_:)`` for a filter only a later release reads.
  func recordTest(_ filters: [RemoteFilter]) throws -> any RecordTest

  /// Lends what is known of one record in its server's order; not where no server has shown it. One look at a row.
  func lendBase(
    of rowKey: [UInt8], in storage: any StorageReader, _ body: (RecordBase) throws -> Void
  ) throws
}

/// What a stored row says of a record in its server's order.
package struct RecordBase {
  /// The generation of base that showed the record last.
  package var generation: UInt32
  package var version: ServerVersion
  package var born: ServerVersion
  /// Lent; nil where the record was deleted or withdrawn.
  package var fields: UnsafeRawBufferPointer?

  /// Whether the record is there at that version and outside of what is taken from the server.
  package var isWithdrawn: Bool

  package var isLive: Bool { fields != nil }
  /// Whether the record is there at a version that is known.
  package var isKnownThere: Bool {
    isLive || isWithdrawn && version != ServerVersion(timestamp: 0, tieBreak: 0)
  }

  package init(
    generation: UInt32, version: ServerVersion, born: ServerVersion,
    fields: UnsafeRawBufferPointer?, isWithdrawn: Bool = false
  ) {
    self.generation = generation
    self.version = version
    self.born = born
    self.fields = fields
    self.isWithdrawn = isWithdrawn
  }
}

/// Keeps rows that are derived from records, such as those of indexes, in the transaction that
/// changes the records.
package protocol RowFollower: AnyObject {
  /// The row of a record changes; nil is none. Both are lent, and `before` ends with the first write.
  func change(
    _ key: UnsafeRawBufferPointer, from before: UnsafeRawBufferPointer?,
    to after: UnsafeRawBufferPointer?, in transaction: WriteTransaction
  ) throws

  /// Whether changes of this record have to be told.
  func follows(_ key: UnsafeRawBufferPointer) -> Bool

  /// - Throws: ``JournalError`` where an edit made here must not leave this row.
  func checkEdit(
    _ key: UnsafeRawBufferPointer, leaving payload: UnsafeRawBufferPointer,
    in transaction: WriteTransaction
  ) throws
}
