import Foundation

/// Prints, as Markdown, how the journal compares with the same tables written in C on LMDB.
@main
enum Benchmarks {
  static func main() async throws {
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
    try await run(options, directory)
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
    var table = [
      try await rows.append("append, one to a commit", count: singles, batch: 1),
      try await rows.append(
        "append, \(Format.grouped(Double(Workload.batch))) to a commit", count: options.entries,
        batch: Workload.batch),
    ]
    table.append(try await rows.scanRecords())
    table.append(try await rows.scanEntries())
    // Sizes before the rebuild, which writes its tables in one piece.
    let sizes = [
      try Sizes(directory: rows.path(.baseline), work: work).line("C"),
      try Sizes(directory: rows.path(.api), work: work).line("journal"),
    ]
    table.append(try await rows.rebuild())
    table.append(try await rows.open())
    let flushes = flushesBefore + (try Baseline.flushes(200, file: directory + "/flush"))
    print(Format.table(table))
    print(
      "\n- flush: \(Format.grouped(flushes.median)) µs for 4 KiB written and fdatasync; "
        + "durable commits a second: C \(table[0].rate(table[0].baseline)), "
        + "API \(table[0].rate(table[0].api))")
    print(sizes.joined(separator: "\n"))
  }

  private static func remove(_ directory: String) {
    do {
      try FileManager.default.removeItem(atPath: directory)
    } catch {
      FileHandle.standardError.write(Data("\(directory) stays: \(error)\n".utf8))
    }
  }
}
