import ArgumentParser
import Journal
import Projection

struct Get: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print one record.")

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The record's collection.") var collection: String
  @Argument(help: "The record's id.") var id: String
  @Option(help: "A sequence, or a time in RFC 3339.") var at: MomentArgument?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let snapshot = try OpenJournal.snapshot(journal.directory, at: at)
    guard let fields = try snapshot.get(collection, id) else {
      throw Finding.negative("\(collection)/\(id) does not exist")
    }
    let output = Output()
    if json.isJSON {
      output.line(
        JSONLines.text([
          "collection": .string(collection), "id": .string(id), "fields": .object(fields),
        ]))
    } else {
      output.show("\(collection)/\(id)")
      for (name, value) in fields {
        output.show("  \(name): \(JSONText.string(value))")
      }
    }
    output.flush()
  }
}

struct QueryVerb: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Print the records of a collection that match.")

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The collection to look in.") var collection: String
  @Option(
    name: .customLong("where"), parsing: .singleValue,
    help: """
      FIELD OP VALUE, OP between spaces: = != < <= > >= contains in. VALUE is JSON, so strings \
      need quotes: 'title = "Milk"'.
      """)
  var conditions: [ConditionArgument] = []
  @Option(help: "FIELD, FIELD:asc or FIELD:desc.") var sort: String?
  @Option(help: "At most so many records.") var limit: Int?
  @Option(help: "Leave out so many records first.") var offset: Int = 0
  @Option(help: "A sequence, or a time in RFC 3339.") var at: MomentArgument?
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if let limit, limit < 0 { throw ValidationError("--limit is not negative") }
    if offset < 0 { throw ValidationError("--offset is not negative") }
    if let sort, Self.order(sort) == nil {
      throw ValidationError("--sort is FIELD, FIELD:asc or FIELD:desc")
    }
  }

  /// A field's name may hold colons: only the two known suffixes are none of it.
  private static func order(_ text: String) -> Query.Sort? {
    let isDescending = text.hasSuffix(":desc")
    let suffixCount = isDescending ? 5 : text.hasSuffix(":asc") ? 4 : 0
    let field = String(text.dropLast(suffixCount))
    return field.isEmpty ? nil : Query.Sort(field, descending: isDescending)
  }

  func run() throws {
    let snapshot = try OpenJournal.snapshot(journal.directory, at: at)
    let order = sort.flatMap { Self.order($0) }
    let records = try snapshot.query(
      Query(
        collection, where: conditions.map(\.condition), sort: order, limit: limit,
        offset: offset))
    let output = Output()
    for record in records {
      let fields: Fields = [
        "collection": .string(record.collection), "id": .string(record.key),
        "fields": .object(record.fields),
      ]
      json.isJSON
        ? output.line(JSONLines.text(fields))
        : output.show([record.key, JSONLines.text(record.fields)])
    }
    output.flush()
  }
}

/// `FIELD OP VALUE` of `--where`.
struct ConditionArgument: ExpressibleByArgument {
  let condition: Query.Condition

  init?(argument: String) {
    // The field ends at the first operator that stands between spaces.
    let parts = argument.split(separator: " ", omittingEmptySubsequences: false)
    for index in parts.indices.dropFirst() {
      guard let found = Query.Condition.Operator(rawValue: String(parts[index])) else { continue }
      let field = parts[..<index].joined(separator: " ")
      let text = parts[(index + 1)...].joined(separator: " ")
      guard !field.isEmpty,
        case .success(let value) = Result(catching: { try JSONText.parse(text) })
      else { return nil }
      if found == .in, case .array = value {} else if found == .in { return nil }
      condition = Query.Condition(field, found, value)
      return
    }
    return nil
  }
}

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print all visible records as lines of JSON, ordered by collection, then id.")

  @OptionGroup var journal: JournalOrPack
  @Option(help: "Only this collection.") var collection: String?
  @Option(help: "A sequence, or a time in RFC 3339.") var at: MomentArgument?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let snapshot = try OpenJournal.snapshot(journal.directory, at: at)
    let output = Output()
    try snapshot.scan(collection) { rowKey, fields in
      try output.line { try JSONLines.record(rowKey, fields, into: &$0) }
      return true
    }
    output.flush()
  }
}

struct History: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the entries about one record: edits, remote changes, decisions.")

  @OptionGroup var journal: JournalOrPack
  @Argument(help: "The record's collection.") var collection: String
  @Argument(help: "The record's id.") var id: String
  @Option(help: "A sequence, or a time in RFC 3339.") var at: MomentArgument?
  @OptionGroup var json: JSONFlag

  func run() throws {
    let snapshot = try OpenJournal.snapshot(journal.directory, at: at)
    let reader = snapshot.reader
    let (entries, trimmed) = try snapshot.heldHistory(collection, id)
    guard !entries.isEmpty else { throw try nothingHeld(reader, trimmed) }
    if let trimmed {
      Diagnostics.note(
        "journal: earlier entries about \(collection)/\(id) were trimmed; ".terminalSafe
          + (try reader.archiveAdvice(for: trimmed)).terminalSafe)
    }
    let line = EntryLine(statuses: EditStatuses(reader))
    let output = Output()
    for entry in entries {
      let fields = try line.fields(entry)
      json.isJSON ? output.line(JSONLines.text(fields)) : output.show(EntryText.parts(fields))
    }
    output.flush()
  }

  /// Says apart what never was and what is no longer held.
  private func nothingHeld(
    _ reader: JournalReader, _ trimmed: SequenceNumber?
  ) throws -> any Error {
    let horizon = reader.horizon.sequence
    if let trimmed {
      return JournalError.belowHorizon(
        "the entries about \(collection)/\(id) lie below the horizon \(horizon) and were trimmed; "
          + (try reader.archiveAdvice(for: trimmed)))
    }
    let message = "nothing is recorded about \(collection)/\(id)"
    guard try reader.isAnythingTrimmed(from: 1) else { return Finding.negative(message) }
    return Finding.negative(
      "\(message); entries before the horizon \(horizon) were trimmed, "
        + (try reader.archiveAdvice(for: 1)))
  }
}
