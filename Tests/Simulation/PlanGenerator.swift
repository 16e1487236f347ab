import TestKit

/// Makes the plan of a seed.
///
/// Each seed draws which kinds of trouble its run has at all (swarm testing, Groce and others 2012):
/// runs in which everything happens hide what a few things in a row bring out.
struct PlanGenerator {
  private var random: SeededRandom
  private let seed: UInt64
  private var token = 0
  private var troubles: Set<Trouble> = []
  private let keys: Int
  private let devices: Int
  private let length: Int
  /// Every third seed has a server of plain records.
  private var isPlain: Bool { seed.isMultiple(of: 3) }

  private enum Trouble: CaseIterable {
    case lostAnswers, duplicates, late, crashes, disks, busy, garbled, overlap
    case editsMeanwhile, interleaving, trims, boldTrims, clocks, copies, forks, restores
    case replacement, rebuilds, upgrades, newDevices, groups, smallPages, fullStates
    case refusals, poison, foreign
  }

  init(seed: UInt64) {
    self.seed = seed
    random = SeededRandom(seed: seed)
    keys = Int.random(in: 2...6, using: &random)
    devices = Int.random(in: 2...3, using: &random)
    length = Int.random(in: 15...60, using: &random)
    for trouble in Trouble.allCases where Bool.random(using: &random) { troubles.insert(trouble) }
    // Both take what was acknowledged away, which leaves less to hold a run to.
    for rare in [Trouble.replacement, .restores] where !chance(2) { troubles.remove(rare) }
  }

  mutating func plan() -> Plan {
    var steps: [Step] = []
    while steps.count < length {
      let step = step()
      steps.append(step)
      if case .foreignBegin = step, chance(2) { steps += othersMeanwhile() }
    }
    var plan = Plan(seed: seed, deviceCount: devices, steps: steps)
    if isPlain { plan.server = .plain(PlainServerPlan(&random)) }
    return plan
  }

  private mutating func chance(_ count: Int) -> Bool {
    Int.random(in: 0..<count, using: &random) == 0
  }

  /// True one time in `count`, where this run has such trouble.
  private mutating func strikes(_ trouble: Trouble, _ count: Int) -> Bool {
    troubles.contains(trouble) && chance(count)
  }

  private mutating func device() -> Int { Int.random(in: 0..<8, using: &random) }

  private mutating func step() -> Step {
    if strikes(.crashes, 20) { return .restart(device: device()) }
    if strikes(.disks, 25) {
      return .brokenWrite(
        device: device(), intents(), after: Int.random(in: 0..<4, using: &random),
        failing: chance(2) ? 1 : 1_000_000)
    }
    if strikes(.trims, 12) {
      return .compact(
        device: device(), keeping: chance(2) ? 0 : UInt64.random(in: 0..<60, using: &random))
    }
    if strikes(.trims, 20) { return .serverTrim(isBold: false) }
    if strikes(.boldTrims, 20) { return .serverTrim(isBold: true) }
    if strikes(.clocks, 10) {
      return chance(3)
        ? .serverClock(clockChange(3_600_000)) : .clock(device: device(), clockChange(nil))
    }
    if strikes(.copies, 12) { return .copy(device: device()) }
    if strikes(.copies, 20) { return .restore(device: device()) }
    if strikes(.forks, 30) { return .fork(device: device()) }
    if strikes(.newDevices, 30) { return .newDevice }
    if strikes(.refusals, 16) {
      return .retry(
        device: device(), choice: Int.random(in: 0..<8, using: &random), isAll: chance(3))
    }
    if strikes(.refusals, 16) {
      return .discard(device: device(), choice: Int.random(in: 0..<8, using: &random))
    }
    if strikes(.refusals, 24) || strikes(.poison, 24) {
      return .serverRules(areStrict: chance(2))
    }
    if isPlain, let step = foreignStep() { return step }
    if strikes(.restores, 12) { return .serverBackup }
    if strikes(.restores, 20) { return .serverRestore }
    if strikes(.replacement, 40) { return .serverReplace }
    if chance(60) { return .serverRestart }
    if strikes(.rebuilds, 25) { return .rebuild(device: device()) }
    if strikes(.upgrades, 20) {
      return .upgrade(device: device(), version: Int.random(in: 0..<3, using: &random))
    }
    if chance(3) { return .sync(device: device(), syncPlan()) }
    return .write(device: device(), intents())
  }

  private mutating func clockChange(_ most: Int64?) -> ClockChange {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: .frozen
    case 1: .running
    case 2: .by(milliseconds: -3_600_000)
    // Ten years, where nothing speaks against it.
    case 3: .by(milliseconds: most ?? 315_360_000_000)
    default: .by(milliseconds: Int64.random(in: -5_000...5_000, using: &random))
    }
  }

  private mutating func syncPlan() -> SyncPlan {
    var plan = SyncPlan()
    if chance(6) { plan.direction = chance(2) ? .push : .pull }
    if plan.direction != .push, strikes(.fullStates, 12) { plan.isFullState = true }
    if strikes(.smallPages, 2) { plan.pageLimit = Int.random(in: 1...4, using: &random) }
    if strikes(.smallPages, 2) { plan.segmentLimit = Int.random(in: 1...4, using: &random) }
    for request in 0..<Int.random(in: 0..<10, using: &random) {
      if let fault = fault() { plan.faults.append(PlannedFault(request: request, fault: fault)) }
    }
    return plan
  }

  private mutating func fault() -> Fault? {
    if strikes(.lostAnswers, 12) { return chance(3) ? .lost : .answerLost }
    if strikes(.duplicates, 12) { return .twice }
    if strikes(.late, 16) { return .late }
    if strikes(.crashes, 14) { return .crash(answered: chance(2)) }
    if strikes(.disks, 14) { return .diskFails(after: Int.random(in: 0..<6, using: &random)) }
    if strikes(.busy, 30) { return .busy }
    if strikes(.garbled, 20) { return .garbled }
    if strikes(.overlap, 10) { return .overlap(pages: Int.random(in: 1...3, using: &random)) }
    if strikes(.editsMeanwhile, 8) { return .edits(intents(), answered: chance(2)) }
    if strikes(.interleaving, 12) { return .otherSync(device: device()) }
    if strikes(.boldTrims, 30) { return .serverTrims(isBold: chance(2)) }
    return nil
  }

  private mutating func foreignStep() -> Step? {
    guard troubles.contains(.foreign), chance(6) else { return nil }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return .foreignBegin(intents())
    case 1: return .foreignCommit
    default: return .foreignWrite(intent())
    }
  }

  /// What makes a transaction late: somebody is shown another one's change before it commits.
  private mutating func othersMeanwhile() -> [Step] {
    let device = device()
    return [
      .foreignWrite(intent()), .sync(device: device, SyncPlan()), .foreignCommit,
      .sync(device: device, SyncPlan()),
    ]
  }

  private mutating func intents() -> [Intent] {
    let count = strikes(.groups, 3) ? Int.random(in: 2...4, using: &random) : 1
    return (0..<count).map { _ in intent() }
  }

  private mutating func intent() -> Intent {
    let collection = chance(4) ? "lists" : "notes"
    let key = "k\(Int.random(in: 0..<keys, using: &random))"
    var intent = Intent(kind: .put, collection: collection, key: key)
    switch Int.random(in: 0..<10, using: &random) {
    case 0, 1: intent.kind = .create
    case 2, 3, 4, 5: intent.kind = .update
    case 6, 7, 8: intent.kind = .put
    default: intent.kind = .delete
    }
    guard intent.kind != .delete else { return intent }
    for name in ["a", "b", "c"] where chance(2) || (intent.fields.isEmpty && name == "c") {
      token += 1
      // JSON has no references, and a merge patch takes a null for a field that goes.
      let (isReference, isNull) = (chance(8), chance(10))
      intent.fields[name] =
        isPlain ? "\(token)" : isReference ? "lists/k\(token % keys)" : isNull ? "null" : "\(token)"
    }
    if strikes(.refusals, 8) { intent.fields["c"] = Ill.refused.rawValue }
    if !isPlain, strikes(.poison, 12) {
      intent.fields["c"] = (chance(2) ? Ill.tooLarge : Ill.failing).rawValue
    }
    if intent.kind == .update,
      let name = ["a", "b", "c"].first(where: { intent.fields[$0] == nil }),
      chance(3)
    {
      intent.unset = [name]
    }
    return intent
  }
}
