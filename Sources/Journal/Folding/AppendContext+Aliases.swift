import Crypto

/// Keys that servers give to records which were created here under keys of their own.
extension AppendContext {
  /// Appends that a server has taken an edit's record in under a key of its own; both keys mean the
  /// record from then on.
  ///
  /// - Parameters:
  ///   - key: The server's key.
  ///   - edit: The edit that was accepted.
  ///   - version: The version it was accepted at.
  ///   - answer: The `accepted` entry that says so, directly before this one.
  ///   - ordinal: Which of the answer's assignments it is, from 0.
  /// - Returns: Whether it was appended: where the record has the key already, or its own one is in use
  ///   again at the server, nothing is.
  /// - Throws: ``JournalError/invalidInput(_:)`` for a key that cannot be this record's; nothing was
  ///   changed then.
  package func assign(
    _ key: String, toRecordOf edit: SequenceNumber, by remote: String,
    at version: ServerVersion, because answer: SequenceNumber, ordinal: Int
  ) throws -> Bool {
    guard let entry = try state.entry(edit), let cause = try state.entry(answer)?.header.id else {
      throw JournalError.damaged(
        "edit \(edit), which was answered, is missing; run `journal verify`")
    }
    guard entry.header.kind.isEdit,
      let record = try entry.plainBody.withUnsafeBytes({ try Body($0).record() })
    else {
      throw JournalError.invalidInput("a key is given to what is no record (entry \(edit))")
    }
    let assigned = try RecordAddress(collection: record.names.collection, key: key).rowKey
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    guard try folder.currentKey(assigned, before: .max, in: transaction) != rowKey else {
      return false
    }
    guard entry.header.kind == .create || entry.header.kind == .put else {
      throw JournalError.invalidInput(
        "a key is given to the \(entry.header.kind) of a record that has one (entry \(edit))")
    }
    let canAssign = try folder.canAssign(
      assigned, to: rowKey, by: edit, at: version, of: remote, in: state)
    guard canAssign else { return false }
    let names = try RecordAddress(rowKey: rowKey).names
    var body = BodyBuilder()
    body.add(.collection, text: names.collection)
    body.add(.key, text: names.key)
    body.add(.remote, text: remote)
    body.add(.entries) { $0.ranges([edit]) }
    body.add(.cause, unsigned: answer)
    body.add(.newKey, text: key)
    try append(
      Draft(.idAssigned, id: Self.derivedID(cause, ordinal), body: body.finish()))
    return true
  }

  private static func derivedID(_ cause: EntryID, _ ordinal: Int) -> EntryID {
    var hash = SHA256()
    hash.update(data: cause.bytes)
    hash.update(data: [UInt8]("id assigned".utf8))
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: ordinal).bigEndian) {
      hash.update(bufferPointer: $0)
    }
    return .computed([UInt8](hash.finalize()))
  }

  /// The version of a state a server has just shown: above that of the record's base, for what answers
  /// now is newer than what the feed has shown, whatever its stamp says.
  ///
  /// Some servers stamp nothing anew where nothing changed, or answer a deletion with the record as it
  /// was. Versions of another generation do not compare.
  package func versionOfAnswer(
    _ version: ServerVersion, about record: RecordAddress, from remote: String
  ) throws -> ServerVersion {
    let generation = try reader().cursor(of: remote)?.generation ?? 0
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    var raised = version
    try folder.lendBase(of: rowKey, in: transaction) { base in
      guard base.generation == generation, version <= base.version else { return }
      raised = base.version
      let (next, isFull) = raised.tieBreak.addingReportingOverflow(1)
      raised.tieBreak = next
      if isFull { raised.timestamp &+= 1 }
    }
    return raised
  }

  /// The version of the record's base, as the server last showed it; nil where it has none or is deleted or withdrawn.
  package func versionOfLiveBase(of record: RecordAddress) throws -> ServerVersion? {
    let rowKey = try folder.currentKey(record.rowKey, before: .max, in: transaction)
    var version: ServerVersion?
    try folder.lendBase(of: rowKey, in: transaction) { base in
      if base.isLive { version = base.version }
    }
    return version
  }

  /// The key under which a server is to be told of a record; nil where it is the one it has.
  ///
  /// - Parameter limit: Keys given by this entry or later ones do not count.
  package func assignedKey(
    of record: RecordAddress, before limit: SequenceNumber
  ) throws -> String? {
    let rowKey = try folder.currentKey(record.rowKey, before: limit, in: transaction)
    return rowKey == record.rowKey ? nil : try RecordAddress(rowKey: rowKey).names.key
  }

  /// What is in flight has to be made again as it was sent, also where it is taken back, and a reference
  /// that was sent under the server's key could not be.
  ///
  /// - Parameter own: The record's entries, which go with it.
  /// - Throws: ``JournalError/busy(_:)``.
  func checkNothingRefers(
    toFormerKeysOf record: ErasableRecord, besides own: [StoredEntry]
  ) throws {
    let former = Set(record.former.map(\.rowKey))
    guard !former.isEmpty else { return }
    let own = Set(own.map(\.header.sequence))
    for edit in try state.openEdits() where !own.contains(edit.sequence) {
      guard case .inFlight = edit.state.delivery, let entry = try state.entry(edit.sequence),
        try entry.plainBody.withUnsafeBytes({ try References.areAny(to: former, in: $0) })
      else { continue }
      throw JournalError.busy(
        "entry \(edit.sequence), which refers to the record, is on its way to a server that has not "
          + "answered yet; run `journal sync`, then erase")
    }
  }
}
