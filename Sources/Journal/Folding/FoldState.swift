/// The state a fold reads and writes: in the journal's tables or in memory.
///
/// Both behave alike to the byte, so a replay in memory can be compared with the stored rows.
package protocol FoldState: AnyObject {
  var counts: FoldCounts { get set }
  /// Whether edits of this journal are never sent.
  var isLocal: Bool { get }

  func record(_ key: [UInt8]) throws -> [UInt8]?
  func putRecord(_ key: [UInt8], _ payload: [UInt8]) throws

  func edit(_ sequence: SequenceNumber) throws -> EditState?
  func putEdit(_ sequence: SequenceNumber, _ state: EditState) throws
  func removeEdit(_ sequence: SequenceNumber) throws
  /// The open edits in ascending order of their sequence.
  func openEdits() throws -> [(sequence: SequenceNumber, state: EditState)]

  func meta(_ key: String) throws -> [UInt8]?
  func putMeta(_ key: String, _ payload: [UInt8]?) throws

  /// An entry before the one being folded.
  func entry(_ sequence: SequenceNumber) throws -> StoredEntry?
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
/// network or code that may change. When `isReplay` is set it derives nothing, because what was
/// derived then is in the journal.
package protocol InlineFolder: Sendable {
  /// - Throws: ``JournalError/invalidInput(_:)`` when the draft's precondition does not hold.
  func fold(
    _ header: EntryHeader, body: [UInt8], record: RecordAddress?,
    precondition: Draft.Precondition, isReplay: Bool, in state: any FoldState
  ) throws -> FoldOutcome

  /// The record an erasure means, as the stored rows know it; nil when there is none.
  func erasable(_ target: ErasureTarget, in storage: any StorageReader) throws -> ErasableRecord?
}
