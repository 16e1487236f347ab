/// Leaves out of a plan what its violation does not need: delta debugging (Zeller and Hildebrandt
/// 2002) over its steps, then over the faults of its syncs.
@Simulated struct Shrinker {
  private let check: String
  private var runs = 0
  private let limit: Int

  init(_ violation: Violation, runs limit: Int = 400) {
    check = violation.check
    self.limit = limit
  }

  mutating func shrink(_ plan: Plan) async -> Plan {
    var plan = plan
    plan.steps = await reduced(plan.steps) { [plan] steps in
      var shorter = plan
      shorter.steps = steps
      return shorter
    }
    for index in plan.steps.indices {
      guard case .sync(let device, let sync) = plan.steps[index], !sync.faults.isEmpty else {
        continue
      }
      let faults = await reduced(sync.faults) { [plan] faults in
        var (shorter, part) = (plan, sync)
        part.faults = faults
        shorter.steps[index] = .sync(device: device, part)
        return shorter
      }
      var needed = sync
      needed.faults = faults
      plan.steps[index] = .sync(device: device, needed)
    }
    return plan
  }

  private mutating func reduced<Element>(
    _ elements: [Element], _ plan: ([Element]) -> Plan
  ) async -> [Element] {
    var elements = elements
    var size = max(1, elements.count / 2)
    while true {
      var start = 0
      var isShorter = false
      while start < elements.count {
        var fewer = elements
        fewer.removeSubrange(start..<min(start + size, elements.count))
        if await fails(plan(fewer)) {
          elements = fewer
          isShorter = true
        } else {
          start += size
        }
      }
      if size == 1, !isShorter { return elements }
      if runs >= limit { return elements }
      size = max(1, size / 2)
    }
  }

  private mutating func fails(_ plan: Plan) async -> Bool {
    guard runs < limit else { return false }
    runs += 1
    return await Outcome.of(plan).violation?.check == check
  }
}
