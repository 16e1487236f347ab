import ArgumentParser
import Journal
import Projection

struct BlameVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "blame",
    abstract: "Print, for each field of a record, the entry that gave it its value.")

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The record's collection.") var collection: String
  @Argument(help: "The record's id.") var id: String
  @Option(help: "A sequence, or a time in RFC 3339.") var at: MomentArgument?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let through = try at?.moment.sequence(in: reader) ?? reader.head.lastSequence
    guard let blame = try Blame.of(collection, id, in: reader, through: through) else {
      throw Finding.negative("\(collection)/\(id) does not exist")
    }
    let output = Output()
    for field in blame.fields {
      let line = Self.line(field.cause, ["field": .string(field.name), "value": field.value])
      json.isJSON ? output.line(JSONLines.text(line)) : output.show(Self.text(line))
    }
    if !json.isJSON {
      output.show(Self.text(Self.line(blame.existence, ["field": "(exists)"])))
    }
    output.flush()
  }

  private static func line(_ cause: BlameCause, _ front: Fields) -> Fields {
    var line = front
    switch cause {
    case .belowHorizon(let past):
      line["belowHorizon"] = JSONLines.number(past.through + 1)
      if let archive = past.archive { line["archive"] = .string(archive) }
    case .entry(let entry):
      line["sequence"] = JSONLines.number(entry.sequence)
      line["kind"] = .string(entry.kind.description)
      line["time"] = .string(entry.time.description)
      if let since = entry.since, since != entry.sequence {
        line["since"] = JSONLines.number(since)
      }
      if let actor = entry.actor { line["actor"] = .string(actor) }
      if let reason = entry.reason { line["reason"] = .string(reason) }
      if let device = entry.device { line["device"] = .string(device.description) }
      if let id = entry.originEntry { line["originEntry"] = .string(id.description) }
    }
    return line
  }

  private static func text(_ line: Fields) -> String {
    func plain(_ name: String) -> String {
      switch line[name] {
      case .none: "-"
      case .string(let text)?: text
      case let value?: value.description
      }
    }
    let value = line["value"].map { "  \($0)" } ?? ""
    guard line["sequence"] != nil else {
      return "\(plain("field"))\(value)  below the horizon \(plain("belowHorizon"))"
        + (line["archive"] == nil ? "" : ", in the archive \(plain("archive"))")
    }
    return "\(plain("field"))\(value)  \(plain("sequence"))  \(plain("time"))  \(plain("actor"))  "
      + plain("kind")
  }
}

struct Diff: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the fields of records that differ between two moments.",
    discussion: """
      One line for each field. A side on which the field is absent has no value; a record that came or \
      went without any field has a line of its own without `field`.
      """)

  @OptionGroup var journal: JournalOrPack
  @Option(help: "A sequence, or a time in RFC 3339.") var from: MomentArgument
  @Option(help: "A sequence, or a time in RFC 3339.") var to: MomentArgument
  @Option(help: "Only this collection.") var collection: String?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let differences = try Difference.between(
      from.moment.sequence(in: reader), to.moment.sequence(in: reader), collection, reader)
    let output = Output()
    for difference in differences {
      for line in Self.lines(difference) {
        json.isJSON ? output.line(JSONLines.text(line)) : output.show(Self.text(line))
      }
    }
    output.flush()
  }

  private static func lines(_ difference: RecordDifference) -> [Fields] {
    let front: Fields = [
      "collection": .string(difference.collection), "id": .string(difference.key),
    ]
    guard !difference.fields.isEmpty else {
      var line = front
      line[difference.kind == .created ? "to" : "from"] = .object([:])
      return [line]
    }
    return difference.fields.map { field in
      var line = front
      line["field"] = .string(field.name)
      if let value = field.before { line["from"] = value }
      if let value = field.after { line["to"] = value }
      return line
    }
  }

  private static func text(_ line: Fields) -> String {
    func plain(_ name: String) -> String {
      if case .string(let text) = line[name] { text } else { "(record)" }
    }
    return "\(plain("collection"))/\(plain("id"))  \(plain("field")): "
      + "\(line["from"]?.description ?? "absent") -> \(line["to"]?.description ?? "absent")"
  }
}
