import Journal

/// Writes the server's verdicts down: each is part of one entry per kind of answer.
struct Booking: Sendable {
  let remote: String
  let segment: Segment
  let verdicts: [Verdict]
  /// How the server's records are read.
  let forms: RemoteForms
  /// Whether the server takes entries and their bases, as ours does.
  let takesEntries: Bool
  /// Which of the server's records are taken.
  var filters = TakenRecords()

  /// What the verdicts came to.
  struct Outcome: Sendable {
    var accepted = 0
    var refused = 0
    /// Edits the server wants judged again, with the shortest time to wait.
    var retried: [SequenceNumber] = []
    var retryAfterMilliseconds: UInt64 = 0
    var conflicts = 0
  }

  /// Appends the answer's entries in the caller's transaction.
  func book(_ context: AppendContext) throws -> Outcome {
    var outcome = Outcome()
    var results: [Acceptance] = []
    var ids: [(result: Acceptance, id: String)] = []
    var refusals: [(SequenceNumber, String, String)] = []
    var contested: [SequenceNumber] = []
    var states = AnsweredStates()
    var conflicts: [(edit: SequenceNumber, state: FeedChange)] = []
    for (edit, verdict) in zip(segment.edits, verdicts) {
      switch verdict {
      case .accepted(let version, let id):
        results.append(Acceptance(edit, version))
        if let id { ids.append((Acceptance(edit, version), id)) }
      case .absorbed(let version): results.append(Acceptance(edit, version, isAbsorbed: true))
      case .applied(let answer):
        let state = try newest(answer, context)
        results.append(Acceptance(edit, state.version))
        ids.append((Acceptance(edit, state.version), state.key))
        try states.append(state)
      case .missed(let answer):
        if let version = try versionOfKept(answer, context) {
          results.append(Acceptance(edit, version, isAbsorbed: true))
          continue
        }
        let state = try newest(answer, context)
        results.append(Acceptance(edit, state.version, isAbsorbed: true))
        try states.append(state)
      case .refused(let code, let message): refusals.append((edit, code, message))
      case .conflict(let state):
        contested.append(edit)
        conflicts.append((edit, state))
        try states.append(state)
      case .retry(let after):
        outcome.retried.append(edit)
        outcome.retryAfterMilliseconds = max(outcome.retryAfterMilliseconds, after)
      }
    }
    let before = context.head.lastSequence
    var assigned = 0
    if !results.isEmpty {
      let answer = try context.append(accepted(results))
      assigned = try assign(ids, because: answer.sequence ?? 0, context)
    }
    if !refusals.isEmpty { try context.append(refused(refusals)) }
    if !outcome.retried.isEmpty {
      try context.append(retried(outcome.retried, because: .postponed))
    }
    var answer: SequenceNumber = 0
    if !contested.isEmpty {
      answer = try context.append(retried(contested, because: .answered)).sequence ?? 0
    }
    outcome.conflicts +=
      Int(context.head.lastSequence - before) - assigned
      - [results.isEmpty, refusals.isEmpty, outcome.retried.isEmpty, contested.isEmpty]
      .count { !$0 }
    var intake = Intake(remote: remote, epoch: "", forms: forms)
    (intake.filters, intake.isAnswer) = (filters, true)
    let test = try filters.test(context)
    for state in states.newest {
      let edits = conflicts.filter { $0.state.isAbout(state) }.map(\.edit)
      // What is decided about has to be seen, also where it lies outside of what is taken; it goes again behind that.
      let wasShown = try test != nil && intake.hasShown(state, context)
      intake.isRepair = try !edits.isEmpty && isContradiction(state, context)
      let taken = try intake.append(state, testedBy: edits.isEmpty ? test : nil, context)
      intake.isRepair = false
      outcome.conflicts += taken.conflicts
      // The state came while the edits were under way and could only be kept: now they are decided about. Where it
      // is news and contests nothing, they stand on it from now on; other servers are told each time.
      let isKnown = taken.appended == 0
      if isKnown || (takesEntries && taken.conflicts == 0) {
        outcome.conflicts += try decide(edits, areContested: isKnown, because: answer, context)
      }
      if let test, !edits.isEmpty {
        try intake.withdraw(state, unlessTakenBy: test, wasShown: wasShown, context)
      }
    }
    outcome.accepted = results.count
    outcome.refused = refusals.count
    return outcome
  }

  /// Whether a server of records says that a record stands otherwise at the version known here, or at an earlier one:
  /// its clock went back, or the server did. An edit that goes on standing on what is known would come to conflict for
  /// ever.
  private func isContradiction(_ state: FeedChange, _ context: AppendContext) throws -> Bool {
    let record = try RecordAddress(collection: state.collection, key: state.key)
    guard !takesEntries, let base = try context.base(of: record), state.version <= base.version
    else { return false }
    if state.version < base.version { return true }
    guard case .live(let fields) = state.state else { return base.fields != nil }
    return try !state.isPartial && forms.incoming(fields, state.collection) != base.fields
  }

  private func decide(
    _ edits: [SequenceNumber], areContested: Bool, because answer: SequenceNumber,
    _ context: AppendContext
  ) throws -> Int {
    guard !edits.isEmpty, let cause = try context.state.entry(answer)?.header else { return 0 }
    let drafts = try context.folder.decide(
      edits, areContested: areContested, because: cause, at: context.head.lastSequence + 1,
      in: context.state)
    for draft in drafts { try context.append(draft) }
    return drafts.count { $0.kind == .conflict }
  }

  /// How far the server's order was read, where the record is one it no longer has and that is kept here, or may yet be;
  /// nil for any other. What an answer says of such a record is known, and does not take it away.
  private func versionOfKept(
    _ answer: FeedChange, _ context: AppendContext
  ) throws -> ServerVersion? {
    guard case .deleted = answer.state,
      let cursor = try context.state.meta(MetaKey.cursor(remote)).map({ try RemoteCursor($0) })
    else { return nil }
    let record = try RecordAddress(collection: answer.collection, key: answer.key)
    let isKept = try context.hasOlderLiveBase(record, than: cursor)
    return isKept ? cursor.through : nil
  }

  private func newest(_ answer: FeedChange, _ context: AppendContext) throws -> FeedChange {
    var state = answer
    state.version = try context.versionOfAnswer(
      answer.version, about: RecordAddress(collection: answer.collection, key: answer.key),
      from: remote)
    return state
  }

  /// Appends which records the server keeps under keys of its own; returns how many.
  ///
  /// - Throws: ``TransportError/protocolViolation(_:)`` for a key that cannot be the record's: nothing
  ///   of the answer is booked then, and the segment stays in flight.
  private func assign(
    _ ids: [(result: Acceptance, id: String)], because answer: SequenceNumber,
    _ context: AppendContext
  ) throws -> Int {
    var count = 0
    for (result, id) in ids {
      do {
        let isNew = try context.assign(
          id, toRecordOf: result.sequence, by: remote, at: result.version, because: answer,
          ordinal: count)
        if isNew { count += 1 }
      } catch JournalError.invalidInput(let reason) {
        throw TransportError.protocolViolation(
          "the server's answer cannot be booked: \(reason); the segment stays in flight and is sent "
            + "again")
      }
    }
    return count
  }

  private func head(_ body: inout BodyBuilder) {
    body.add(.remote, text: remote)
  }

  private func accepted(_ results: [Acceptance]) throws -> Draft {
    var body = BodyBuilder()
    head(&body)
    body.add(.sent, unsigned: segment.sent)
    try body.add(acceptances: results)
    return try Draft(.accepted, body: body.finish())
  }

  private func refused(_ refusals: [(SequenceNumber, String, String)]) throws -> Draft {
    var body = BodyBuilder()
    head(&body)
    body.add(.sent, unsigned: segment.sent)
    body.add(.refusals) { writer in
      writer.array(count: refusals.count)
      for (sequence, code, message) in refusals {
        writer.array(count: 3)
        writer.unsigned(sequence)
        writer.text(Self.bounded(code, bytes: 64))
        writer.text(Self.bounded(message, bytes: 512))
      }
    }
    return try Draft(.refused, body: body.finish())
  }

  private func retried(_ edits: [SequenceNumber], because reason: ReleaseReason) throws -> Draft {
    var letGo = segment
    letGo.edits = edits
    return try letGo.release(because: reason, from: remote)
  }

  /// What a server says is kept, but not more than a person would read.
  private static func bounded(_ text: String, bytes: Int) -> String {
    text.utf8.count <= bytes ? text : String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
  }
}

extension FeedChange {
  fileprivate func isAbout(_ other: FeedChange) -> Bool {
    collection.utf8.elementsEqual(other.collection.utf8) && key.utf8.elementsEqual(other.key.utf8)
  }
}

/// The states a server's answers show, of each record the last one: edits of one record that were
/// answered together are folded together, at no version before the ones they were taken at.
private struct AnsweredStates {
  private var states: [FeedChange?] = []
  private var positions: [[[UInt8]]: Int] = [:]

  var newest: [FeedChange] { states.compactMap { $0 } }

  mutating func append(_ state: FeedChange) throws {
    let record = [Array(state.collection.utf8), Array(state.key.utf8)]
    var state = state
    if let earlier = positions.updateValue(states.count, forKey: record) {
      if let before = states[earlier] {
        state = try Intake.joined(before, state)
        state.version = max(state.version, before.version)
      }
      states[earlier] = nil
    }
    states.append(state)
  }
}
