import Foundation
import GRDB
import Projection

/// Reads and writes of records with three indexes, beside GRDB on the same records in the same run.
///
/// Each row is measured in turns, first one library and then the other, and reports the ratio of the medians:
/// above 1 the journal is faster. Both give the same counts, or the run fails.
@main
struct Queries {
  let work: Work
  let runs: Int
  /// The part of their names by which rows are chosen; nil for all. Inserts fill both stores and always run.
  let only: String?
  let journal: JournalSide
  let grdb: GRDBSide

  static func main() async throws {
    let arguments = CommandLine.arguments
    func number(_ name: String, _ standard: Int) -> Int {
      guard let place = arguments.firstIndex(of: name), place + 1 < arguments.count else {
        return standard
      }
      return Int(arguments[place + 1]) ?? standard
    }
    let work = Work(count: number("--records", 100_000), lists: 1_000)
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
      "queries-\(ProcessInfo.processInfo.processIdentifier)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let store = try Store.create(
      at: directory.appendingPathComponent("journal").path, label: "benchmark",
      records: [Todo.self])
    defer { store.close() }
    let queries = Queries(
      work: work, runs: number("--runs", 5),
      only: arguments.firstIndex(of: "--only").flatMap {
        $0 + 1 < arguments.count ? arguments[$0 + 1] : nil
      },
      journal: JournalSide(store: store, work: work),
      grdb: try GRDBSide(path: directory.appendingPathComponent("grdb.sqlite").path, work))
    try await queries.run()
  }

  private func run() async throws {
    print("\(work.count) records with three indexes; median of \(runs), seconds; GRDB ÷ journal\n")
    print("| work | GRDB | journal | ratio |")
    print("| --- | --- | --- | --- |")
    let step = 10_000
    // The first rows fill both stores: as many records as are wanted, in as many runs.
    try await row("insert, groups of 100", rounds: max(1, work.count / step), isOptional: false) {
      side, round in
      try await side.insert(round * step..<(round + 1) * step, groupsOf: 100)
      return step
    }
    let filled = max(1, work.count / step) * step
    func some(_ count: Int, _ round: Int) -> [Int] {
      (0..<count).map { Work.mix($0 &+ round &* 1_000_003) % filled }
    }
    try await row("update, groups of 100", rounds: runs) { side, round in
      try await side.update(some(5_000, round), groupsOf: 100)
      return 5_000
    }
    try await row("point read", rounds: runs) { side, round in
      try side.pointReads(some(20_000, round))
    }
    try await row("indexed query, in order", rounds: runs) { side, round in
      try side.indexed(some(200, round))
    }
    try await row("range, in order, 100 of it", rounds: runs) { side, round in
      try side.range(some(200, round).map { Double($0) * 90 }, limit: 100)
    }
    try await row("filter of everything", rounds: runs) { side, round in
      try side.filter(["77\(round)", "5\(round)1"])
    }
    try await row("200 edits under a live list", rounds: runs) { side, round in
      try await side.liveList(some(200, round))
    }
    try await row("200 edits under a live count of all", rounds: runs) { side, round in
      try await side.liveCount(some(200, round))
    }
  }

  private func row(
    _ name: String, rounds: Int, isOptional: Bool = true,
    _ body: (any Side, Int) async throws -> Int
  ) async throws {
    if isOptional, let only, !name.contains(only) { return }
    var times: (grdb: [Double], journal: [Double]) = ([], [])
    for round in 0..<rounds {
      let (grdbTime, expected) = try await time { try await body(grdb, round) }
      let (journalTime, found) = try await time { try await body(journal, round) }
      guard expected == found else {
        throw Disagreement(row: name, grdb: expected, journal: found)
      }
      times.grdb.append(grdbTime)
      times.journal.append(journalTime)
    }
    let (grdbTime, journalTime) = (Self.median(times.grdb), Self.median(times.journal))
    let ratio = grdbTime / journalTime
    print(
      "| \(name) | \(Self.text(grdbTime)) | \(Self.text(journalTime)) | "
        + "\(String(format: "%.2f", ratio)) |")
  }

  private func time(_ body: () async throws -> Int) async throws -> (Double, Int) {
    let clock = ContinuousClock()
    let start = clock.now
    let count = try await body()
    let duration = start.duration(to: clock.now).components
    return (Double(duration.seconds) + Double(duration.attoseconds) / 1e18, count)
  }

  private static func median(_ times: [Double]) -> Double { times.sorted()[times.count / 2] }

  private static func text(_ seconds: Double) -> String { String(format: "%.4f", seconds) }
}

/// The two libraries found different records.
struct Disagreement: Error {
  let row: String
  let grdb: Int
  let journal: Int
}

extension Sequence {
  func count(where isMeant: (Element) throws -> Bool) rethrows -> Int {
    try reduce(0) { try isMeant($1) ? $0 + 1 : $0 }
  }
}
