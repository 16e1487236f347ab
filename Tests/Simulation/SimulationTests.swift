import Foundation
import Testing

/// `Tools/simulate` gives the seeds by environment variables; `swift test` alone runs a few.
@Suite(.serialized) struct SimulationTests {
  /// Whether no other test draws salts beside this one: runs end with the same roots only then.
  static let isAlone = ProcessInfo.processInfo.environment["SIMULATION_SEED"] != nil

  /// A number from the environment.
  private static func setting(_ name: String, or standard: UInt64) -> UInt64 {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } ?? standard
  }

  @Test @Simulated func devicesConvergeWhateverGoesWrong() async throws {
    let first = Self.setting("SIMULATION_SEED", or: 1)
    let count = Self.setting("SIMULATION_SEEDS", or: 20)
    let step = Self.setting("SIMULATION_STRIDE", or: 1)
    let shrinks = Self.setting("SIMULATION_SHRINK", or: 1) == 1
    let isVerbose = Self.setting("SIMULATION_VERBOSE", or: 0) == 1
    let most = Self.setting("SIMULATION_FAILURES", or: 1)
    var failures: UInt64 = 0
    for index in 0..<count {
      let seed = first + index * step
      var generator = PlanGenerator(seed: seed)
      let plan = generator.plan()
      let outcome = await Outcome.of(plan)
      print("seed \(seed) \(outcome.violation == nil ? "ok" : "VIOLATION") \(outcome.hash)")
      if isVerbose { print(plan.text) }
      if let violation = outcome.violation {
        print("violation in seed \(seed): \(violation)")
        Issue.record("seed \(seed): \(violation)")
        if shrinks {
          var shrinker = Shrinker(violation)
          let short = await shrinker.shrink(plan)
          print("shrunk from \(plan.steps.count) steps to \(short.steps.count):\n\(short.text)")
          if let last = await Outcome.of(short).violation { print("violation: \(last)") }
        }
        failures += 1
        if failures >= most { return }
      }
    }
  }
}

extension Plan {
  var text: String {
    let text =
      "\(deviceCount) devices, \(server)\n"
      + steps.enumerated().map { "\($0.offset + 1). \($0.element)" }.joined(separator: "\n")
    return text.replacing("SimulationTests.", with: "")
  }
}
