import ArgumentParser
import Journal
import Projection

struct Conflicts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print conflict decisions: what was contested, and what was decided.",
    discussion: """
      Where edits had been sent already, a decision is brought about by an edit of its own: `edit` says what it does. \
      `journal decide` decides what is open, or once more.
      """)

  @OptionGroup var journal: JournalOrPack
  @OptionGroup var json: JSONFlag

  func run() throws {
    let reader = try OpenJournal.reader(journal.directory)
    if try reader.isAnythingTrimmed(from: 1) {
      let horizon = reader.horizon.sequence
      Diagnostics.note(
        "journal: conflicts among the entries before \(horizon) that were trimmed are not shown; "
          + (try reader.archiveAdvice(for: 1)).terminalSafe)
    }
    let line = EntryLine(statuses: EditStatuses(reader))
    let output = Output()
    // An edit that brings a decision about stands behind it, or behind what the decision did to other records.
    var waiting: [Fields] = []
    func show() {
      for fields in waiting {
        json.isJSON ? output.line(JSONLines.text(fields)) : output.show(EntryText.parts(fields))
      }
      waiting = []
    }
    try reader.scanEntries(from: 1) { entry in
      if entry.header.kind == .conflict {
        waiting.append(try line.fields(entry))
        return true
      }
      if !waiting.isEmpty, entry.header.kind.isEdit {
        let edit = try line.fields(entry)
        if let index = waiting.firstIndex(where: { $0["sequence"] == edit["cause"] }) {
          waiting[index]["edit"] = .object(Self.effect(edit))
        }
      }
      show()
      return true
    }
    show()
    output.flush()
  }

  /// What an edit does, and where it stands.
  private static func effect(_ edit: Fields) -> Fields {
    var effect = Fields()
    for name in ["sequence", "kind", "fields", "set", "unset", "status", "erased", "withheld"] {
      if let value = edit[name] { effect[name] = value }
    }
    return effect
  }
}
