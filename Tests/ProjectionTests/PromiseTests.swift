import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `A journal` {
  @Test func `salts every body anew, so that equal bodies have unequal commitments`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    for _ in 0..<300 { try await store.write { try $0.put("c", "same", ["n": 1]) } }
    let (salts, commitments) = try store.journal.read { reader in
      var salts: Set<Salt> = []
      var commitments: Set<TreeHash> = []
      try reader.scanEntries(from: 2) { entry in
        salts.insert(entry.salt)
        commitments.insert(entry.header.commitment)
        return true
      }
      return (salts, commitments)
    }
    #expect(salts.count == 300)
    #expect(commitments.count == 300)
  }

  @Test func `keeps null apart from absent`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { try $0.create("c", "r", ["a": .null, "gone": 1]) }
    try await store.write { try $0.update("c", "r", set: ["b": .null], unset: ["gone"]) }
    #expect(try store.read { try $0.get("c", "r") } == ["a": .null, "b": .null])
    try await store.rebuild()
    #expect(try store.read { try $0.get("c", "r") } == ["a": .null, "b": .null])
    #expect(try store.problems() == [])
  }

  @Test func `stops its fold at an entry of a kind it does not know`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let draft = try Draft(EntryKind(rawValue: 200), body: BodyBuilder().finish())
    await #expect {
      try await store.journal.transact { try $0.append(draft) }
    } throws: { ($0 as? JournalError)?.code == "unsupported" }
    #expect(try store.journal.lastSequence == 1)
  }

  @Test func `trims a group whole or not at all`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    for group in 0..<2 {
      try await store.write { tx in
        for number in 0..<4 { try tx.put("c", "\(group)-\(number)", ["n": 1]) }
      }
    }
    // The newest two would begin within the second group, which begins at 6.
    let report = try await store.compact(keeping: .newest(2))
    #expect(report.horizon == 6)
    #expect(report.trimmed == 5)
    #expect(try store.journal.read { try $0.entry(6)?.header.group } == 6)
    #expect(try store.problems() == [])
  }

  @Test func `trims by age, and tells beforehand what it would trim`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    defer { store.close() }
    for number in 0..<10 {
      clock.advance(by: 1_000)
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
    }
    let planned = try await store.journal.trim(
      keeping: .milliseconds(3_000), isDryRun: true, folder: RecordFolder())
    #expect(try store.journal.lastSequence == 11)
    let done = try await store.compact(keeping: .milliseconds(3_000))
    #expect(done == planned)
    #expect(done.trimmed == 7 && done.horizon == 8)
    #expect(try store.read { try $0.get("c", "r") } == ["n": 9])
    #expect(try store.problems() == [])
  }

  @Test func `takes a repeated group for what it is, and never a part of one`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let drafts = try (0..<3).map { number in
      try EditDraft(id: EntryID(high: 0x4000, low: 1 << 63 | UInt64(number))).draft(
        .put(fields: [0xA0]), collection: "c", key: "\(number)")
    }
    func append(_ drafts: [Draft]) async throws -> [AppendContext.Appended] {
      try await store.journal.transact { try $0.appendGroup(drafts) }
    }
    #expect(try await append(Array(drafts.prefix(2))) == [.new(2), .new(3)])
    #expect(try await append(Array(drafts.prefix(2))) == [.known(2), .known(3)])
    let other = try EditDraft(id: drafts[2].id).draft(.delete, collection: "c", key: "2")
    for group in [drafts, [drafts[2], other]] {
      await #expect {
        try await append(group)
      } throws: { ($0 as? JournalError)?.code == "entry-id-reused" }
    }
    #expect(try store.journal.lastSequence == 3)
    #expect(try store.problems() == [])
  }

  @Test func `declares no two remotes for the same collection`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    func remote(_ name: String, _ collections: [String] = []) throws -> RemoteDeclaration {
      try RemoteDeclaration(
        name: name, kind: "journal", url: "http://localhost", collections: collections,
        authorizationVariable: "TOKEN")
    }
    try await store.journal.declare(remote("x", ["a", "b"]))
    try await store.journal.declare(remote("rest"))
    for refused in [try remote("x"), try remote("y", ["b", "c"]), try remote("all")] {
      await #expect {
        try await store.journal.declare(refused)
      } throws: { ($0 as? JournalError)?.code == "invalid-input" }
    }
    await #expect(throws: JournalError.self) { try await store.journal.removeRemote("none") }
    #expect(try store.journal.remotes == [remote("rest"), remote("x", ["a", "b"])])
    try await store.journal.removeRemote("x")
    #expect(try store.journal.remotes.map(\.name) == ["rest"])
    let local = try Store.create(at: scratch("local"), label: "laptop", isLocal: true)
    defer { local.close() }
    await #expect(throws: JournalError.self) { try await local.journal.declare(remote("x")) }
  }

  @Test func `is not created where something stands`() throws {
    let scratch = try Scratch()
    let files = FileManager.default
    try files.createDirectory(atPath: scratch("full/inside"), withIntermediateDirectories: true)
    try files.createDirectory(atPath: scratch("empty"), withIntermediateDirectories: true)
    #expect(files.createFile(atPath: scratch("file"), contents: nil))
    for taken in ["full", "file"] {
      #expect {
        try Store.create(at: scratch(taken), label: "laptop")
      } throws: { ($0 as? JournalError)?.code == "already-exists" }
    }
    for impossible in ["file/below", "no/such/place"] {
      #expect {
        try Store.create(at: scratch(impossible), label: "laptop")
      } throws: { ($0 as? JournalError)?.code == "storage" }
    }
    #expect {
      try Store.create(at: scratch("j"), label: String(repeating: "l", count: 129))
    } throws: { ($0 as? JournalError)?.code == "invalid-input" }
    try Store.create(at: scratch("empty"), label: "laptop").close()
    #expect(
      try files.contentsOfDirectory(atPath: scratch.path).sorted() == ["empty", "file", "full"])
  }

  @Test func `keeps a group whole below the horizon while a server may still ask for it`()
    async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { tx in
      for number in 0..<3 { try tx.put("c", "\(number)", ["n": 1]) }
    }
    let report = try await store.compact()
    #expect(report.trimmed == 1)
    for sequence: SequenceNumber in 2...4 {
      #expect(try store.journal.read { try $0.entry(sequence)?.header.group } == 2)
    }
    #expect(try store.problems() == [])
  }

  @Test func `says what was trimmed instead of showing less`() async throws {
    let scratch = try Scratch()
    let clock = ManualClock()
    let store = try Store.create(
      at: scratch("j"), label: "laptop", isLocal: true, configuration: clock.configuration)
    let start = clock.configuration.now()
    for number in 0..<9 {
      clock.advance(by: 1_000)
      try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
    }
    _ = try await store.compact(keeping: .newest(4))
    let asked: [(Store) throws -> Void] = [
      { _ = try $0.read(at: .time(start)) { try $0.get("c", "r") } },
      { _ = try $0.read(at: .sequence(3)) { try $0.get("c", "r") } },
      { try $0.journal.read { _ = try JournalTree($0).root(size: 3) } },
    ]
    for ask in asked {
      #expect { try ask(store) } throws: { ($0 as? JournalError)?.code == "below-horizon" }
    }
    store.close()
    await #expect {
      try await store.write { try $0.put("c", "r", [:]) }
    } throws: { ($0 as? JournalError)?.code == "cannot-open" }
  }
}
