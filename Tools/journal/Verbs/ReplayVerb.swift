import ArgumentParser
import Journal
import Projection

struct ReplayVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Fold the journal anew and compare with a golden export and the stored rows.")

  @OptionGroup var journal: JournalOrPack
  @Option(help: "A golden export to compare with.") var expect: String?
  @Option(help: "Write the export here.") var record: String?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    var progress = Progress("folded")
    let last = reader.head.lastSequence
    let state = try Replay.fold(reader, through: last, with: RecordFolder()) { entry, _ in
      progress.update(entry.header.sequence, of: last)
    }
    progress.finish()
    let folded = try Self.export(Snapshot(reader, state: state))
    if let record { try OutputFile.write(folded, to: record) }
    // A pack holds no folded rows: only a golden export can contradict its fold.
    var differences =
      reader.storage.holdsFold
      ? Self.differences(folded, try Self.export(Snapshot(reader)), "the stored rows") : []
    if let expect {
      let golden = try InputFile.contents(expect, "the expected export")
      differences += Self.differences(folded, golden, expect)
    }
    let fields: Fields = [
      "from": JSONLines.number(reader.horizon.sequence), "through": JSONLines.number(last),
      "records": JSONLines.number(folded.count { $0 == 0x0A }),
      "equal": .bool(differences.isEmpty),
      "differences": .array(differences.prefix(20).map { .string($0) }),
    ]
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(fields))
    } else {
      output.line(
        "folded \(reader.horizon.sequence)...\(last): "
          + (differences.isEmpty ? "equal" : "\(differences.count) differences"))
      for difference in differences.prefix(20) {
        output.show("  \(difference)")
      }
    }
    output.flush()
    if !differences.isEmpty { throw Finding.negative() }
  }

  private static func export(_ snapshot: Snapshot) throws -> [UInt8] {
    var text: [UInt8] = []
    try snapshot.scan { rowKey, fields in
      try JSONLines.record(rowKey, fields, into: &text)
      text.append(0x0A)
      return true
    }
    return text
  }

  /// Lines that stand on one side only.
  private static func differences(_ folded: [UInt8], _ other: [UInt8], _ name: String) -> [String] {
    guard folded != other else { return [] }
    let ours = Set(folded.split(separator: 0x0A))
    let theirs = Set(other.split(separator: 0x0A))
    let only = ours.subtracting(theirs).map {
      "only in the fold: \(String(decoding: $0, as: UTF8.self))"
    }
    let missing = theirs.subtracting(ours).map {
      "only in \(name): \(String(decoding: $0, as: UTF8.self))"
    }
    let lines = (only + missing).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return lines.isEmpty ? ["the order or the end of \(name) differs"] : lines
  }
}

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Do two journals show the same visible records?")

  @Argument(help: "A journal's directory.", completion: .directory) var first: String
  @Argument(help: "Another's.", completion: .directory) var second: String
  @OptionGroup var key: KeyOption
  @OptionGroup var json: JSONFlag

  func run() throws {
    let left = try Self.records(first)
    let right = try Self.records(second)
    let keys = Set(left.keys).union(right.keys).sorted { $0.lexicographicallyPrecedes($1) }
    let output = Output()
    var differing = 0
    for key in keys where left[key] != right[key] {
      differing += 1
      let names = try RecordAddress(rowKey: key).names
      var fields: Fields = [
        "collection": .string(names.collection), "id": .string(names.key),
      ]
      if let one = left[key] { fields["first"] = .object(try Snapshot.decode(one)) }
      if let other = right[key] { fields["second"] = .object(try Snapshot.decode(other)) }
      let text =
        "\(names.collection)/\(names.key)  first: \(fields["first"]?.description ?? "absent")"
        + "  second: \(fields["second"]?.description ?? "absent")"
      json.isJSON ? output.line(JSONLines.text(fields)) : output.show(text)
    }
    if differing == 0, !json.isJSON { output.line("equal: \(keys.count) records") }
    output.flush()
    if differing > 0 { throw Finding.negative() }
  }

  private static func records(_ path: String) throws -> [[UInt8]: [UInt8]] {
    var records: [[UInt8]: [UInt8]] = [:]
    try OpenJournal.snapshot(path, at: nil).scan { rowKey, fields in
      records[[UInt8](rowKey)] = fields
      return true
    }
    return records
  }
}
