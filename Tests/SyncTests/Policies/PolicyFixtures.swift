import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Records of `c` whose conflicts a closure decides: both sides' tags survive, the rest is the server's.
struct Tagged: Record, Hashable {
  static let schema = Schema<Tagged>(
    "c",
    .conflicts(
      .custom("union") { conflict, edit in
        guard let theirs = conflict.theirs, edit.kind != .delete else { return .supersede }
        var fields = theirs
        for (name, value) in edit.fields where name.hasPrefix("tag") { fields[name] = value }
        return fields == theirs ? .supersede : .replaceWith(fields)
      }))
  var id = RecordID<Tagged>()
}

/// Records of `c` whose closure leaves it to a person.
struct Asking: Record, Hashable {
  static let schema = Schema<Asking>("c", .conflicts(.custom("ask") { _, _ in .open }))
  var id = RecordID<Asking>()
}

/// The policies, as tests name them.
enum TestedPolicy: String, CaseIterable, CustomTestStringConvertible {
  case undeclared, rebase, serverWins, clientWins, lastWriter, union

  var testDescription: String { rawValue }

  var records: [any Record.Type] { self == .union ? [Tagged.self] : [] }

  var policy: ConflictPolicy? {
    switch self {
    case .undeclared, .union: nil
    case .rebase: .rebase
    case .serverWins: .serverWins
    case .clientWins: .clientWins
    case .lastWriter: .lastWriter
    }
  }

  /// Whether what the server has stays, where it was written before it heard of the other side's edit.
  var yields: Bool { self == .serverWins || self == .lastWriter || self == .union }
}

extension World {
  func device(
    _ name: String, _ policy: TestedPolicy, configuration: Journal.Configuration = .init()
  ) async throws -> Device {
    let device = try await Device(
      Store.create(
        at: scratch(name), label: name, records: policy.records, configuration: configuration),
      remote)
    if let policy = policy.policy { try await device.store.declarePolicy(policy, of: "c") }
    return device
  }

  /// A device with types of its own.
  func device(_ name: String, records: [any Record.Type]) async throws -> Device {
    try await Device(
      Store.create(at: scratch(name), label: name, records: records), remote)
  }
}

extension Device {
  /// What was decided, as `decider: outcome …`, oldest first.
  func decisions() throws -> [String] {
    try store.journal.read { reader in
      var lines: [String] = []
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .conflict, entry.encoding == StoredEntry.plainEncoding else {
          return true
        }
        try entry.plainBody.withUnsafeBytes { bytes in
          let body = try Body(bytes)
          let outcomes = try ConflictOutcome.list(body).map { "\($0.decision)" }
          lines.append("\(try body.text(.decider) ?? "?"): \(outcomes.joined(separator: " "))")
        }
        return true
      }
      return lines
    }
  }

  /// The fields an entry of a kind has under a member, of the last one about the record.
  func last(_ kind: EntryKind, _ key: String, _ member: BodyKey) throws -> Fields? {
    let entry = try store.read { try $0.history("c", key) }.last { $0.header.kind == kind }
    return try entry?.body.withUnsafeBytes { bytes in
      try Body(bytes).raw(member).map { try Snapshot.decode([UInt8]($0)) }
    }
  }

  /// That nothing waits, and that folding with no policy at all gives the rows that are there.
  func expectSettled(_ comment: Comment? = nil) async throws {
    let counts = try store.journal.read { try $0.counts() }
    #expect(counts.pending == 0 && counts.inFlight == 0 && counts.accepted == 0, comment)
    #expect(counts.parked == 0, comment)
    #expect(try store.problems() == [], comment)
  }
}

/// Syncs in turn until nothing is on its way any more: so many rounds have to be enough.
func settle(_ devices: [Device], rounds: Int = 4, _ comment: Comment? = nil) async throws {
  for _ in 0..<rounds { for device in devices { try await device.sync() } }
  for device in devices {
    try await device.expectSettled(comment)
    #expect(try device.store.picture() == devices[0].store.picture(), comment)
  }
}
