import Journal
import Transport

/// What `sync` says of one remote: as an object for programs, as lines for people.
struct SyncAnswer {
  let remote: String
  /// What was done; of a sync that failed, until then.
  var report = SyncReport()
  /// Edits of collections that no remote owns, by the collection's bytes.
  var unowned: [[UInt8]: UInt64] = [:]
  /// Why it was not completed.
  var failure: Failure?
  var comparesDigests = false
  /// Whether no other remote was asked.
  var isOnly = true

  init(remote: String, comparesDigests: Bool) {
    self.remote = remote
    self.comparesDigests = comparesDigests
  }

  /// How things stand in the journal, which a sync that failed does not say.
  mutating func count(_ reader: JournalReader) throws {
    let counts = try reader.counts()
    report.pending = counts.pending + counts.inFlight
    report.parked = counts.parked
    report.cursor = try reader.cursor(of: remote)?.cursor
    unowned = try reader.unownedEdits()
  }

  private var unownedCount: UInt64 { unowned.values.reduce(0, +) }

  var object: Fields {
    var fields: Fields = [
      "pushed": JSONLines.number(report.pushed), "accepted": JSONLines.number(report.accepted),
      "refused": JSONLines.number(report.refused),
      "conflicts": JSONLines.number(report.conflicts),
      "pulled": JSONLines.number(report.pulled), "pending": JSONLines.number(report.pending),
      "parked": JSONLines.number(report.parked), "unowned": JSONLines.number(unownedCount),
      "cursor": report.cursor.map { .string($0) } ?? .null,
    ]
    if comparesDigests { fields["repaired"] = JSONLines.number(report.repaired) }
    if report.vanished > 0 { fields["vanished"] = JSONLines.number(report.vanished) }
    if let reason = report.fullStateReason { fields["fullState"] = .string(reason) }
    if report.retryAfterMilliseconds > 0 {
      fields["retryAfter"] = JSONLines.number(RetryAfter.seconds(report.retryAfterMilliseconds))
    }
    if !isOnly { fields["remote"] = .string(remote) }
    for (name, value) in failure?.object ?? [:] { fields[name] = value }
    return fields
  }

  /// What was done, and what the server asks for; nothing of a sync that failed before it did anything.
  var lines: [String] {
    var line =
      "\(remote): pushed \(report.pushed) (accepted \(report.accepted), refused \(report.refused)), pulled "
      + "\(report.pulled), conflicts \(report.conflicts), pending \(report.pending), parked "
      + "\(report.parked)"
    if comparesDigests { line += ", repaired \(report.repaired)" }
    if failure != nil { line += "; not completed" }
    let didNothing = report.pushed == 0 && report.pulled == 0 && report.conflicts == 0
    var lines = failure != nil && didNothing ? [] : [line]
    if let reason = Self.reason(report.fullStateReason) { lines.append("\(remote): \(reason)") }
    if report.vanished > 0 {
      lines.append(
        "\(remote): \(Self.count(report.vanished, "record")) gone that the server does not show; "
          + "the journal still has what was in them")
    }
    if report.retryAfterMilliseconds > 0 {
      lines.append(
        "\(remote): the server asks to wait \(RetryAfter.seconds(report.retryAfterMilliseconds)) s")
    }
    return lines
  }

  /// What a person should know of a server that is not where it was.
  private static func reason(_ name: String?) -> String? {
    switch name {
    case "epoch-changed":
      "another server answers at this address, or this one was made anew: its records are read from "
        + "the beginning"
    case "went-back":
      "the server went back to an earlier state: what it lost of this device's edits is sent again, "
        + "and its records are read from the beginning"
    case "resync-required":
      "the server no longer has all that is new: its records are read from the beginning"
    case "filter-changed":
      "other records are asked for than before: those that are not go from here, and stay at the server"
    default: nil
    }
  }

  private static func count(_ number: some BinaryInteger, _ noun: String) -> String {
    "\(number) \(noun)\(number == 1 ? "" : "s")"
  }

  /// What stays behind and needs somebody, once for all remotes.
  func hints(_ directory: String) -> [String] {
    var hints: [String] = []
    if report.parked > 0 {
      hints.append(
        "\(Self.count(report.parked, "edit")) set aside: `journal parked \(directory)` says why")
    }
    if unownedCount > 0 {
      let names = unowned.keys.sorted { $0.lexicographicallyPrecedes($1) }
        .map { $0.isEmpty ? "an erasure" : String(decoding: $0, as: UTF8.self) }
      let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
      hints.append(
        "\(Self.count(unownedCount, "edit")) pending for a remote that owns \(shown): `journal remote add "
          + "\(directory) … --collection`")
    }
    return hints
  }
}
