import Foundation
import TestKit

// A live query and a reader of changes under a steady stream of edits, for as long as asked:
// `LiveSoak [--minutes M] [--records N] [--seed S]`. Ends with 1 when anything was dropped or doubled, or
// memory has grown.

func option(_ name: String, or standard: Double) -> Double {
  let words = CommandLine.arguments
  guard let index = words.firstIndex(of: "--\(name)"), index + 1 < words.count else {
    return standard
  }
  guard let number = Double(words[index + 1]), number >= 0 else {
    FileHandle.standardError.write(Data("--\(name) takes a number\n".utf8))
    exit(64)
  }
  return number
}

let minutes = option("minutes", or: 1)
let seed = UInt64(option("seed", or: Double(UInt32.random(in: 0..<1_000_000))))
let campaign = LiveCampaign(records: Int(option("records", or: 100_000)), seed: seed)
let scratch = try Scratch()
let start = ContinuousClock.now
let whole = Duration.seconds(max(1, minutes * 60))
let report = try await campaign.run(in: scratch("j")) { _ in
  let share = (ContinuousClock.now - start) / whole
  return share < 1 ? share : nil
}
let memory = report.memory
print(
  "\(report.faults.isEmpty ? "ok" : "FAIL") live: \(campaign.records) records, \(report.edits) edits, "
    + "\(report.changes) changes, \(report.emissions) results, memory \(memory.early >> 20) to "
    + "\(memory.late >> 20) MiB, seed \(seed)")
for fault in report.faults { print("FAIL live: \(fault)") }
exit(report.faults.isEmpty ? 0 : 1)
