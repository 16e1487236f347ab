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
    let report: VerifyReport
    do {
      report = try verify(checkpoints)
    } catch JournalError.damaged(let reason) {
      throw unreadable(reason)
    } catch JournalError.cannotOpen(let reason) {
      throw JournalError.cannotOpen(reason + OpenJournal.journalsInside(journal.directory))
    }
    print(report)
    if !report.isSound { throw Finding.negative() }
    if let undecided = report.undecided.first { throw JournalError.belowHorizon(undecided) }
  }

  private func verify(_ checkpoints: [OutsideCheckpoint]) throws -> VerifyReport {
    let keys = try KeyRing(JournalKeys.encryption())
    if let pack = OpenJournal.pack(journal.directory) {
      return try Verifier.verify(
        pack: pack, against: checkpoints, folder: RecordFolder(), keys: keys)
    }
    return try Verifier.verify(
      directory: journal.directory, against: checkpoints, folder: RecordFolder(), keys: keys)
  }

  /// Other verbs advise to run this one, which can say no more of what it cannot open.
  private func unreadable(_ reason: String) -> Finding {
    let advice = "; run `journal verify`"
    let reason = reason.hasSuffix(advice) ? String(reason.dropLast(advice.count)) : reason
    return Finding(
      status: ExitStatus.unavailable,
      message:
        "\(journal.directory) is not readable as a journal: \(reason). Nothing was changed; copy it "
        + "before anything else",
      code: "damaged",
      next:
        "restore a backup, or make a new journal and sync it with the server: what was delivered "
        + "comes back from there")
  }

  private func outside() throws -> [OutsideCheckpoint] {
    guard let checkpoint else { return [] }
    let data =
      checkpoint == "-"
      ? [UInt8](FileHandle.standardInput.readDataToEndOfFile())
      : try InputFile.contents(checkpoint, "the checkpoint")
    let note = try Self.note(data, checkpoint)
    let keys = try key.map { text in
      try VerifierKey(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return [OutsideCheckpoint(note: note, keys: keys.map { [$0] } ?? [])]
  }

  /// The text of a note. What was never one says nothing of the journal, whatever became of it.
  private static func note(_ data: [UInt8], _ path: String) throws -> String {
    let place = path == "-" ? "standard input" : path
    guard data.count <= 64 << 10, let text = String(validating: data, as: UTF8.self),
      text.utf8.split(separator: 0x0A).dropFirst().contains(where: { $0.starts(with: "— ".utf8) })
    else {
      throw Finding.usage(
        "\(place) holds no signed checkpoint: one has lines of text, an empty line and a signature that begins with "
          + "a dash, as `journal checkpoint` prints it")
    }
    return text
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
      output.show(
        "sound: \(report.size) entries, root \(report.root), horizon \(report.horizon)"
          + (report.isRedacted ? "; made without bodies, of which nothing can be said" : ""))
    } else {
      output.line("\(report.problems.count) problems:")
      for problem in report.problems { output.show("  \(problem)") }
    }
    if !json.isJSON, !report.isContentChecked {
      output.line("not checked without the key: bodies, records, baseline")
    }
    output.flush()
  }
}
