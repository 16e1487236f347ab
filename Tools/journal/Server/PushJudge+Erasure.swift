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
    let erasure = try context.erase(.born(born))
    var draft = try draft(change, born, erasure)
    if erasure == nil { draft.flags.insert(.absorbed) }
    guard case .new(let sequence) = try context.append(draft) else {
      throw JournalError.storage("an entry judged as new was not appended")
    }
    if let erasure { try context.nameErasure(erasure, by: sequence) }
    try context.put(.origins, origin(change).key, Origin.row(sequence))
    return verdict(context.head.lastTime, sequence, isAbsorbed: erasure == nil)
  }

  /// Erases edits without effect whose base was erased: their author could not know yet.
  ///
  /// Their ids stay remembered, so sending them again changes nothing. Where the erased entries were
  /// trimmed, nothing tells such an edit from another one.
  func eraseLatecomers(_ absorbed: [SegmentChange]) throws {
    for change in absorbed where try isBasedOnErased(change) {
      guard let names = try change.body.withUnsafeBytes({ try Body($0).record() }),
        // A record that has come to be anew is not theirs.
        let row = try context.state.record(names.rowKey).map({ try RecordRow($0) }),
        row.base == nil,
        let erasure = try context.erase(.record(names))
      else { continue }
      let appended = try context.append(erasure.draft(reason: "its record was erased before"))
      try context.nameErasure(erasure, by: appended.sequence ?? 0)
    }
  }

  private func isBasedOnErased(_ change: SegmentChange) throws -> Bool {
    let sequence: SequenceNumber? =
      switch change.base {
      case .none: nil
      case .version(let version): version.tieBreak
      case .entry(let id): try context.remembered(id)?.sequence
      }
    guard let entry = try sequence.flatMap({ try context.state.entry($0) }) else { return false }
    if case .version(let version) = change.base,
      entry.header.time.milliseconds != version.timestamp
    {
      return false
    }
    return entry.encoding == StoredEntry.erasedEncoding
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
