import ArgumentParser
import Foundation
import Journal

struct Log: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print entries in order.")

  @OptionGroup var journal: JournalOrPack
  @Option(help: "Only entries about this collection.") var collection: String?
  @Option(help: "Only entries about the record with this id.") var record: String?
  @Option(help: "Only entries of this kind: \(EntryKind.listed).") var kind: String?
  @Option(help: "First sequence.") var from: UInt64?
  @Option(help: "Last sequence.") var to: UInt64?
  @Option(help: "At most so many entries, from the start.") var limit: Int?
  @Flag(help: "Go on with entries as they are appended.") var follow = false
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit is not negative") }
  }

  func run() async throws {
    let wanted = try kind.map { name in
      guard let kind = EntryKind(name: name) else {
        throw Finding.usage(
          "no kind of entry is called \"\(name)\"; the kinds are \(EntryKind.listed)")
      }
      return kind
    }
    var left = limit ?? .max
    let output = Output()
    var next = try print(from: from ?? 1, wanted, &left, output)
    while follow, left > 0, next <= to ?? .max {
      try await Task.sleep(for: .milliseconds(200))
      next = try print(from: next, wanted, &left, output)
    }
  }

  /// Prints what is there and returns the sequence to go on from.
  private func print(
    from first: SequenceNumber, _ wanted: EntryKind?, _ left: inout Int, _ output: Output
  ) throws -> SequenceNumber {
    let reader = try OpenJournal.reader(journal.directory)
    if let from, first == from, from < reader.horizon.sequence,
      try reader.isAnythingTrimmed(from: from, through: to ?? .max)
    {
      Diagnostics.note(
        "journal: entries before \(reader.horizon.sequence) were trimmed; "
          + (try reader.archiveAdvice(for: max(from, 1))).terminalSafe)
    }
    let line = EntryLine(statuses: EditStatuses(reader))
    if left > 0 {
      try reader.scanEntries(from: first) { entry in
        guard entry.header.sequence <= to ?? .max else { return false }
        guard wanted == nil || entry.header.kind == wanted else { return true }
        let fields = try line.fields(entry)
        guard matches(fields) else { return true }
        json.isJSON ? output.line(JSONLines.text(fields)) : output.show(EntryText.parts(fields))
        left -= 1
        return left > 0
      }
    }
    output.flush()
    return reader.head.lastSequence + 1
  }

  private func matches(_ fields: Fields) -> Bool {
    if let collection, fields["collection"] != .string(collection) { return false }
    if let record, fields["record"] != .string(record) { return false }
    return true
  }
}

extension EntryKind {
  /// The names of all kinds, as `--kind` takes them without quotes.
  fileprivate static var listed: String {
    (EntryKind.opened.rawValue...EntryKind.deviceChanged.rawValue).map { rawValue in
      EntryKind(rawValue: rawValue).description.replacingOccurrences(of: " ", with: "-")
    }.joined(separator: ", ")
  }
}

/// An entry as one line for people.
enum EntryText {
  private static let shown: Set<String> = [
    "sequence", "time", "kind", "collection", "record", "status", "actor", "device", "entry",
  ]
  /// Members that only programs want to see.
  private static let hidden: Set<String> = [
    "epoch", "born", "originEntry", "digest", "verifierKey",
  ]

  /// A version as `timestamp.tieBreak`, anything else as JSON.
  private static func plain(_ value: Value) -> String {
    if case .object(let parts) = value, parts.count == 2, let time = parts["timestamp"],
      let tie = parts["tieBreak"]
    {
      return "\(time).\(tie)"
    }
    return JSONText.string(value)
  }

  /// What a person reads of an entry, part by part.
  static func parts(_ fields: Fields) -> [String] {
    func text(_ name: String) -> String? {
      switch fields[name] {
      case .string(let text): text
      case .some(let value): JSONText.string(value)
      case nil: nil
      }
    }
    var parts = [
      String(repeating: " ", count: max(0, 7 - (text("sequence") ?? "").count))
        + (text("sequence") ?? ""),
      text("time") ?? "", text("kind") ?? "",
    ]
    if let collection = text("collection"), let record = text("record") {
      parts.append("\(collection)/\(record)")
    }
    if let status = text("status") { parts.append("[\(status)]") }
    if let actor = text("actor") { parts.append("by \(actor)") }
    for (name, value) in fields where !shown.contains(name) && !hidden.contains(name) {
      parts.append("\(name)=\(plain(value))")
    }
    return parts
  }
}
