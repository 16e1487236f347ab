import ArgumentParser
import Foundation
import Journal
import Projection

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Recompute every checksum, sequence, leaf, root and row.",
    discussion: """
      With --checkpoint the journal has to be the history a signed checkpoint from outside speaks \
      of, or an extension of it: alteration, removal, insertion, reordering, a fork and an older \
      state put back are found.
      """)

  @OptionGroup var journal: JournalOrPack
  @Option(help: "A signed checkpoint kept elsewhere (a file, or - for standard input).")
  var checkpoint: String?
  @Option(
    help: """
      The verifier key that must have signed it, as `journal key` prints it. Without it the keys \
      the journal names are believed, which proves nothing against whoever owns the device.
      """)
  var key: String?
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if key != nil, checkpoint == nil { throw ValidationError("--key needs --checkpoint") }
  }

  func run() throws {
    let checkpoints = try outside()
    let report =
      if let pack = OpenJournal.pack(journal.directory) {
        try Verifier.verify(
          pack: pack, against: checkpoints, folder: RecordFolder(),
          keys: KeyRing(JournalKeys.encryption()))
      } else {
        try Verifier.verify(
          directory: journal.directory, against: checkpoints, folder: RecordFolder(),
          keys: KeyRing(JournalKeys.encryption()))
      }
    print(report)
    if !report.isSound { throw Finding.negative() }
    if let undecided = report.undecided.first { throw JournalError.belowHorizon(undecided) }
  }

  private func outside() throws -> [OutsideCheckpoint] {
    guard let checkpoint else { return [] }
    let data =
      checkpoint == "-"
      ? FileHandle.standardInput.readDataToEndOfFile()
      : try InputFile.contents(checkpoint, "the checkpoint")
    let keys = try key.map { text in
      try VerifierKey(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return [
      OutsideCheckpoint(note: String(decoding: data, as: UTF8.self), keys: keys.map { [$0] } ?? [])
    ]
  }

  private func print(_ report: VerifyReport) {
    let output = Output()
    if json.isJSON {
      var fields: Fields = [
        "ok": .bool(report.isSound), "size": JSONLines.number(report.size),
        "root": .string(report.root.description), "horizon": JSONLines.number(report.horizon),
        "contents": .bool(report.isContentChecked),
        "problems": .array(report.problems.map { .string($0) }),
      ]
      if !report.undecided.isEmpty {
        fields["undecided"] = .array(report.undecided.map { .string($0) })
      }
      if report.isRedacted { fields["redacted"] = true }
      output.line(JSONLines.text(fields))
    } else if report.isSound {
      output.line(
        "sound: \(report.size) entries, root \(report.root), horizon \(report.horizon)"
          + (report.isRedacted ? "; made without bodies, of which nothing can be said" : ""))
    } else {
      output.line("\(report.problems.count) problems:")
      for problem in report.problems { output.line("  \(problem)".terminalSafe) }
    }
    if !json.isJSON, !report.isContentChecked {
      output.line("not checked without the key: bodies, records, baseline")
    }
    output.flush()
  }
}
