import Journal
import Projection
import Transport

/// Erasures as devices push them: they name the version at which the record came to be.
extension PushJudge {
  func malformedErasure(_ change: SegmentChange) -> (code: String, message: String)? {
    change.body.withUnsafeBytes { bytes in
      do {
        let body = try Body(bytes)
        guard try body.version(.born) != nil else {
          return ("malformed", "an erasure does not say when the record came to be")
        }
        for key in BodyKey.allCases where body.raw(key) != nil && key != .born {
          return ("malformed", "an erasure has no member \(key)")
        }
        return body.isUnderstood ? nil : ("malformed", "an erasure has an unknown member")
      } catch {
        return ("malformed", "\(error)")
      }
    }
  }

  func rememberedErasure(_ change: SegmentChange, _ entry: StoredEntry) throws -> Verdict {
    if entry.header.kind == .erased {
      let known = try entry.plainBody.withUnsafeBytes { try Body($0).version(.born) }
      let asked = try change.body.withUnsafeBytes { try Body($0).version(.born) }
      guard change.kind == .erased, known == asked else {
        return .refused(code: "id-reused", message: "the entry id is known with other content")
      }
    }
    return verdict(
      entry.header.time, entry.header.sequence,
      isAbsorbed: entry.header.flags.contains(.absorbed))
  }

  /// Erases what this server holds of the record; one it does not know is absorbed.
  func judgeErasure(_ change: SegmentChange) throws -> Verdict {
    guard let born = try change.body.withUnsafeBytes({ try Body($0).version(.born) }) else {
      throw JournalError.damaged("an erasure that passed as well-formed names no version")
    }
    let erasure = try context.erase(.born(born, edits: []))
    var draft = try draft(change, born, erasure)
    if erasure == nil { draft.flags.insert(.absorbed) }
    guard case .new(let sequence) = try context.append(draft) else {
      throw JournalError.storage("an entry judged as new was not appended")
    }
    if let erasure { try context.nameErasure(erasure, by: sequence) }
    try context.put(.origins, origin(change).key, Origin.row(sequence))
    return verdict(context.head.lastTime, sequence, isAbsorbed: erasure == nil)
  }

  /// Whether what an edit was made on has been erased, which its author could not know yet.
  ///
  /// Such an edit has no effect, and nothing of its content is stored: as on a device, where an
  /// erasure takes pending edits along. Its id stays remembered, so sending it again changes nothing.
  /// A `create` says what a record is without another; it is never one.
  ///
  /// Where the base was trimmed nobody can tell its erasure from a version of another server, and the
  /// edit is taken as it is: a text left behind can be erased, a lost one is lost.
  ///
  /// - Parameter late: The edits of the same group that are.
  func isLatecomer(_ change: SegmentChange, after late: Set<EntryID>) throws -> Bool {
    guard change.kind != .create else { return false }
    switch change.base {
    case .none: return false
    case .entry(let id):
      if late.contains(id) { return true }
      guard let remembered = try context.remembered(id) else { return false }
      return try context.state.entry(remembered.sequence)?.encoding == StoredEntry.erasedEncoding
    case .version(let version):
      // The usual case, for the price of a row that is read anyway.
      let (_, row) = try record(change)
      if let born = row?.base?.born, born.tieBreak <= version.tieBreak { return false }
      guard let entry = try context.state.entry(version.tieBreak) else { return false }
      return entry.header.time.milliseconds == version.timestamp
        && entry.encoding == StoredEntry.erasedEncoding
    }
  }

  /// Appends the erasure that names edits of which only the header was kept.
  func nameLatecomers(_ sequences: [SequenceNumber]) throws {
    guard !sequences.isEmpty else { return }
    try context.append(
      Erasure(sequences: sequences).draft(reason: "its record was erased before"))
  }

  private func draft(
    _ change: SegmentChange, _ born: ServerVersion, _ erasure: Erasure?
  ) throws -> Draft {
    var body = BodyBuilder()
    body.add(.origin) { origin(change).write(into: &$0) }
    body.add(.born, version: born)
    if let erasure {
      body.add(.entries) { $0.ranges(erasure.sequences) }
      if let digest = erasure.baselineDigest { body.add(.baseline, data: digest.bytes) }
    }
    return try Draft(.erased, id: change.id, body: body.finish())
  }
}
