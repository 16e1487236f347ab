import Foundation
import Journal
import JournalTesting
import Projection
import TestKit
import Testing

/// The snippets of the articles Time and Replay.
@Suite struct `The articles about the past` {
  struct Note: Record {
    static let schema = Schema<Note>("notes")
    var id = RecordID<Note>()
    var title: String
    var done = false
  }

  @Test func `say what works`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("Notes.journal"), label: "laptop", records: [Note.self],
      configuration: clock.configuration)
    defer { store.close() }
    let note = Note(id: "n1", title: "Milk")
    try await store.write(by: "mia", because: "shopping") { try $0.create(note) }
    let yesterday = Date(timeIntervalSince1970: 1_700_000_000)
    clock.advance(by: 86_400_000)
    let written = try await store.write(by: "tom") { tx in
      try tx.update(Note.self, note.id) { $0.done = true }
    }

    let then = try store.fetch(Note.self, note.id, at: .date(yesterday))
    let before = try store.read(at: .sequence(written.sequences[0] - 1)) { past in
      try past.count(Note.where(\.done == true))
    }
    #expect(then?.done == false)
    #expect(before == 0)

    for event in try store.history(of: "notes", "n1").events {
      print(event.time, event.actor ?? "-", event.kind)
      for change in event.changes {
        print("  \(change.name): \(change.before ?? .null) -> \(change.after ?? .null)")
      }
    }
    for event in try store.history(of: Note.self, note.id) {
      print(event.before?.title ?? "-", event.after?.title ?? "-")
    }

    for difference in try store.diff(from: .date(yesterday), in: "notes") {
      print(difference.kind, difference.key, difference.fields.map(\.name))
    }
    #expect(try store.diff(from: .date(yesterday), in: "notes").map(\.key) == ["n1"])

    let blame = try store.blame("notes", "n1")
    switch blame?["done"] {
    case .entry(let entry): print(entry.actor ?? "-", entry.time, entry.reason ?? "-")
    case .belowHorizon(let past): print(past)
    case nil: print("no such field")
    }
    #expect(blame?["done"]?.entry?.actor == "tom")

    try await store.saveState(at: .date(yesterday))

    let golden = scratch("march.ndjson")
    #expect(throws: ReplayFailure.recorded(path: golden)) {
      try JournalReplay.check(
        journalOrPackAt: store.journal.path, matches: golden, recording: .always)
    }
    do {
      try JournalReplay.check(journalOrPackAt: store.journal.path, matches: golden)
    } catch ReplayFailure.differs(let difference) {
      Attachment.record(difference.actual, named: "actual.ndjson")
      throw ReplayFailure.differs(difference)
    }
  }
}
