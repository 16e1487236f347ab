import Journal

/// What a decider said about one edit that a remote change came into conflict with.
struct ConflictOutcome: Sendable, Hashable {
  enum Decision: UInt64, Sendable {
    case keep = 0
    case replaceWith = 1
    case supersede = 2
    /// Folded as keep; not sent until the app has decided.
    case open = 3
  }

  var sequence: SequenceNumber
  var decision: Decision
  /// The fields to set in the edit's place, one CBOR map.
  var patch: [UInt8]?

  static func list(_ body: Body) throws -> [ConflictOutcome] {
    guard let raw = body.raw(.outcomes) else { return [] }
    var reader = CBORReader(raw)
    var outcomes: [ConflictOutcome] = []
    for _ in 0..<(try reader.arrayCount()) {
      guard try reader.arrayCount() == 3 else {
        throw JournalError.damaged("a conflict's outcome is malformed")
      }
      let sequence = try reader.unsigned()
      guard let decision = Decision(rawValue: try reader.unsigned()) else {
        throw JournalError.unsupported(
          "a conflict was decided in a way only a later release knows; use that release")
      }
      var patch: [UInt8]?
      let range = try reader.skip(maxDepth: Limits.depth)
      if decision == .replaceWith { patch = [UInt8](raw[range]) }
      outcomes.append(ConflictOutcome(sequence: sequence, decision: decision, patch: patch))
    }
    return outcomes
  }

  static func write(_ outcomes: [ConflictOutcome], into writer: inout CBORWriter) {
    writer.array(count: outcomes.count)
    for outcome in outcomes {
      writer.array(count: 3)
      writer.unsigned(outcome.sequence)
      writer.unsigned(outcome.decision.rawValue)
      if let patch = outcome.patch { writer.raw(patch) } else { writer.null() }
    }
  }
}
