import Foundation
import Journal
import JournalTesting
import Projection
import TestKit
import Testing

@Suite struct `A replay against a golden file` {
  private func withJournal(
    _ body: (Store, _ golden: String) async throws -> Void
  ) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    try await store.write { tx in
      try tx.create("notes", "n1", ["title": "Milk", "rank": 1.0])
      try tx.create("notes", "n2", ["title": "Bread"])
      try tx.create("people", "p\u{E9}", [:])
    }
    try await body(store, scratch("golden.ndjson"))
  }

  /// Records the golden file; fails as it says it does.
  private func record(
    _ path: String, _ golden: String, at sequence: SequenceNumber? = nil
  ) throws {
    #expect(throws: ReplayFailure.recorded(path: golden)) {
      try JournalReplay.check(
        journalOrPackAt: path, matches: golden, at: sequence, recording: .always)
    }
  }

  private func found(_ path: String, _ golden: String) -> ReplayDifference? {
    do {
      try JournalReplay.check(journalOrPackAt: path, matches: golden, recording: .never)
      return nil
    } catch ReplayFailure.differs(let difference) {
      return difference
    } catch {
      Issue.record(error)
      return nil
    }
  }

  @Test func `is recorded first, and passes then, of a journal and of its pack`() async throws {
    try await withJournal { store, golden in
      let path = store.journal.path
      #expect(throws: ReplayFailure.noGoldenFile(path: golden)) {
        try JournalReplay.check(journalOrPackAt: path, matches: golden, recording: .never)
      }
      try record(path, golden)
      #expect(
        try String(contentsOfFile: golden, encoding: .utf8) == """
          {"collection":"notes","fields":{"rank":1.0,"title":"Milk"},"id":"n1"}
          {"collection":"notes","fields":{"title":"Bread"},"id":"n2"}
          {"collection":"people","fields":{},"id":"p\u{E9}"}

          """)
      #expect(found(path, golden) == nil)
      let pack = path + ".pack"
      try store.journal.read(span: .long) { _ = try $0.pack(to: pack, checkpoint: nil) }
      #expect(found(pack, golden) == nil)
      // What a trim leaves folds to the same.
      _ = try await store.compact()
      #expect(found(path, golden) == nil)
    }
  }

  @Test func `says what differs record by record, and keeps the actual text`() async throws {
    try await withJournal { store, golden in
      let path = store.journal.path
      try record(path, golden)
      try await store.write { tx in
        try tx.update("notes", "n1", set: ["rank": 2], unset: ["title"])
        try tx.delete("notes", "n2")
        try tx.create("notes", "n3", ["x": nil])
      }
      let difference = try #require(found(path, golden))
      #expect(
        difference.records == [
          RecordDifference(
            collection: "notes", key: "n1", kind: .changed,
            fields: [
              FieldChange(name: "rank", before: 1.0, after: 2),
              FieldChange(name: "title", before: "Milk", after: nil),
            ]),
          RecordDifference(
            collection: "notes", key: "n2", kind: .deleted,
            fields: [FieldChange(name: "title", before: "Bread", after: nil)]),
          RecordDifference(
            collection: "notes", key: "n3", kind: .created,
            fields: [FieldChange(name: "x", before: nil, after: .some(.null))]),
        ])
      let actual = try #require(difference.actualPath)
      #expect(actual == golden + ".actual")
      #expect(try String(contentsOfFile: actual, encoding: .utf8) == difference.actual)
      #expect(difference.description.contains("~ notes/n1"))
      #expect(difference.description.contains("+ notes/n3"))
      #expect(difference.description.contains("rank: 1.0 in the golden file, 2 in the fold"))
      // Mended, nothing is left of the failure.
      try record(path, golden)
      #expect(found(path, golden) == nil)
      #expect(!FileManager.default.fileExists(atPath: actual))
    }
  }

  @Test func `can stop at an earlier entry`() async throws {
    try await withJournal { store, golden in
      try record(store.journal.path, golden, at: 2)
      #expect(try String(contentsOfFile: golden, encoding: .utf8).split(separator: "\n").count == 1)
      try JournalReplay.check(
        journalOrPackAt: store.journal.path, matches: golden, at: 2, recording: .never)
      #expect(found(store.journal.path, golden)?.records.map(\.key) == ["n2", "p\u{E9}"])
      let people = try JournalReplay.export(
        journalOrPackAt: store.journal.path, collection: "people")
      #expect(people.split(separator: "\n").count == 1)
      #expect(throws: JournalError.self) {
        try JournalReplay.export(journalOrPackAt: store.journal.path, at: 99)
      }
    }
  }

  @Test func `names the line of a golden file that is none`() async throws {
    try await withJournal { store, golden in
      try Data("\n{\"collection\":\"c\"}\n".utf8).write(to: URL(fileURLWithPath: golden))
      #expect {
        try JournalReplay.check(
          journalOrPackAt: store.journal.path, matches: golden, recording: .never)
      } throws: { error in
        guard case ReplayFailure.malformedGoldenFile(_, let line, _) = error else { return false }
        return line == 2
      }
    }
  }

  @Test func `in another order is no other record, and still not equal`() async throws {
    try await withJournal { store, golden in
      let text = try JournalReplay.export(journalOrPackAt: store.journal.path)
      let lines = text.split(separator: "\n").reversed().joined(separator: "\n")
      try Data(lines.utf8).write(to: URL(fileURLWithPath: golden))
      let difference = try #require(found(store.journal.path, golden))
      #expect(difference.records.isEmpty)
      #expect(difference.description.contains("another order"))
    }
  }
}
