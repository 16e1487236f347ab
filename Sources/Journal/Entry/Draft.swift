/// An entry before it has a sequence: its body is encoded and committed to.
///
/// Drafts are made outside the write transaction, on any thread; only sequence, time and hashes
/// are left for the writer.
package struct Draft: Sendable {
  /// What must hold of the record for the edit to be taken.
  package struct Precondition: Sendable {
    /// Whether the record must exist; nil means either.
    package var exists: Bool?
    /// The last entry about the record, as the writer knows it; 0 is none, nil means any.
    package var last: SequenceNumber?

    package static let none = Precondition()
    package static let absent = Precondition(exists: false)
    package static let present = Precondition(exists: true)
  }

  package var kind: EntryKind
  package var flags: EntryHeader.Flags = []
  package var schema: UInt32 = 0
  /// The writer's own id; without one the journal makes a UUIDv7.
  package var id: EntryID?
  /// The record the entry is about, if it is about one.
  package var record: RecordAddress?
  package var precondition = Precondition.none
  /// Whether it carries out a decision that was taken already: rules on edits somebody makes do not hold.
  package var isDecided = false
  package private(set) var body: [UInt8]
  /// Where an edit's own maker put its `fields` or `set` in the body, empty for neither; nil where
  /// the body has to be parsed to know.
  package internal(set) var content: Range<Int>?
  package private(set) var salt: Salt
  package private(set) var commitment: TreeHash

  /// - Throws: ``JournalError/invalidInput(_:)`` when the entry would be over 1 MiB.
  package init(
    _ kind: EntryKind, id: EntryID? = nil, record: RecordAddress? = nil, body: [UInt8],
    salt: Salt = RandomPool.shared.salt()
  ) throws(JournalError) {
    guard body.count + StoredEntry.overhead <= Limits.entryBytes else {
      throw .invalidInput("the entry has \(body.count) bytes, over the limit of 1 MiB")
    }
    self.kind = kind
    self.id = id
    self.record = record
    self.body = body
    self.salt = salt
    commitment = body.withUnsafeBytes { salt.commitment(to: $0) }
  }
}

/// The sizes nothing in a journal exceeds; part of the format.
package enum Limits {
  package static let entryBytes = 1 << 20
  package static let batchBytes = 16 << 20
  package static let groupEntries = 1_000
  package static let groupBytes = 1 << 20
  /// What the states a group leaves behind have together.
  package static let groupStateBytes = 4 << 20
  package static let recordBytes = 1 << 20 - 16 << 10
  package static let depth = 32
  /// Two bits short of the 48 it is stored in; the table `ids` keeps its flags there.
  package static let sequence: UInt64 = 1 << 46 - 1
}
