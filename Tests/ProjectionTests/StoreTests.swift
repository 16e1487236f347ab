import Journal
import Projection
import TestKit
import Testing

@Suite struct `A store` {
  @Test @MainActor func `is written on the main actor with what belongs there`() async throws {
    final class Screen {
      var title = "Milk"
    }
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let screen = Screen()
    try await store.write { tx in
      try tx.create("notes", "1", ["title": .string(screen.title)])
      screen.title = "written"
    }
    #expect(screen.title == "written")
    #expect(try store.read { try $0.get("notes", "1") } == ["title": "Milk"])
  }

  @Test func `shows what was written, also after opening again`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    try await store.write(by: "mia", because: "shopping") { tx in
      try tx.create("notes", "n1", ["title": "Milk", "done": false])
      try tx.update("notes", "n1", set: ["done": true], unset: ["title"])
    }
    store.close()
    let again = try Store.open(at: scratch("j"))
    defer { again.close() }
    #expect(try again.read { try $0.get("notes", "n1") } == ["done": true])
    #expect(try again.problems() == [])
  }

  @Test func `takes a write whole or not at all`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    await #expect(throws: JournalError.self) {
      try await store.write { tx in
        try tx.create("notes", "n1", ["title": "Milk"])
        try tx.update("notes", "missing", set: ["x": 1])
      }
    }
    #expect(try store.journal.lastSequence == 1)
    #expect(try store.picture() == "")
  }

  @Test func `leaves other callers of the same commit alone when one fails`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let failures = await withTaskGroup(of: Int.self) { group in
      for number in 0..<60 {
        group.addTask {
          do {
            try await store.write { tx in
              try tx.put("notes", "n\(number)", ["n": .integer(Int64(number))])
              if number % 3 == 0 { try tx.delete("notes", "missing") }
            }
            return 0
          } catch {
            return 1
          }
        }
      }
      return await group.reduce(0, +)
    }
    #expect(failures == 20)
    #expect(try store.journal.lastSequence == 41)
    #expect(try store.problems() == [])
  }

  @Test func `refuses create of a record that lives and changes of one that does not`() async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { try $0.create("notes", "n1", [:]) }
    for change: @Sendable (inout Changes) throws -> Void in [
      { try $0.create("notes", "n1", [:]) },
      { try $0.update("notes", "n2", set: ["a": 1]) },
      { try $0.delete("notes", "n2") },
    ] {
      await #expect(throws: JournalError.self) { try await store.write(change) }
    }
    #expect(try store.journal.lastSequence == 2)
  }

  @Test func `refuses a write whose writer has not seen the last change`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { try $0.put("notes", "n1", ["n": 1], expecting: 0) }
    let seen = try store.read { try $0.lastSequence(about: "notes", "n1") }
    #expect(seen == 2)
    try await store.write { try $0.update("notes", "n1", set: ["n": 2], expecting: seen) }
    for change: @Sendable (inout Changes) throws -> Void in [
      { try $0.update("notes", "n1", set: ["n": 3], expecting: seen) },
      { try $0.put("notes", "n1", [:], expecting: 0) },
      { try $0.delete("notes", "n1", expecting: seen) },
    ] {
      await #expect {
        try await store.write(change)
      } throws: { ($0 as? JournalError)?.code == "unexpected-version" }
    }
    #expect(try store.journal.lastSequence == 3)
  }

  @Test func `keeps names with equal text but other bytes apart`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { tx in
      try tx.create("notes", "\u{E9}", ["n": 1])
      try tx.create("notes", "e\u{301}", ["n": 2])
      try tx.create("cat", "s3", ["n": 3])
      try tx.create("cats", "3", ["n": 4])
    }
    #expect(try store.read { try $0.get("notes", "\u{E9}") } == ["n": 1])
    #expect(try store.read { try $0.get("notes", "e\u{301}") } == ["n": 2])
    #expect(try store.read { try $0.get("cat", "s3") } == ["n": 3])
    #expect(try store.read { try $0.get("cats", "3") } == ["n": 4])
    #expect(try store.read { try $0.get("cat", "3") } == nil)
  }

  @Test func `is opened once in a process`() throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    #expect(throws: JournalError.self) { try Store.open(at: scratch("j")) }
  }

  @Test func `does not touch what stands where it is to be created`() throws {
    let scratch = try Scratch()
    try Store.create(at: scratch("j"), label: "laptop").close()
    #expect {
      try Store.create(at: scratch("j"), label: "laptop")
    } throws: { error in
      (error as? JournalError)?.code == "already-exists"
    }
  }

  @Test func `never stamps an entry older than the one before`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", configuration: clock.configuration)
    defer { store.close() }
    try await store.write { try $0.put("notes", "n", ["n": 1]) }
    clock.advance(by: -3_600_000)
    try await store.write { try $0.put("notes", "n", ["n": 2]) }
    #expect(try store.problems() == [])
    let times = try store.journal.read { reader in
      try [reader.entry(2), reader.entry(3)].map { $0?.header.time }
    }
    #expect(times[0] == times[1])
  }
}
