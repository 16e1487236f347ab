import ArgumentParser
import Journal
import Projection

struct Compact: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Trim what is settled.")

  @OptionGroup var journal: JournalDirectory
  @Option(
    help: """
      Keep entries this young (30m, 12h, 7d, 2w), or so many of the newest; without it all that \
      is settled goes.
      """)
  var keep: RetentionArgument?
  @Option(
    help: "Put the entries into this file first; it must not exist yet.", completion: .file())
  var archive: String?
  @Flag(
    help: """
      Give the space back by a new file. Nobody else may have the journal open; otherwise nothing \
      is changed.
      """)
  var rewrite = false
  @Flag(help: "Only say what would go.") var dryRun = false
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if dryRun, rewrite || archive != nil {
      throw ValidationError("--dry-run changes nothing: leave out --rewrite and --archive")
    }
  }

  func run() async throws {
    if rewrite { try Store.checkCanRewrite(at: journal.directory) }
    let before = try PagedReader.open(directory: journal.directory).reachableBytes
    let store = try OpenJournal.store(journal.directory)
    let report: TrimReport
    do {
      defer { store.close() }
      report = try await store.journal.trim(
        keeping: keep?.retention ?? .nothing,
        bound: try store.journal.read { try PeerRow.lowestCursor($0) }, isDryRun: dryRun,
        archive: archive, folder: RecordFolder())
    }
    if rewrite { try Store.rewrite(at: journal.directory) }
    let after = try PagedReader.open(directory: journal.directory).reachableBytes
    let fields: Fields = [
      "trimmed": JSONLines.number(report.trimmed), "horizon": JSONLines.number(report.horizon),
      "bytesBefore": JSONLines.number(before), "bytesAfter": JSONLines.number(after),
      "size": JSONLines.number(report.size), "root": .string(report.root.description),
    ]
    let output = Output()
    output.line(
      json.isJSON
        ? JSONLines.text(fields)
        : "\(dryRun ? "would trim" : "trimmed") \(report.trimmed) entries, horizon "
          + "\(report.horizon), \(before) bytes before, \(after) after; size \(report.size), root "
          + "\(report.root)")
    output.flush()
  }
}

/// `--keep`: a duration with a unit, or a number of entries.
struct RetentionArgument: ExpressibleByArgument {
  let retention: TrimRetention

  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && $0.isNumber }
    guard let number = UInt64(digits) else { return nil }
    let unit: UInt64
    switch argument.dropFirst(digits.count) {
    case "":
      retention = .newest(number)
      return
    case "s": unit = 1_000
    case "m": unit = 60_000
    case "h": unit = 3_600_000
    case "d": unit = 86_400_000
    case "w": unit = 604_800_000
    default: return nil
    }
    let (milliseconds, overflow) = number.multipliedReportingOverflow(by: unit)
    guard !overflow else { return nil }
    retention = .milliseconds(milliseconds)
  }
}
