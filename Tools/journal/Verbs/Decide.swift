import ArgumentParser
import Journal
import Projection

struct Decide: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Decide about conflicts: open ones, or once more about others.",
    discussion: """
      SEQ is a conflict's entry as `conflicts` lists it, or an edit's. Edits that were not sent yet are kept, \
      given up or replaced; where they were sent, a new edit brings the choice about. A sequence that is no \
      conflict's is refused.
      """)

  @OptionGroup var journal: JournalDirectory
  @Argument(help: "The conflicts.") var sequences: [UInt64]
  @Flag(help: "What was made here is to stand.") var mine = false
  @Flag(help: "What the server has is to stand.") var theirs = false
  @Option(help: "Fields to set instead, a JSON object.") var set: String?
  @Option(help: "A field to unset instead.") var unset: [String] = []
  @Option(help: "Who decides.") var actor: String?
  @Option(help: "Why; it stays in the journal.") var reason: String?
  @OptionGroup var json: JSONFlag

  func validate() throws {
    if sequences.isEmpty { throw ValidationError("name at least one conflict") }
    let choices = [mine, theirs, set != nil || !unset.isEmpty].count { $0 }
    guard choices == 1 else {
      throw ValidationError("choose one of --mine, --theirs and --set or --unset")
    }
  }

  private func choice() throws -> ConflictChoice {
    if mine { return .mine }
    if theirs { return .theirs }
    guard let set else { return .fields([:], unset: unset) }
    guard case .object(let fields) = try JSONText.parse(set) else {
      throw Finding.usage("--set takes a JSON object")
    }
    return .fields(fields, unset: unset)
  }

  func run() async throws {
    let choice = try choice()
    let store = try OpenJournal.store(journal.directory)
    defer { store.close() }
    var entries: [SequenceNumber] = []
    for sequence in sequences {
      entries += try await store.decide(sequence, choice, by: actor, because: reason)
    }
    let output = Output()
    output.line(
      json.isJSON
        ? JSONLines.text(["decided": .array(entries.map { JSONLines.number($0) })])
        : "decided by \(entries.map(String.init).joined(separator: " "))")
    output.flush()
  }
}
