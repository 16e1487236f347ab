import ArgumentParser
import Journal

struct Pack: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write the journal as one file: the report to send.",
    discussion: """
      The file holds entries, baseline, gap hashes and a signed checkpoint, and neither keys nor \
      secrets. `verify`, `log`, `get`, `query`, `export`, `history`, `prove` and `replay` read it \
      like a journal.
      """)

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The file to write; it must not exist yet.", completion: .file()) var file: String
  @Flag(help: "Leave bodies and salts out: order, times and proofs remain, no content.")
  var redact = false
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let note =
      try reader.packedCheckpoint ?? Journal.checkpoint(of: reader, path: journal.directory)
    var progress = Progress("packed")
    let last = reader.head.lastSequence
    let digest = try reader.pack(to: file, checkpoint: note, isRedacted: redact) { sequence in
      progress.update(sequence, of: last)
    }
    progress.finish()
    let entries = try reader.storage.count(.entries)
    let isWhole = try !reader.isAnythingTrimmed(from: 1)
    try OpenJournal.endShowing(reader, journal.directory)
    let bytes = try PackReader(path: file).byteCount
    let fields: Fields = [
      "file": .string(file), "entries": JSONLines.number(entries),
      "size": JSONLines.number(last), "horizon": JSONLines.number(reader.horizon.sequence),
      "bytes": JSONLines.number(bytes), "digest": .string(Hex.encode(digest.bytes)),
      "redacted": .bool(redact),
    ]
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(fields))
    } else {
      // Entries that wait are kept below the horizon, too.
      let first = isWhole ? 1 : reader.horizon.sequence
      output.show(
        "\(file): \(bytes) bytes, \(entries) entries, all from \(first) to \(last), SHA-256 "
          + Hex.encode(digest.bytes))
    }
    output.flush()
  }
}
