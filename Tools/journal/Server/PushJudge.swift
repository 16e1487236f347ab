import Journal
import Projection
import Transport

/// Judges a segment's changes in the server's write transaction and appends what it accepts.
struct PushJudge {
  /// An entry id nobody knows under a device and sequence that are known: a copied journal.
  struct Forked: Error {}

  let device: DeviceID
  let context: AppendContext

  /// One verdict per change, in order.
  ///
  /// - Throws: ``Forked``; then nothing of the segment is acknowledged.
  func judge(_ changes: [SegmentChange]) throws -> [Verdict] {
    for change in changes { try checkOrigin(change) }
    let strict = StrictRule(context: context, budget: StrictBudget(changes: changes.count))
    var verdicts: [Verdict] = []
    var unit: [SegmentChange] = []
    for change in changes {
      unit.append(change)
      if change.moreOfGroup { continue }
      verdicts += try judgeUnit(unit, strict)
      unit = []
    }
    if !unit.isEmpty {
      verdicts += unit.map { _ in
        .refused(code: "group-cut", message: "a group ends outside its segment")
      }
    }
    return verdicts
  }

  private func checkOrigin(_ change: SegmentChange) throws {
    let key = Origin(device: device, sequence: change.sequence, time: change.time).key
    guard
      let sequence = try context.transaction.withValue(
        .origins, key, { try Origin.sequence(inRow: $0) })
    else { return }
    if try context.state.entry(sequence)?.header.id != change.id,
      try context.remembered(change.id) == nil
    {
      throw Forked()
    }
  }

  // MARK: Units

  /// A group, or a change that stands alone: judged all or none.
  private func judgeUnit(_ unit: [SegmentChange], _ strict: StrictRule) throws -> [Verdict] {
    for change in unit {
      if change.kind == .erased, unit.count > 1 {
        return refuse(unit, "malformed", "an erasure stands alone, in no group")
      }
      if let refusal = malformed(change) { return refuse(unit, refusal.code, refusal.message) }
    }
    guard Set(unit.map(\.id)).count == unit.count else {
      return refuse(unit, "id-reused", "an entry id stands twice in a group")
    }
    let remembered = try unit.map { try rememberedVerdict($0) }
    let known = remembered.compactMap { $0 }
    if known.count == unit.count { return known }
    if !known.isEmpty {
      return refuse(unit, "group-changed", "some entries of the group are known, some are not")
    }
    if let change = unit.first, change.kind == .erased { return [try judgeErasure(change)] }
    if let conflicts = try conflicts(unit, strict) { return conflicts.map { .conflict($0) } }
    var states: [[UInt8]: [UInt8]?] = [:]
    var judged: [Judged] = []
    var late: Set<EntryID> = []
    for change in unit {
      do {
        let isLate = try isLatecomer(change, after: late)
        if isLate { late.insert(change.id) }
        let hasEffect = try !isLate && effect(change, &states)
        judged.append(
          Judged(
            change: change, draft: try draft(change, hasEffect: hasEffect), hasEffect: hasEffect,
            isLate: isLate))
        try context.refuseIfForgotten(change.id)
      } catch let error as JournalError {
        return refuse(unit, Self.refusalCode(error), "\(error)")
      }
    }
    let size = states.values.reduce(0) { $0 + ($1?.count ?? 0) }
    guard size <= Limits.groupStateBytes else {
      return refuse(unit, "too-large", "the group leaves \(size) bytes behind, over 4 MiB")
    }
    return try append(judged)
  }

  private static func refusalCode(_ error: JournalError) -> String {
    switch error {
    case .tooOld: "too-old"
    case .invalidInput: "too-large"
    default: "malformed"
    }
  }

  private func refuse(_ unit: [SegmentChange], _ code: String, _ message: String) -> [Verdict] {
    unit.map { _ in .refused(code: code, message: message) }
  }

  // MARK: What is remembered

  /// Accepted and absorbed are remembered: the same id and content gets the same verdict.
  private func rememberedVerdict(_ change: SegmentChange) throws -> Verdict? {
    guard let remembered = try context.remembered(change.id) else { return nil }
    if let trimmed = try remembered.trimmed(change.id) {
      return verdict(trimmed.time, remembered.sequence, isAbsorbed: trimmed.isAbsorbed)
    }
    guard let entry = try context.state.entry(remembered.sequence) else {
      throw JournalError.damaged("entry \(remembered.sequence) is missing; run `journal verify`")
    }
    if change.kind == .erased || entry.encoding == StoredEntry.erasedEncoding {
      // What an erased edit said is gone; what an erasure means is its `born`.
      return try rememberedErasure(change, entry)
    }
    let origin = try entry.plainBody.withUnsafeBytes { try Origin(Body($0)) }
    guard entry.header.kind == change.kind,
      origin.map({ Self.body(change.body, with: $0) }) ?? change.body == entry.body
    else {
      return .refused(
        code: "id-reused", message: "the entry id is known with other content")
    }
    return verdict(
      entry.header.time, remembered.sequence,
      isAbsorbed: entry.header.flags.contains(.absorbed))
  }

  func verdict(
    _ time: Timestamp, _ sequence: SequenceNumber, isAbsorbed: Bool
  ) -> Verdict {
    let version = ServerVersion(timestamp: time.milliseconds, tieBreak: sequence)
    return isAbsorbed ? .absorbed(version) : .accepted(version)
  }

  // MARK: Rules

  private static let members: Set<BodyKey> = [
    .collection, .key, .actor, .at, .reason, .fields, .set, .unset,
  ]

  private func malformed(_ change: SegmentChange) -> (code: String, message: String)? {
    if change.kind == .erased { return malformedErasure(change) }
    guard change.kind.isEdit else { return ("kind", "\(change.kind) is not an edit") }
    // The year 9999 is the last that RFC 3339 can write.
    guard change.time.milliseconds < 253_402_300_800_000 else {
      return ("malformed", "the recording time is beyond the year 9999")
    }
    return change.body.withUnsafeBytes { bytes in
      do {
        let body = try Body(bytes)
        guard body.isUnderstood, try body.record() != nil else {
          return ("malformed", "the body names no record or has unknown members")
        }
        guard body.has(only: Self.members) else {
          return ("malformed", "the body has a member that no edit has")
        }
        try Self.checkFields(body, change.kind)
        return nil
      } catch {
        return ("malformed", "\(error)")
      }
    }
  }

  private static func checkFields(_ body: Body, _ kind: EntryKind) throws {
    for key in [BodyKey.fields, .set] {
      guard let raw = body.raw(key) else { continue }
      try EditDraft.checkNames([UInt8](raw))
      var reader = CBORReader(raw)
      _ = try reader.skip(maxDepth: Limits.depth)
    }
    for key in [BodyKey.actor, .reason] { _ = try body.text(key) }
    if var at = try body.text(.at) {
      guard at.withUTF8({ Timestamp.isValid(UnsafeRawBufferPointer($0)) }) else {
        throw JournalError.invalidInput("`at` is not a time in RFC 3339")
      }
    }
    let unset = try EditRule.unset(body).map { [UInt8]($0) }
    guard zip(unset, unset.dropFirst()).allSatisfy({ $0.lexicographicallyPrecedes($1) }) else {
      throw JournalError.invalidInput("`unset` is not in ascending order")
    }
    if let set = body.raw(.set) {
      try FieldMap.members(of: set) { key, _, _ in
        guard !unset.contains([UInt8](set[key])) else {
          throw JournalError.invalidInput("a field is both set and unset")
        }
      }
    }
    let needsFields = kind == .create || kind == .put
    guard (body.raw(.fields) != nil) == needsFields,
      kind == .update || (body.raw(.set) == nil && body.raw(.unset) == nil)
    else { throw JournalError.invalidInput("the members do not go with \(kind)") }
  }

  func record(_ change: SegmentChange) throws -> ([UInt8], RecordRow?) {
    let key = try change.body.withUnsafeBytes { try Body($0).record() }?.rowKey ?? []
    return (key, try context.state.record(key).map { try RecordRow($0) })
  }

  /// The states a unit comes to conflict with, one for each change: its own record's, or that of the
  /// first one which has moved on. Nil where none has.
  private func conflicts(
    _ unit: [SegmentChange], _ rule: StrictRule
  ) throws -> [FeedChange]? {
    guard unit.contains(where: \.isStrict) else { return nil }
    var earlier: Set<EntryID> = []
    var late: Set<EntryID> = []
    let conflicts = try unit.map { change -> FeedChange? in
      defer { earlier.insert(change.id) }
      // What was made on something erased has no effect, whatever happened since.
      if try isLatecomer(change, after: late) {
        late.insert(change.id)
        return nil
      }
      let (key, row) = try record(change)
      return try rule.conflict(
        change, on: RecordAddress(rowKey: key), row, after: earlier)
    }
    guard let first = conflicts.compactMap({ $0 }).first else { return nil }
    return conflicts.map { $0 ?? first }
  }

  private func effect(
    _ change: SegmentChange, _ states: inout [[UInt8]: [UInt8]?]
  ) throws -> Bool {
    let (key, row) = try record(change)
    let before = states[key] ?? row?.visible
    let effect = try change.body.withUnsafeBytes {
      try EditRule.apply(change.kind, Body($0), to: before)
    }
    if let size = effect.fields?.count, size > Limits.recordBytes {
      throw JournalError.invalidInput(
        "the record would have \(size) bytes, over the limit of 1 MiB - 16 KiB")
    }
    states[key] = .some(effect.fields)
    return effect.hasEffect
  }

  // MARK: Appending

  func origin(_ change: SegmentChange) -> Origin {
    Origin(device: device, sequence: change.sequence, time: change.time)
  }

  private func draft(_ change: SegmentChange, hasEffect: Bool) throws -> Draft {
    var draft = try Draft(
      change.kind, id: change.id, body: Self.body(change.body, with: origin(change)))
    draft.schema = change.schema
    if !hasEffect { draft.flags.insert(.absorbed) }
    return draft
  }

  /// A change that is taken in, and what it comes to.
  private struct Judged {
    var change: SegmentChange
    var draft: Draft
    var hasEffect: Bool
    /// What it was made on has been erased.
    var isLate: Bool
  }

  private func append(_ unit: [Judged]) throws -> [Verdict] {
    var group: SequenceNumber = unit.count > 1 ? .max : 0
    var verdicts: [Verdict] = []
    var late: [SequenceNumber] = []
    for one in unit {
      let appended = try context.append(
        one.draft, group: group, moreOfGroup: one.change.moreOfGroup, isErased: one.isLate)
      guard case .new(let sequence) = appended else {
        throw JournalError.storage("an entry judged as new was not appended")
      }
      if group == .max { group = sequence }
      if one.isLate { late.append(sequence) }
      try context.put(.origins, origin(one.change).key, Origin.row(sequence))
      verdicts.append(verdict(context.head.lastTime, sequence, isAbsorbed: !one.hasEffect))
    }
    try nameLatecomers(late)
    return verdicts
  }

  /// A body with its origin, which comes last: members of pushed edits have lower numbers.
  static func body(_ body: [UInt8], with origin: Origin) -> [UInt8] {
    var writer = CBORWriter(reserving: body.count + 40)
    // A body that passed as well-formed has one byte of head; any other gives bytes that differ.
    writer.map(count: Int((body.first ?? 0) & 0x1F) + 1)
    writer.raw(body.dropFirst())
    writer.unsigned(BodyKey.origin.rawValue)
    origin.write(into: &writer)
    return writer.bytes
  }
}
