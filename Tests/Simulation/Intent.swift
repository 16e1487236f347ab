/// What one edit says, in the simulation's own words: the oracle shares no code with the library.
struct Intent: Sendable, Equatable, CustomStringConvertible {
  enum Kind: String, Sendable, CaseIterable {
    case create, update, put, delete
  }

  var kind: Kind
  var collection: String
  var key: String
  var fields: [String: String] = [:]
  var unset: [String] = []

  var record: String { "\(collection)/\(key)" }

  var description: String {
    let values = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    return "\(kind.rawValue) \(record)\(values)\(unset.sorted().map { " -\($0)" }.joined())"
  }
}

/// Records as dictionaries, and the one table by which edits change them, written down a second time.
struct Records: Sendable, Equatable, CustomStringConvertible {
  var live: [String: [String: String]] = [:]

  mutating func apply(_ intent: Intent) {
    let before = live[intent.record]
    switch intent.kind {
    case .create:
      live[intent.record] = (before ?? [:]).merging(intent.fields) { $1 }
    case .update:
      guard var fields = before else { return }
      fields.merge(intent.fields) { $1 }
      for name in intent.unset { fields[name] = nil }
      live[intent.record] = fields
    case .put: live[intent.record] = intent.fields
    case .delete: live[intent.record] = nil
    }
  }

  var description: String {
    live.sorted { $0.key < $1.key }.map { record, fields in
      let values = fields.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      return "\(record)\(values)"
    }.joined(separator: "\n")
  }

  /// What edits one after the other make of nothing.
  static func of(_ intents: [Intent]) -> Records {
    var records = Records()
    for intent in intents { records.apply(intent) }
    return records
  }

  /// The records in which two states differ, for messages.
  func difference(from other: Records) -> String {
    let names = Set(live.keys).union(other.live.keys).sorted()
    return names.filter { live[$0] != other.live[$0] }.map { name in
      "\(name): \(Self.text(live[name])), expected \(Self.text(other.live[name]))"
    }.joined(separator: "; ")
  }

  private static func text(_ fields: [String: String]?) -> String {
    guard let fields else { return "none" }
    return "{"
      + fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      + "}"
  }
}
