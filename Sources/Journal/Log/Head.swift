/// What every write transaction leaves behind about itself: the row `head` of `meta`.
package struct Head: Sendable, Equatable {
  package var transactionID: UInt64 = 0
  package var fileBytes: UInt64 = 0
  package var lastSequence: SequenceNumber = 0
  package var lastTime = Timestamp(milliseconds: 0)
  /// The compact range over all leaves.
  package var frontier = Frontier()

  package init() {}

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(transactionID)
    bytes.appendBigEndian(fileBytes)
    bytes.appendBigEndian(lastSequence)
    bytes.appendBigEndian(lastTime.milliseconds)
    bytes.appendBigEndian(frontier.size)
    for hash in frontier.hashes { hash.append(to: &bytes) }
    return bytes
  }

  /// - Throws: ``JournalError/damaged(_:)``.
  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    transactionID = try reader.integer(UInt64.self)
    fileBytes = try reader.integer(UInt64.self)
    lastSequence = try reader.integer(UInt64.self)
    lastTime = Timestamp(milliseconds: try reader.integer(UInt64.self))
    let size = try reader.integer(UInt64.self)
    var hashes: [TreeHash] = []
    while reader.remaining > 0, let hash = TreeHash(bytes: try reader.take(32)) {
      hashes.append(hash)
    }
    guard let frontier = Frontier(size: size, hashes: hashes), size == lastSequence else {
      throw .damaged("the head row's tree does not fit its sequence; run `journal verify`")
    }
    self.frontier = frontier
  }
}

/// From where every entry is held, and how far trimming below it has come: the row `horizon`.
package struct Horizon: Sendable, Equatable {
  /// The lowest sequence from which every entry is held.
  package var sequence: SequenceNumber = 1
  /// The next sequence below the horizon that trimming has to look at.
  package var nextToTrim: SequenceNumber = 1
  package var baselineDigest = TreeHash.empty
  /// The `trimmed` entry that set this horizon; 0 is none.
  package var entry: SequenceNumber = 0
  /// Which of the two halves of the table `baseline` is in force: 0 or 1.
  package var generation: UInt8 = 0
  /// The entry of an erasure that names the digest in place of ``entry``; 0 is none, `.max` one
  /// that this file does not hold.
  package var digestEntry: SequenceNumber = 0

  package init() {}

  package var isTrimComplete: Bool { nextToTrim >= sequence }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendBigEndian(sequence)
    bytes.appendBigEndian(nextToTrim)
    baselineDigest.append(to: &bytes)
    bytes.appendBigEndian(entry)
    // Left out where both are zero: one state has one row.
    if generation != 0 || digestEntry != 0 {
      bytes.append(generation)
      bytes.appendBigEndian(digestEntry)
    }
    return bytes
  }

  package init(_ payload: UnsafeRawBufferPointer) throws(JournalError) {
    var reader = RowReader(payload)
    sequence = try reader.integer(UInt64.self)
    nextToTrim = try reader.integer(UInt64.self)
    guard let digest = TreeHash(bytes: try reader.take(32)) else {
      throw .damaged("the horizon row is malformed; run `journal verify`")
    }
    baselineDigest = digest
    entry = try reader.integer(UInt64.self)
    let hasMore = reader.remaining > 0
    if hasMore {
      generation = try reader.integer(UInt8.self)
      digestEntry = try reader.integer(UInt64.self)
    }
    guard generation < 2, reader.remaining == 0,
      hasMore == (generation != 0 || digestEntry != 0)
    else {
      throw .damaged("the horizon row is malformed; run `journal verify`")
    }
  }
}

/// The keys of the table `meta`.
package enum MetaKey {
  package static let head = "head"
  package static let journal = "journal"
  package static let horizon = "horizon"
  package static let forgotten = "forgotten"
  /// Which keys an encrypted journal uses; see ``SealingState``.
  package static let encryption = "encryption"
  /// The secret of an encrypted journal, itself encrypted; otherwise it stands in `journal`.
  package static let secret = "secret"
  package static let fold = "fold"
  /// Rows below this prefix are folded from entries and belong to the baseline.
  package static let folded = "fold/"

  /// Names who is writing the next baseline; only while one is being written.
  package static let nextBaseline = "baseline-next"
  /// Stands while free pages may hold what was erased, or what lay under another key: until the file
  /// is made anew.
  package static let rewriteWanted = "rewrite-wanted"
  /// What files of saved states have to name to be believed; see ``SavedStates``.
  package static let savedStates = "saved-states"
  /// The signed checkpoint of a pack; a journal signs when asked.
  package static let checkpoint = "checkpoint"
  /// Stands in packs made without bodies.
  package static let redacted = "redacted"
  /// The archives made by trims, by the horizon each reaches to.
  package static let archives = "fold/archive/"

  /// What the last run of migrations brought the journal to.
  package static let reached = "fold/migrated"
  /// The migrations that were ever applied, by id.
  package static let migrations = "fold/migration/"

  package static func migration(_ id: String) -> String { migrations + id }
  package static func archive(_ horizon: SequenceNumber) -> String {
    archives + Hex.encode([UInt8](sequence: horizon))
  }
  /// The declared indexes, by the sequence of the entry that declared each.
  package static let indexes = "fold/index/"

  package static func index(_ number: SequenceNumber) -> String {
    indexes + Hex.encode([UInt8](sequence: number))
  }
  /// What a remote's failures at whole requests have come to; of this file alone.
  package static func trouble(_ remote: String) -> String { "trouble/" + remote }
  /// How far each index's rows are made; of this file alone.
  package static let indexBuilds = "index/"

  package static func indexBuild(_ number: SequenceNumber) -> String {
    indexBuilds + Hex.encode([UInt8](sequence: number))
  }

  /// What was declared of collections, by the hexadecimal digits of their names' bytes: texts of
  /// other bytes may be equal.
  package static let collections = "fold/collection/"

  package static func collection(_ name: String) -> String { collections + Hex.encode(name.utf8) }
  package static func remote(_ name: String) -> String { "fold/remote/\(name)" }
  package static func cursor(_ remote: String) -> String { "fold/cursor/\(remote)" }
  /// The checkpoint a remote has cosigned, behind a line with the key that checks it.
  package static func cosigned(_ remote: String) -> String { "cosigned/\(remote)" }
  /// Where a reader stands that was told nothing since its last `cursor` entry; of this file alone.
  package static let places = "place/"

  package static func place(_ remote: String) -> String { places + remote }
  package static func witness(_ remote: String) -> String { "witness/\(remote)" }
}
