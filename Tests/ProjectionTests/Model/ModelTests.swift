import Foundation
import TestKit
import Testing

/// Random histories against a model in dictionaries. `MODEL_HISTORIES` says how many, `TEST_SEED` which.
@Suite struct `A store and a plain model` {
  @Test func `agree about writes, questions, indexes, rebuilds, trims and the past`() async throws {
    let seed = testSeed(or: .random(in: 1...1_000_000_000))
    let count =
      ProcessInfo.processInfo.environment["MODEL_HISTORIES"].flatMap { UInt64($0) } ?? 2_000
    for number in 0..<count {
      var random = SeededRandom(seed: seed &+ number)
      let steps = ModelStep.history(&random)
      guard try await ModelRun.problem(of: steps) != nil else { continue }
      let smallest = try await ModelRun.smallest(steps)
      Issue.record(
        """
        TEST_SEED=\(seed &+ number) MODEL_HISTORIES=1: \(smallest.problem)
        \(smallest.steps.map { "  \($0)" }.joined(separator: "\n"))
        """)
      return
    }
  }
}
