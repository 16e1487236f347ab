import ArgumentParser
import Journal
import Projection

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print counts and sizes.")

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let fold = try OpenJournal.fold(reader)
    let counts = try fold?.counts ?? reader.counts()
    var collections: [[UInt8]: UInt64] = [:]
    let snapshot = fold.map { Snapshot(reader, state: $0) } ?? Snapshot(reader)
    try snapshot.scan { rowKey, _ in
      let name = try RecordAddress.names(inRowKey: rowKey).collection
      collections[[UInt8](name.utf8), default: 0] += 1
      return true
    }
    var perCollection = Fields()
    for (name, count) in collections {
      perCollection[String(decoding: name, as: UTF8.self)] = JSONLines.number(count)
    }
    let first = try reader.storage.firstKey(.entries).flatMap { key in
      try key.withUnsafeBytes { try JournalReader.sequence(ofKey: $0) }
    }
    let stats: Fields = [
      "entries": JSONLines.number(try reader.storage.count(.entries)),
      "firstSequence": JSONLines.number(first ?? 0),
      "lastSequence": JSONLines.number(reader.head.lastSequence),
      "pending": JSONLines.number(counts.pending + counts.inFlight),
      "parked": JSONLines.number(counts.parked),
      "accepted": JSONLines.number(counts.accepted),
      "settled": JSONLines.number(counts.settled),
      "collections": .object(perCollection),
      "bytes": JSONLines.number(try Self.bytes(reader)),
      "horizon": JSONLines.number(reader.horizon.sequence),
      "device": .string(reader.identity.current.id.description),
      "label": .string(reader.identity.current.label),
      "local": .bool(reader.identity.isLocal),
      "rewriteWanted": .bool(try reader.meta(MetaKey.rewriteWanted) != nil),
    ]
    let output = Output()
    if json.isJSON {
      output.line(JSONLines.text(stats))
    } else {
      for name in Self.order {
        guard let value = stats[name] else { continue }
        let shown = if case .string(let text) = value { text } else { JSONText.string(value) }
        output.show("\(name): \(shown)")
      }
    }
    output.flush()
  }

  /// Reachable pages of a journal's file, all of a pack.
  private static func bytes(_ reader: JournalReader) throws -> UInt64 {
    switch reader.storage {
    case let pages as PagedReader: try pages.reachableBytes
    case let pack as PackReader: try pack.byteCount
    default: 0
    }
  }

  /// The order for people.
  private static let order = [
    "entries", "firstSequence", "lastSequence", "horizon", "pending", "accepted", "parked",
    "settled", "collections", "bytes", "device", "label", "local", "rewriteWanted",
  ]
}

struct Pending: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the outgoing queue: edits the server has not answered.")

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let line = EntryLine(statuses: EditStatuses(reader))
    let output = Output()
    for (sequence, state) in try Self.openEdits(reader) {
      switch state.delivery {
      case .accepted, .parked: continue
      case .pending, .inFlight: break
      }
      guard let entry = try reader.entry(sequence) else {
        throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`")
      }
      var fields = try line.fields(entry)
      if case .inFlight(let sent) = state.delivery { fields["sent"] = JSONLines.number(sent) }
      json.isJSON ? output.line(JSONLines.text(fields)) : output.show(EntryText.parts(fields))
    }
    output.flush()
  }

  static func openEdits(
    _ reader: JournalReader
  ) throws -> [(sequence: SequenceNumber, state: EditState)] {
    if let fold = try OpenJournal.fold(reader) { return fold.openEdits() }
    var edits: [(sequence: SequenceNumber, state: EditState)] = []
    try reader.scanEdits { sequence, state in
      edits.append((sequence, state))
      return true
    }
    return edits
  }
}
