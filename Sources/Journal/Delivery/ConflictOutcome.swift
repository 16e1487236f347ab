/// What a decider said about one edit that a remote change came into conflict with.
package struct ConflictOutcome: Sendable, Hashable {
  package enum Decision: UInt64, Sendable {
    case keep = 0
    case replaceWith = 1
    case supersede = 2
    /// Folded as keep; not sent until the app has decided.
    case open = 3
  }

  package var sequence: SequenceNumber
  package var decision: Decision
  /// The fields to set in the edit's place, one CBOR map.
  package var patch: [UInt8]?
  /// The names to unset in the edit's place, one CBOR array; nil for none.
  package var unset: [UInt8]?

  package init(
    sequence: SequenceNumber, decision: Decision, patch: [UInt8]? = nil, unset: [UInt8]? = nil
  ) {
    (self.sequence, self.decision) = (sequence, decision)
    (self.patch, self.unset) = (patch, unset)
  }

  /// The outcomes a conflict entry has.
  ///
  /// - Throws: ``JournalError``; `unsupported` for a decision only a later release knows.
  package static func list(_ body: Body) throws -> [ConflictOutcome] {
    guard let raw = body.raw(.outcomes) else { return [] }
    var reader = CBORReader(raw)
    var outcomes: [ConflictOutcome] = []
    for _ in 0..<(try reader.arrayCount()) {
      let members = try reader.arrayCount()
      guard members == 3 || members == 4 else { throw malformed }
      let sequence = try reader.unsigned()
      guard let decision = Decision(rawValue: try reader.unsigned()) else {
        throw JournalError.unsupported(
          "a conflict was decided in a way only a later release knows; use that release")
      }
      var outcome = ConflictOutcome(sequence: sequence, decision: decision)
      let patch = try reader.skip(maxDepth: Limits.depth)
      if decision == .replaceWith { outcome.patch = [UInt8](raw[patch]) }
      if members == 4 {
        let unset = try reader.skip(maxDepth: 1)
        guard decision == .replaceWith else { throw malformed }
        outcome.unset = [UInt8](raw[unset])
      }
      outcomes.append(outcome)
    }
    return outcomes
  }

  private static var malformed: JournalError { .damaged("a conflict's outcome is malformed") }

  package static func write(_ outcomes: [ConflictOutcome], into writer: inout CBORWriter) {
    writer.array(count: outcomes.count)
    for outcome in outcomes {
      writer.array(count: outcome.unset == nil ? 3 : 4)
      writer.unsigned(outcome.sequence)
      writer.unsigned(outcome.decision.rawValue)
      if let patch = outcome.patch { writer.raw(patch) } else { writer.null() }
      if let unset = outcome.unset { writer.raw(unset) }
    }
  }
}
