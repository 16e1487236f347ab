import ArgumentParser
import Journal
import Projection

struct Parked: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the edits that were set aside, and why.",
    discussion: "`retry` has them judged again, `discard` gives them up.")

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    let line = EntryLine(statuses: EditStatuses(reader))
    let output = Output()
    for (sequence, state) in try Pending.openEdits(reader) {
      guard case .parked(let by) = state.delivery else { continue }
      guard let entry = try reader.entry(sequence) else {
        throw JournalError.damaged("open edit \(sequence) is missing; run `journal verify`")
      }
      var fields = try line.fields(entry)
      let reason = try reader.parkingReason(of: sequence, by: by)
      fields["parkedBy"] = JSONLines.number(by)
      fields["code"] = .string(reason.code)
      fields["message"] = .string(reason.message)
      if let cause = reason.dependsOn { fields["dependsOn"] = JSONLines.number(cause) }
      json.isJSON ? output.line(JSONLines.text(fields)) : output.show(EntryText.parts(fields))
    }
    output.flush()
  }
}

struct Retry: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put parked edits back in their places: the next sync sends them again.",
    discussion: """
      With an edit go its group and what was set aside because it does not apply without it. \
      A sequence that is not parked is refused, and nothing is changed.
      """)

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "The edits.") var sequences: [UInt64]
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if sequences.isEmpty { throw ValidationError("name at least one edit") }
  }

  func run() async throws {
    let store = try OpenJournal.store(journal.directory)
    defer { store.close() }
    let edits = try await store.retry(sequences)
    Decided.say("retried", edits, json)
  }
}

struct Discard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Give parked or pending edits up for ever.",
    discussion: """
      With an edit goes its group. Its entry stays. What was set aside because it does not apply \
      without it stays parked, unless --dependents is given. An edit that was sent, or is settled, is \
      refused, and nothing is changed.
      """)

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "The edits.") var sequences: [UInt64]
  @Option(help: "Why; it stays in the journal.") var reason: String?
  @Flag(help: "Also what does not apply without them.") var dependents = false
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if sequences.isEmpty { throw ValidationError("name at least one edit") }
  }

  func run() async throws {
    let store = try OpenJournal.store(journal.directory)
    defer { store.close() }
    let edits = try await store.discard(
      sequences, because: reason, withDependents: dependents)
    Decided.say("discarded", edits, json)
  }
}

/// What `retry` and `discard` print: the edits it was about, their groups among them.
private enum Decided {
  static func say(_ what: String, _ edits: [SequenceNumber], _ json: JSONFlag) {
    let output = Output()
    let numbers = edits.map { JSONLines.number($0) }
    output.line(
      json.isJSON
        ? JSONLines.text([what: .array(numbers)])
        : "\(what) \(edits.map(String.init).joined(separator: " "))")
    output.flush()
  }
}
