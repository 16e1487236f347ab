import Journal
import Transport

@testable import JournalTool

/// Rules of the server's owner, in front of its journal: some edits are refused, and for some it fails.
extension SimulatedServer {
  /// What the server makes of a push.
  ///
  /// What it has taken in before keeps its verdict, whatever the rules have become.
  func take(_ push: Push, _ witness: Witness) async throws -> PushAnswer {
    guard isStrict else { return try await core.push(witness, segment: push.segment) }
    try capture()
    let changes = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }
    let known = Set(history.map(\.id))
    var failing: Ill?
    var passed: [SegmentChange] = []
    var isPassed: [Bool] = []
    for unit in Self.units(changes) {
      let found = try unit.compactMap { try Intent($0.kind, $0.body).flatMap { Ill($0) } }
      let isKnown = unit.allSatisfy { known.contains($0.id.description) }
      if isKnown || found.isEmpty {
        passed += unit
        isPassed += unit.map { _ in true }
        continue
      }
      everRefused.formUnion(unit.map(\.id.description))
      isPassed += unit.map { _ in false }
      failing = failing ?? found.first { $0 != .refused }
    }
    switch failing {
    case .tooLarge:
      return .failed(PushFailure(code: "413", message: "too large", blame: .request))
    case .failing:
      return .failed(PushFailure(code: "500", message: "it failed", blame: .unknown))
    default: break
    }
    let answer = try await core.push(witness, segment: SegmentCodec.encode(passed))
    guard case .judged(let verdicts, let size) = answer else { return answer }
    var rest = verdicts[...]
    let all = isPassed.map { isPassed in
      isPassed ? rest.popFirst() : .refused(code: "422", message: "it is not taken")
    }
    return .judged(verdicts: all.compactMap { $0 }, size: size)
  }

  /// Edits that stand alone, and groups.
  private static func units(_ changes: [SegmentChange]) -> [[SegmentChange]] {
    var units: [[SegmentChange]] = [[]]
    for change in changes {
      units[units.count - 1].append(change)
      if !change.moreOfGroup { units.append([]) }
    }
    return units.filter { !$0.isEmpty }
  }
}
