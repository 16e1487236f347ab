/// Destroying what a journal holds of one record, in the transaction that says so.
///
/// Leaves, roots and proofs stay as they are: a header holds no content. Afterwards a fold from
/// nothing gives the rows that are there: an erased body has no effect.
extension AppendContext {
  /// Destroys bodies, salts, rows and baseline of a record; nil when it is not known.
  ///
  /// The caller appends the entry that says so and hands it to ``nameErasure(_:by:)``. Costs the
  /// record's entries, the islands below the horizon, and the baseline where it is touched.
  ///
  /// - Parameter isOnlyHere: The entry is not to be delivered, as when it was the server who said so.
  /// - Throws: ``JournalError/busy(_:)`` for a record that is on its way to a server which has
  ///   not yet said under which version it knows it.
  package func erase(_ target: ErasureTarget, isOnlyHere: Bool = true) throws -> Erasure? {
    guard let record = try folder.erasable(target, in: transaction) ?? ownRecord(target) else {
      return nil
    }
    let reader = try reader()
    let entries = try entries(of: record, reader)
    try checkNothingRefers(toFormerKeysOf: record, besides: entries)
    try takeBack(entries, record)
    var erasure = Erasure(sequences: entries.map(\.header.sequence).sorted(), born: record.born)
    let staysHere = try identity.isLocal || reader.localCollections().contains(record.rowKey)
    if record.born != nil, !staysHere, !isOnlyHere {
      guard let remote = try reader.remote(owning: record.rowKey) else {
        throw JournalError.invalidInput(
          "a server has this record, and no remote owns its collection now, so that nobody would tell "
            + "it: add the remote first, or erase only here")
      }
      erasure.remote = remote.name
    }
    try forget(record, entries, reader)
    for entry in entries { try destroy(entry.header.sequence) }
    if try eraseFromBaseline(record, entries, reader) {
      erasure.baselineDigest = try Baseline.digest(of: self.reader())
    }
    // A trim that is just copying rows has to begin anew; old pages hold what was there.
    try putMeta(MetaKey.nextBaseline, nil)
    try putMeta(MetaKey.rewriteWanted, [1])
    try SavedStates.discard(self)
    return erasure
  }

  /// The record of an edit made here that is part of what is to be erased, where the server has not
  /// shown it yet.
  private func ownRecord(_ target: ErasureTarget) throws -> ErasableRecord? {
    guard case .born(let born, let edits) = target else { return nil }
    for id in edits {
      guard let remembered = try remembered(id), !remembered.isTrimmed,
        let entry = try state.entry(remembered.sequence),
        entry.encoding == StoredEntry.plainEncoding,
        let names = try entry.plainBody.withUnsafeBytes({ try Body($0).record() }),
        var record = try folder.erasable(.record(names), in: transaction), record.born == nil
      else { continue }
      record.born = born
      return record
    }
    return nil
  }

  /// Makes an entry the one that vouches for the baseline an erasure has changed.
  package func nameErasure(_ erasure: Erasure, by sequence: SequenceNumber) throws {
    guard let digest = erasure.baselineDigest else { return }
    var horizon = try reader().horizon
    horizon.baselineDigest = digest
    horizon.digestEntry = sequence
    try putMeta(MetaKey.horizon, horizon.encoded)
  }

  /// Held entries about the record: its chain, and the islands the chain does not lead to.
  private func entries(
    of record: ErasableRecord, _ reader: JournalReader
  ) throws -> [StoredEntry] {
    var found: [SequenceNumber: StoredEntry] = [:]
    for last in [record.last] + record.former.map(\.last) {
      var sequence = last
      while sequence > 0, let entry = try reader.entry(sequence) {
        guard entry.previous < sequence else {
          throw JournalError.damaged("entry \(sequence) links forward; run `journal verify`")
        }
        found[sequence] = entry
        sequence = entry.previous
      }
    }
    let rowKeys = record.rowKeys
    try reader.scanEntries(from: 1) { entry in
      guard entry.header.sequence < reader.horizon.sequence else { return false }
      guard entry.encoding != StoredEntry.erasedEncoding else { return true }
      let key = try entry.plainBody.withUnsafeBytes { try Body($0).record() }?.rowKey
      if let key, rowKeys.contains(key) { found[entry.header.sequence] = entry }
      return true
    }
    return found.values.sorted { $0.header.sequence < $1.header.sequence }
  }

  /// Lets go of segments that could not be made again without the record's edits: what else they
  /// hold is pending again, under the same ids.
  private func takeBack(_ entries: [StoredEntry], _ record: ErasableRecord) throws {
    var sent: Set<SequenceNumber> = []
    for entry in entries where entry.header.kind.isEdit {
      switch try state.edit(entry.header.sequence)?.delivery {
      case .inFlight(let segment): sent.insert(segment)
      case .accepted: guard record.born != nil else { throw underWay() }
      default: break
      }
    }
    guard sent.isEmpty || record.born != nil else { throw underWay() }
    for segment in sent.sorted() {
      let edits = try state.openEdits().filter { $0.state.delivery == .inFlight(sent: segment) }
      let remote = try state.entry(segment)?.plainBody.withUnsafeBytes {
        try Body($0).text(.remote)
      }
      var body = BodyBuilder()
      body.add(.reason, text: ReleaseReason.erasure.rawValue)
      body.add(.remote, text: remote ?? "")
      body.add(.entries) { $0.ranges(edits.map(\.sequence)) }
      body.add(.sent, unsigned: segment)
      try append(Draft(.retried, body: body.finish()))
    }
  }

  private func underWay() -> JournalError {
    .busy(
      "edits of the record are on their way to a server that has not yet said what it knows; run "
        + "`journal sync`, then erase")
  }

  /// Takes the record's rows away and out of the counts.
  private func forget(
    _ record: ErasableRecord, _ entries: [StoredEntry], _ reader: JournalReader
  ) throws {
    var superseded: Set<SequenceNumber> = []
    for entry in entries where entry.header.kind == .conflict {
      try entry.plainBody.withUnsafeBytes { bytes in
        superseded.formUnion(try Islands.superseded(by: Body(bytes)))
      }
    }
    if state.counts.superseded > 0 { superseded.formUnion(try Self.discarded(reader)) }
    let openBefore = Set(try Baseline.openEdits(reader))
    for entry in entries where entry.header.kind.isEdit {
      let sequence = entry.header.sequence
      // What was done with below the horizon is in the baseline's counts, and stays there.
      let isAbove = sequence >= reader.horizon.sequence
      guard isAbove || openBefore.contains(sequence) else { continue }
      if isAbove { state.counts.edits &-= 1 }
      if entry.header.flags.contains(.local) {
        state.counts.local &-= 1
      } else if let edit = try state.edit(sequence) {
        state.counts.count(edit.delivery, by: -1)
        try state.removeEdit(sequence)
      } else if superseded.contains(sequence) {
        state.counts.superseded &-= 1
      } else {
        state.counts.settled &-= 1
      }
    }
    for rowKey in record.rowKeys { try removeRecord(rowKey) }
  }

  /// The edits that were discarded above the horizon. One look at the header of each entry held there.
  private static func discarded(_ reader: JournalReader) throws -> Set<SequenceNumber> {
    var discarded: Set<SequenceNumber> = []
    try reader.scanHeld(from: reader.horizon.sequence) { entry in
      guard entry.header.kind == .discarded else { return true }
      for range in try Body(entry.plainBody).ranges(.entries) { discarded.formUnion(range) }
      return true
    }
    return discarded
  }

  private func destroy(_ sequence: SequenceNumber) throws {
    let key = [UInt8](sequence: sequence)
    let row = try transaction.withValue(.entries, key) { payload throws(JournalError) in
      try StoredEntry.withoutBody(payload, encoding: StoredEntry.erasedEncoding)
    }
    guard let row else { return }
    try put(.entries, key, row)
  }

  /// Whether the baseline held anything of the record.
  private func eraseFromBaseline(
    _ record: ErasableRecord, _ entries: [StoredEntry], _ reader: JournalReader
  ) throws -> Bool {
    let generation = reader.horizon.generation
    var isTouched = false
    for rowKey in record.rowKeys {
      let key = Baseline.key(.records, rowKey, generation: generation)
      guard try transaction.contains(.baseline, key) else { continue }
      try delete(.baseline, key)
      isTouched = true
    }
    let countsKey = Baseline.key(
      .meta, [UInt8](MetaKey.fold.utf8), generation: generation)
    guard
      var counts = try transaction.withValue(
        .baseline, countsKey, { payload throws(JournalError) in try FoldCounts(payload) })
    else { return isTouched }
    for entry in entries where entry.header.sequence < reader.horizon.sequence {
      let key = Baseline.key(
        .edits, [UInt8](sequence: entry.header.sequence), generation: generation)
      guard
        let edit = try transaction.withValue(
          .baseline, key, { payload throws(JournalError) in try EditState(payload) })
      else { continue }
      counts.count(edit.delivery, by: -1)
      try delete(.baseline, key)
      isTouched = true
    }
    if isTouched { try put(.baseline, countsKey, counts.encoded) }
    return isTouched
  }
}
