import Journal

/// An entry as `log`, `history`, `pending` and `conflicts` print it.
struct EntryLine {
  let statuses: EditStatuses

  func fields(_ entry: StoredEntry) throws -> Fields {
    let header = entry.header
    var line: Fields = [
      "sequence": JSONLines.number(header.sequence),
      "kind": .string(header.kind.description),
      "entry": .string(header.id.description),
      "device": .string(header.device.description),
      "time": .string(header.time.description),
    ]
    if header.group != 0 { line["group"] = JSONLines.number(header.group) }
    if header.schema != 0 { line["schema"] = JSONLines.number(header.schema) }
    switch entry.encoding {
    case StoredEntry.plainEncoding: break
    case StoredEntry.withheldEncoding:
      line["withheld"] = true
      return line
    case StoredEntry.erasedEncoding:
      line["erased"] = true
      return line
    default:
      line["encoding"] = JSONLines.number(entry.encoding)
      return line
    }
    try entry.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      for key in BodyKey.allCases {
        guard let raw = body.raw(key) else { continue }
        // `opened` names the device that its header names as well.
        if key == .device, header.kind == .opened { continue }
        try add(key, raw, to: &line)
      }
    }
    if header.kind.isEdit {
      line["status"] = .string(try statuses.status(of: header))
      if try statuses.isAbsorbed(header) { line["absorbed"] = true }
      if try statuses.isUndecided(header) { line["undecided"] = true }
    }
    return line
  }

  private func add(_ key: BodyKey, _ raw: UnsafeRawBufferPointer, to line: inout Fields) throws {
    let value = try JSONLines.value(raw)
    switch key {
    case .key: line["record"] = value
    case .origin:
      guard let origin = try Origin(raw) else { return }
      line["device"] = .string(origin.device.description)
      line["origin"] = [
        "sequence": JSONLines.number(origin.sequence), "time": .string(origin.time.description),
      ]
    case .journal, .device, .originID:
      guard case .bytes(let bytes) = value, let id = EntryID(bytes: bytes) else { return }
      line[key == .originID ? "originEntry" : key == .journal ? "journal" : "newDevice"] =
        .string(id.description)
    case .digest, .root, .baseline, .archiveDigest, .filter:
      guard case .bytes(let bytes) = value else { return }
      line["\(key)"] = .string(Base64.encode(bytes))
    case .state:
      let states: [Value] = ["live", "deleted", "erased", "withdrawn"]
      if case .integer(let state) = value, states.indices.contains(Int(clamping: state)) {
        line["state"] = states[Int(state)]
      }
    case .version, .born, .through:
      guard case .array(let parts) = value, parts.count == 2 else { return }
      line["\(key)"] = ["timestamp": parts[0], "tieBreak": parts[1]]
    case .results:
      line["results"] = Self.objects(value, ["sequence", "timestamp", "tieBreak", "absorbed"])
    case .acceptances: line["results"] = try Self.acceptances(raw)
    case .refusals: line["refusals"] = Self.objects(value, ["sequence", "code", "message"])
    case .entries: line["entries"] = Self.objects(value, ["first", "last"])
    case .archives: line["archives"] = Self.objects(value, ["horizon", "path", "digest"])
    case .outcomes: line["outcomes"] = Self.outcomes(value)
    case .strict: line["strict"] = Self.objects(value, ["first", "last"])
    case .decisions: line["decisions"] = Self.objects(value, ["edit", "decision"])
    default: line["\(key)"] = value
    }
  }

  private static func objects(_ value: Value, _ names: [String]) -> Value {
    guard case .array(let rows) = value else { return value }
    return .array(
      rows.map { row in
        guard case .array(let members) = row else { return row }
        var object = Fields()
        for (name, member) in zip(names, members) { object[name] = member }
        return .object(object)
      })
  }

  /// The lines in full, under the name and in the form that entries of the older layout have.
  private static func acceptances(_ raw: UnsafeRawBufferPointer) throws -> Value {
    var reader = try AcceptanceReader(differences: CBORReader(raw))
    var lines: [Value] = []
    while let line = try reader.next() {
      lines.append([
        "sequence": JSONLines.number(line.sequence),
        "timestamp": JSONLines.number(line.version.timestamp),
        "tieBreak": JSONLines.number(line.version.tieBreak),
        "absorbed": line.isAbsorbed ? 1 : 0,
      ])
    }
    return .array(lines)
  }

  private static func outcomes(_ value: Value) -> Value {
    guard case .array(let rows) = objects(value, ["sequence", "outcome", "patch", "unset"]) else {
      return value
    }
    let names: [Value] = ["keep", "replaceWith", "supersede", "open"]
    return .array(
      rows.map { row in
        guard case .object(var outcome) = row else { return row }
        if case .integer(let number) = outcome["outcome"] ?? .null,
          names.indices.contains(Int(clamping: number))
        {
          outcome["outcome"] = names[Int(clamping: number)]
        }
        if outcome["patch"] == .null { outcome["patch"] = nil }
        return .object(outcome)
      })
  }
}

extension Origin {
  fileprivate init?(_ raw: UnsafeRawBufferPointer) throws {
    var builder = BodyBuilder()
    builder.add(.origin, raw: raw)
    let bytes = builder.finish()
    let origin = try bytes.withUnsafeBytes { try Origin(Body($0)) }
    guard let origin else { return nil }
    self = origin
  }
}

/// Where each edit stands; learned from delivery entries once, when first needed.
final class EditStatuses {
  private let reader: JournalReader
  private lazy var answered = Result { try Self.readAnswers(reader) }
  /// Of a pack, which holds no rows folded from its entries.
  private lazy var folded = Result { try OpenJournal.fold(reader) }

  init(_ reader: JournalReader) {
    self.reader = reader
  }

  private struct Answers {
    var absorbed: Set<SequenceNumber> = []
    var superseded: Set<SequenceNumber> = []
    var discarded: Set<SequenceNumber> = []
  }

  func status(of header: EntryHeader) throws -> String {
    if header.flags.contains(.local) { return "local" }
    if let edit = try edit(header.sequence) {
      return switch edit.delivery {
      case .pending: "pending"
      case .inFlight: "inFlight"
      case .accepted: "accepted"
      case .parked: "parked"
      }
    }
    let answers = try answered.get()
    if answers.discarded.contains(header.sequence) { return "discarded" }
    return answers.superseded.contains(header.sequence) ? "superseded" : "settled"
  }

  private func edit(_ sequence: SequenceNumber) throws -> EditState? {
    if reader.storage.holdsFold { return try reader.edit(sequence) }
    return try folded.get()?.edit(sequence)
  }

  /// Whether a conflict about an edit is open, so that it is not sent.
  func isUndecided(_ header: EntryHeader) throws -> Bool {
    try edit(header.sequence)?.isUndecided ?? false
  }

  func isAbsorbed(_ header: EntryHeader) throws -> Bool {
    if header.flags.contains(.absorbed) { return true }
    if header.flags.contains(.local) { return false }
    if let edit = try edit(header.sequence) {
      guard case .accepted(_, let absorbed, _) = edit.delivery else { return false }
      return absorbed
    }
    return try answered.get().absorbed.contains(header.sequence)
  }

  private static func readAnswers(_ reader: JournalReader) throws -> Answers {
    var answers = Answers()
    try reader.scanEntries(from: 1) { entry in
      let kind = entry.header.kind
      guard kind == .accepted || kind == .conflict || kind == .discarded,
        entry.encoding == StoredEntry.plainEncoding
      else { return true }
      try entry.body.withUnsafeBytes { bytes in
        let body = try Body(bytes)
        guard kind != .discarded else {
          for range in try body.ranges(.entries) { answers.discarded.formUnion(range) }
          return
        }
        guard kind == .conflict else {
          var lines = try AcceptanceReader(body)
          while let line = try lines.next() {
            guard line.isAbsorbed else { continue }
            answers.absorbed.insert(line.sequence)
          }
          return
        }
        guard let raw = body.raw(.outcomes), case .array(let rows) = try JSONLines.value(raw)
        else { return }
        for case .array(let row) in rows {
          guard case .integer(let sequence) = row.first ?? .null else { continue }
          if row.count == 3, row[1] == .integer(2) {
            answers.superseded.insert(UInt64(clamping: sequence))
          }
        }
      }
      return true
    }
    return answers
  }
}
