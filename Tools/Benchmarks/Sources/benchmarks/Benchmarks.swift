import Dispatch
import Foundation
import Synchronization

/// Prints, as Markdown, how the journal compares with the same tables written in C on LMDB.
@main
enum Benchmarks {
  static func main() throws {
    let options: Options
    do {
      options = try Options(CommandLine.arguments.dropFirst())
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(64)
    }
    let directory = options.directory + "/journal-benchmarks-\(getpid())"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { remove(directory) }
    // A main function that waits keeps its thread: profilers lose a process whose first is gone.
    let finished = DispatchSemaphore(value: 0)
    let failure = Mutex<(any Error)?>(nil)
    Task.detached {
      do {
        try await run(options, directory)
      } catch {
        failure.withLock { $0 = error }
      }
      finished.signal()
    }
    finished.wait()
    if let failure = failure.withLock({ $0 }) { throw failure }
  }

  private static func run(_ options: Options, _ directory: String) async throws {
    let work = try Workload(entries: options.entries, records: options.records)
    let rows = Rows(work: work, runs: options.runs, directory: directory)
    let singles = min(1_000, options.entries)
    print(
      "\(Format.grouped(Double(options.entries))) edits over "
        + "\(Format.grouped(Double(work.records))) records, \(Workload.fieldBytes) bytes of "
        + "fields each; median of \(options.runs), range of the ratios in brackets.\n")
    let flushesBefore = try Baseline.flushes(200, file: directory + "/flush")
    func wants(_ row: String) -> Bool { options.rows?.contains(row) ?? true }
    var table: [Measurement] = []
    var budget: [BudgetRow] = []
    var notes: [String] = []
    if wants("single") {
      let row = try await rows.append("append, one to a commit", count: singles, batch: 1)
      table.append(row)
      budget.append(
        BudgetRow(work: "single durable append, × C", target: 0.75, reached: row.speed(row.api)))
    }
    if wants("concurrent") {
      let row = try await rows.concurrent()
      table.append(row)
      budget.append(
        BudgetRow(
          work: "64 appenders, × one", target: options.flushDelay ? 20 : 8,
          reached: row.speed(row.api)))
    }
    if wants("append") {
      let row = try await rows.append(
        "append, \(Format.grouped(Double(Workload.batch))) to a commit", count: options.entries,
        batch: Workload.batch)
      table.append(row)
      let sqlite = try rows.sqlite()
      let typed = sqlite.map(\.seconds).median / row.api.map(\.seconds).median
      budget += [
        BudgetRow(work: "pre-encoded append, × C", target: 0.8, reached: row.speed(row.inner)),
        BudgetRow(work: "typed append, × SQLite", target: 3, reached: typed),
      ]
      notes.append(
        "- SQLite (C interface, bodies encoded beforehand, same batches): "
          + "\(row.rate(sqlite)) entries a second, "
          + "\(row.each(sqlite)) µs of processor time each")
      // Sizes before the rebuild, which writes its tables in one piece.
      let journal = Sizes(directory: rows.path(.api), work: work)
      budget.append(
        BudgetRow(
          work: "bytes over a pending body", target: 190, isAtMost: true,
          reached: try journal.overBody(), unit: "B"))
      notes += [
        try Sizes(directory: rows.path(.baseline), work: work).line("C"),
        try journal.line("journal"),
      ]
    }
    if wants("records") {
      table.append(try await rows.scanRecords())
      let typed = try await rows.typedRead()
      table.append(typed)
      budget.append(
        BudgetRow(work: "typed read, × JSONDecoder", target: 5, reached: typed.speed(typed.api)))
    }
    if wants("codec") {
      for row in try await rows.codec() {
        table.append(row.measurement)
        budget.append(
          BudgetRow(
            work: row.work, target: 5, reached: row.measurement.speed(row.measurement.api)))
      }
    }
    if wants("entries") {
      let row = try await rows.scanEntries()
      table.append(row)
      budget.append(
        BudgetRow(work: "scan of headers, × C", target: 0.7, reached: row.speed(row.inner)))
    }
    if wants("open") {
      table.append(try await rows.open())
      let pending = try rows.openPending()
      table.append(pending)
      budget.append(
        BudgetRow(
          work: "open, × SQLite reading 20,000 rows", target: 1,
          reached: pending.speed(pending.api)))
    }
    if wants("rebuild") {
      let before = Memory.peakMiB()
      let row = try await rows.rebuild()
      table.append(row)
      let rate = Double(options.entries) / row.api.map(\.seconds).median / 1e6
      budget.append(
        BudgetRow(
          work: "rebuild, \(Format.grouped(Double(work.records))) records",
          target: work.records <= 100_000 ? 1 : 0.3, reached: rate, unit: "M/s"))
      notes.append(
        "- highest resident memory: \(before) MiB before the rebuilds, \(Memory.peakMiB()) MiB after; "
          + "the work itself is held there")
    }
    if wants("sizes") {
      let delivered = try await Delivered(directory: directory + "/delivered", work: work).measure()
      budget += [
        BudgetRow(
          work: "bytes over a settled body", target: 170, isAtMost: true,
          reached: delivered.settled, unit: "B"),
        BudgetRow(
          work: "bytes of a trimmed entry", target: 45, isAtMost: true,
          reached: delivered.trimmed, unit: "B"),
      ]
    }
    if wants("allocations"), let counts = try await rows.allocations() {
      notes.append(
        "- allocations beside LMDB's: \(Format.two(counts.entry)) for each appended entry and "
          + "\(Format.grouped(counts.commit)) for each commit")
      budget += [
        BudgetRow(
          work: "allocations per appended entry, beside LMDB's", target: 2, isAtMost: true,
          reached: counts.entry, unit: ""),
        BudgetRow(
          work: "allocations per scanned entry", target: 0.01, isAtMost: true,
          reached: counts.scanned, unit: ""),
      ]
    }
    let flushes = flushesBefore + (try Baseline.flushes(200, file: directory + "/flush"))
    print(Format.table(table))
    print(
      "\n- flush: \(Format.grouped(flushes.median)) µs for 4 KiB written and fdatasync"
        + (options.flushDelay ? ", delayed on purpose" : ""))
    print(notes.joined(separator: "\n") + "\n")
    print(BudgetRow.table(budget))
  }

  private static func remove(_ directory: String) {
    do {
      try FileManager.default.removeItem(atPath: directory)
    } catch {
      FileHandle.standardError.write(Data("\(directory) stays: \(error)\n".utf8))
    }
  }
}
