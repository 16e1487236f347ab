import Journal
import Projection

/// How the simulation reads what the library holds, into its own words.
extension Store {
  /// What is visible.
  func visibleRecords() throws -> Records {
    var records = Records()
    try read { snapshot in
      try snapshot.scan { rowKey, fields in
        let names = try RecordAddress.names(inRowKey: rowKey)
        records.live["\(names.collection)/\(names.key)"] = Intent.fields(
          try Snapshot.decode(fields))
        return true
      }
    }
    return records
  }

  /// The edits held from a sequence on, with their ids.
  func edits(from sequence: SequenceNumber) throws -> [HeldEdit] {
    try journal.read { reader in
      var edits: [HeldEdit] = []
      try reader.scanEntries(from: sequence) { entry in
        if entry.header.kind.isEdit, let intent = try Intent(entry) {
          edits.append(
            HeldEdit(
              id: entry.header.id.description, sequence: entry.header.sequence,
              group: entry.header.group, time: entry.header.time.milliseconds, intent: intent,
              isAbsorbed: entry.header.flags.contains(.absorbed)))
        }
        return true
      }
      return edits
    }
  }

  /// The sequences that entries from a sequence on say the server has accepted.
  func acceptances(from sequence: SequenceNumber) throws -> [SequenceNumber] {
    try journal.read { reader in
      var accepted: [SequenceNumber] = []
      try reader.scanEntries(from: sequence) { entry in
        guard entry.header.kind == .accepted else { return true }
        try entry.plainBody.withUnsafeBytes { bytes in
          var lines = try AcceptanceReader(Body(bytes))
          while let line = try lines.next() { accepted.append(line.sequence) }
        }
        return true
      }
      return accepted
    }
  }
}

/// An edit as an entry says it.
struct HeldEdit: Sendable, Equatable {
  var id: String
  var sequence: SequenceNumber
  var group: SequenceNumber
  /// When it was recorded, in milliseconds since 1970.
  var time: UInt64
  var intent: Intent
  /// Of an edit the server took in: it changed nothing there.
  var isAbsorbed = false
}

extension Intent {
  init?(_ entry: StoredEntry) throws {
    try self.init(entry.header.kind, entry.plainBody)
  }

  /// What a body says; nil where it is no edit's.
  init?(_ kind: EntryKind, _ body: [UInt8]) throws {
    let read = try body.withUnsafeBytes { bytes -> Intent? in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, let kind = Kind(rawValue: kind.description)
      else { return nil }
      var intent = Intent(kind: kind, collection: names.collection, key: names.key)
      if let raw = body.raw(.fields) ?? body.raw(.set) {
        intent.fields = Self.fields(try Snapshot.decode([UInt8](raw)))
      }
      intent.unset = try EditRule.unset(body).map { String(decoding: $0, as: UTF8.self) }
      return intent
    }
    guard let read else { return nil }
    self = read
  }

  static func fields(_ fields: Fields) -> [String: String] {
    var plain: [String: String] = [:]
    for (name, value) in fields {
      plain[name] =
        switch value {
        case .null: "null"
        case .integer(let number): "\(number)"
        case .reference(let collection, let key): "\(collection)/\(key)"
        case .string(let text): text
        default: "\(value)"
        }
    }
    return plain
  }

  /// The fields as they are written.
  var values: Fields {
    var values = Fields()
    for (name, text) in fields.sorted(by: { $0.key < $1.key }) {
      if let number = Int64(text) {
        values[name] = .integer(number)
      } else if text == "null" {
        values[name] = .null
      } else if Ill(rawValue: text) != nil {
        values[name] = .string(text)
      } else {
        let parts = text.split(separator: "/").map(String.init)
        values[name] = .reference(collection: parts[0], key: parts[1])
      }
    }
    return values
  }
}
