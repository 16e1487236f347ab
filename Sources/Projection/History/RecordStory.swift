public import Journal

/// What happened to one record, entry by entry, with its row before and after each.
///
/// Folds the entries about the record and those of delivery, which may change any record, and passes
/// over the edits, remote changes and decisions about others: it costs a look at the header of each
/// entry, and memory for one record.
struct RecordStory {
  /// An entry that is about the record or has changed what it shows.
  struct Step {
    let entry: StoredEntry
    let before: RecordRow?
    let after: RecordRow?
  }

  let reader: JournalReader
  let rowKey: [UInt8]
  let through: SequenceNumber
  private let state: MemoryFoldState
  private let chain: Set<SequenceNumber>?

  /// - Throws: `JournalError.belowHorizon`, `JournalError.invalidInput` beyond the last sequence.
  init(_ reader: JournalReader, _ address: RecordAddress, through: SequenceNumber) throws {
    try Replay.check(reader, through: through)
    (self.reader, self.through, rowKey) = (reader, through, address.rowKey)
    state = try MemoryFoldState(reader, only: rowKey)
    chain = try Self.chain(reader, rowKey)
  }

  /// The record's row at the horizon; nil when nothing below it concerned the record.
  func start() throws -> RecordRow? {
    try Baseline.record(rowKey, reader).map { try RecordRow($0) }
  }

  /// The fold as it stands after the step that was lent last.
  var fold: MemoryFoldState { state }

  /// Lends the steps, oldest first. Call it once.
  func follow(_ body: (Step) throws -> Void) throws {
    let folder = RecordFolder()
    guard through >= reader.horizon.sequence else { return }
    try reader.scanHeld(from: reader.horizon.sequence) { entry in
      let sequence = entry.header.sequence
      guard sequence <= through else { return false }
      guard entry.encoding != StoredEntry.erasedEncoding else { return true }
      let isAboutRecords = Self.isAboutOneRecord(entry.header.kind)
      let isOurs = try isAboutRecords && isOurs(entry)
      guard isOurs || !isAboutRecords else { return true }
      let before = state.records[rowKey]
      _ = try folder.replay(entry.header, body: entry.plainBody, in: state)
      let after = state.records[rowKey]
      guard isOurs || before != after, let stored = try reader.entry(sequence) else { return true }
      try body(
        Step(
          entry: stored, before: try before.map { try RecordRow($0) },
          after: try after.map { try RecordRow($0) }))
      return true
    }
  }

  private static func isAboutOneRecord(_ kind: EntryKind) -> Bool {
    kind.isEdit || kind == .remoteChange || kind == .conflict
  }

  private func isOurs(_ entry: HeldEntry) throws -> Bool {
    if let chain { return chain.contains(entry.header.sequence) }
    var isOurs = false
    let bytes = try entry.plainBody
    _ = try Body(bytes).withRowKey { isOurs = $0.elementsEqual(rowKey) }
    return isOurs
  }

  /// The entries about the record above the horizon, by the links between them; nil in a pack, which
  /// does not hold where they begin.
  private static func chain(
    _ reader: JournalReader, _ rowKey: [UInt8]
  ) throws -> Set<SequenceNumber>? {
    guard reader.storage.holdsFold else { return nil }
    var chain: Set<SequenceNumber> = []
    var sequence = try StoredRecords(reader: reader).last(rowKey)
    while sequence >= reader.horizon.sequence, let entry = try reader.entry(sequence) {
      guard entry.previous < sequence else {
        throw JournalError.damaged("entry \(sequence) links forward; run `journal verify`")
      }
      chain.insert(sequence)
      sequence = entry.previous
    }
    return chain
  }
}

/// What lies below a journal's horizon and cannot be told from what it holds.
public struct BelowHorizon: Sendable, Hashable {
  /// Entries up to this sequence were trimmed.
  public var through: SequenceNumber
  /// The archive that holds them, as it was named when it was made; nil when none was.
  public var archive: String?

  init(_ reader: JournalReader) throws {
    let last = reader.horizon.sequence - 1
    through = last
    archive = try reader.archives().first { $0.through >= last }?.path
  }
}

extension BelowHorizon: CustomStringConvertible {
  /// Where to look, for people.
  public var description: String {
    "it lies below the horizon: entries up to \(through) were trimmed; "
      + (archive.map { "look into the archive \($0)" } ?? "no archive was made of them")
  }
}
