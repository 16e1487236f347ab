import Journal
import TestKit
import Testing

@testable import Projection

@Suite struct `A local-only collection` {
  struct Sketch: Record, Equatable {
    static let schema = Schema<Sketch>("drafts", .localOnly)
    var id = RecordID<Sketch>()
    var text: String
  }

  private func counts(_ store: Store) throws -> FoldCounts {
    try store.journal.read { try $0.counts() }
  }

  private func kinds(_ store: Store) throws -> [EntryKind] {
    try store.journal.read { reader in
      var kinds: [EntryKind] = []
      try reader.scanEntries(from: 1) { entry in
        kinds.append(entry.header.kind)
        return true
      }
      return kinds
    }
  }

  @Test func `has edits that are base at once, never pending, and trimmed like what is settled`()
    async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Sketch.self])
    defer { store.close() }
    try await store.write { tx in
      try tx.create(Sketch(id: "1", text: "one"))
      try tx.create("shared", "1", ["n": 1])
    }
    try await store.write { try $0.update(Sketch.self, "1") { $0.text = "two" } }
    #expect(try counts(store).local == 2)
    #expect(try counts(store).pending == 1)
    let flags = try store.journal.read { reader in
      try [3, 4, 5].map { try reader.entry($0)?.header.flags.contains(.local) }
    }
    #expect(flags == [true, false, true])
    let before = try store.picture()
    let report = try await store.compact()
    // Opened, declared and the later update go; the group stays whole for its pending edit.
    #expect(report.trimmed == 3)
    try await store.write { try $0.create(Sketch(id: "2", text: "after the trim")) }
    #expect(try counts(store).pending == 1)
    try await store.rebuild()
    #expect(
      try store.picture() == "drafts/1 {\"text\":\"two\"}\n"
        + "drafts/2 {\"text\":\"after the trim\"}\nshared/1 {\"n\":1}\n")
    #expect(try store.picture(at: .sequence(5)) == before)
    #expect(try store.problems() == [])
  }

  @Test func `is declared once, and holds for whoever opens the journal without types`()
    async throws
  {
    let scratch = try Scratch()
    var store = try Store.create(at: scratch("j"), label: "a", records: [Sketch.self])
    #expect(try kinds(store) == [.opened, .declared])
    store.close()
    store = try Store.open(at: scratch("j"), records: [Sketch.self])
    #expect(try kinds(store) == [.opened, .declared])
    store.close()
    store = try Store.open(at: scratch("j"))
    defer { store.close() }
    try await store.declareLocalOnly("drafts")
    try await store.write { try $0.put("drafts", "1", ["text": "by a tool"]) }
    #expect(try kinds(store) == [.opened, .declared, .put])
    #expect(try counts(store).local == 1)
    #expect(try counts(store).pending == 0)
    #expect(try store.problems() == [])
  }

  @Test func `takes what was pending as it is, with its past, its baseline and its rebuild`()
    async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    try await store.write { tx in
      try tx.put("drafts", "1", ["n": 1])
      try tx.put("drafts", "2", ["n": 2])
      try tx.put("drafts-2", "1", ["n": 3])
    }
    try await store.write { try $0.update("drafts", "1", set: ["m": 1]) }
    try await store.write { try $0.delete("drafts", "2") }
    // The pending edits are islands below the horizon when they are settled.
    _ = try await store.compact()
    try await store.declareLocalOnly("drafts")
    #expect(try counts(store).pending == 1)
    #expect(try counts(store).settled == 4)
    #expect(
      try store.picture() == "drafts/1 {\"m\":1,\"n\":1}\ndrafts-2/1 {\"n\":3}\n")
    try await store.write { try $0.put("drafts", "2", ["n": 4]) }
    #expect(try store.problems() == [])
    let rows = try store.picture()
    try await store.rebuild()
    #expect(try store.picture() == rows)
    _ = try await store.compact()
    #expect(try store.problems() == [])
    #expect(try store.picture() == rows)
    try await store.write { try $0.put("drafts", "3", ["n": 5]) }
    #expect(try counts(store).pending == 1)
  }

  @Test func `erases its records here, with nothing to deliver`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a", records: [Sketch.self])
    defer { store.close() }
    let remote = try RemoteDeclaration(name: "all", kind: "journal", url: "http://localhost")
    try await store.journal.declare(remote)
    try await store.write { try $0.create(Sketch(id: "1", text: "secret")) }
    #expect(try await store.erase("drafts", "1", because: "asked") == 1)
    #expect(try counts(store).pending == 0)
    #expect(try counts(store).local == 0)
    #expect(try store.read { try $0.fetch(Sketch.self, "1") } == nil)
    #expect(try store.problems() == [])
  }

  @Test func `erases a record whose edits were settled by the declaration`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    try await store.write { try $0.put("drafts", "1", ["n": 1]) }
    _ = try await store.compact()
    try await store.write { try $0.put("drafts", "1", ["n": 2]) }
    try await store.declareLocalOnly("drafts")
    #expect(try await store.erase("drafts", "1", because: "asked") == 2)
    #expect(try store.problems() == [])
    try await store.rebuild()
    #expect(try store.problems() == [])
    #expect(try counts(store).pending == 0)
  }

  @Test func `is known to an encrypted journal`() async throws {
    let scratch = try Scratch()
    let configuration = Keys().configuration(1)
    let path = scratch("j")
    var store = try Store.create(
      at: path, label: "a", records: [Sketch.self], configuration: configuration)
    try await store.write { try $0.create(Sketch(id: "1", text: "one")) }
    store.close()
    store = try Store.open(at: path, configuration: configuration)
    defer { store.close() }
    try await store.write { try $0.put("drafts", "2", ["text": "two"]) }
    #expect(try counts(store).local == 2)
    #expect(try store.verify().problems == [])
  }

  @Test func `and a remote that names it refuse each other`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    let remote = try RemoteDeclaration(
      name: "server", kind: "journal", url: "http://localhost", collections: ["drafts", "notes"])
    try await store.declareLocalOnly("drafts")
    await #expect(throws: JournalError.self) { try await store.journal.declare(remote) }
    let other = try RemoteDeclaration(
      name: "server", kind: "journal", url: "http://localhost", collections: ["notes"])
    try await store.journal.declare(other)
    let error = await #expect(throws: JournalError.self) {
      try await store.declareLocalOnly("notes")
    }
    #expect(error?.code == "invalid-input")
    #expect(error?.description.contains("remote \"server\" names") == true)
    #expect(try store.problems() == [])
  }

  @Test func `is refused to a type when opening, which leaves the journal as it was`() async throws
  {
    let scratch = try Scratch()
    var store = try Store.create(at: scratch("j"), label: "a")
    try await store.journal.declare(
      try RemoteDeclaration(
        name: "server", kind: "journal", url: "http://localhost", collections: ["drafts"]))
    store.close()
    #expect(throws: JournalError.self) {
      try Store.open(at: scratch("j"), records: [Sketch.self])
    }
    // The handle was closed again.
    store = try Store.open(at: scratch("j"))
    defer { store.close() }
    #expect(try kinds(store) == [.opened, .declared])
    #expect(try store.problems() == [])
  }

  @Test func `is not written by a store that does not know the type`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    await #expect(throws: JournalError.self) {
      try await store.write { try $0.create(Sketch(text: "would be sent")) }
    }
    #expect(try store.journal.lastSequence == 1)
  }

  @Test func `needs no declaration in a local journal`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(
      at: scratch("j"), label: "a", isLocal: true, records: [Sketch.self])
    defer { store.close() }
    try await store.write { try $0.create(Sketch(text: "one")) }
    #expect(try kinds(store) == [.opened, .create])
    #expect(try store.problems() == [])
  }

  @Test func `is declared by nothing but what the format says`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    func refusal(
      name: String?, settings: [UInt8]?, removed: Bool = false
    ) async throws -> String? {
      var body = BodyBuilder()
      body.add(.subject, text: "collection")
      if let name { body.add(.name, text: name) }
      if let settings { body.add(.settings, raw: settings) }
      if removed { body.add(.removed) { $0.bool(true) } }
      let draft = try Draft(.declared, body: body.finish())
      return await asyncCode {
        try await store.journal.transact { _ = try $0.append(draft) }
      }
    }
    let empty: [UInt8] = [0xA0]
    #expect(try await refusal(name: nil, settings: empty) == "unsupported")
    #expect(try await refusal(name: "c", settings: nil) == "unsupported")
    #expect(try await refusal(name: "c", settings: empty, removed: true) == "unsupported")
    #expect(try await refusal(name: "", settings: empty) == "damaged")
    let long = String(repeating: "x", count: 129)
    #expect(try await refusal(name: long, settings: empty) == "damaged")
    #expect(try await refusal(name: "c", settings: [0x80]) == "damaged")
    #expect(try store.journal.lastSequence == 1)
    // Settings of a later release are kept, and mean nothing here.
    let other = try Draft(
      .declared,
      body: {
        var body = BodyBuilder()
        body.add(.subject, text: "collection")
        body.add(.name, text: "c")
        try body.add(.settings) { try $0.fields(["policy": "later", "local": false]) }
        return body.finish()
      }())
    try await store.journal.transact { _ = try $0.append(other) }
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    #expect(try counts(store).pending == 1)
    #expect(try store.problems() == [])
  }

  @Test func `is told from one whose name is equal as text and differs as bytes`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
    try await store.declareLocalOnly(composed)
    try await store.write { tx in
      try tx.put(composed, "1", ["n": 1])
      try tx.put(decomposed, "1", ["n": 2])
    }
    #expect(try counts(store).local == 1)
    #expect(try counts(store).pending == 1)
    try await store.declareLocalOnly(decomposed)
    #expect(try counts(store).pending == 0)
    try await store.rebuild()
    #expect(try store.problems() == [])
  }

  @Test func `stays what the entries say through random edits, trims, rebuilds and erasures`()
    async throws
  {
    let seed = testSeed(or: 41)
    var random = SeededRandom(seed: seed)
    for _ in 0..<6 {
      let scratch = try Scratch()
      let store = try Store.create(at: scratch("j"), label: "a")
      defer { store.close() }
      var pictures: [SequenceNumber: String] = [:]
      let declaredAt = Int.random(in: 0..<40, using: &random)
      for step in 0..<60 {
        if step == declaredAt { try await store.declareLocalOnly("b") }
        let collection = ["a", "b", "b-c"].randomElement(using: &random) ?? "b"
        let key = "\(Int.random(in: 0..<4, using: &random))"
        let value = Value.integer(Int64.random(in: 0..<9, using: &random))
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
          _ = try await store.compact(
            keeping: .newest(UInt64.random(in: 0..<8, using: &random)))
          pictures = [:]
        case 1: try await store.rebuild()
        case 2:
          _ = try await store.erase(collection, key, because: "asked")
          pictures = [:]
        case 3: _ = try? await store.write { try $0.delete(collection, key) }
        case 4, 5:
          _ = try? await store.write { try $0.update(collection, key, set: ["u": value]) }
        case 6:
          try await store.write { tx in
            try tx.put("a", key, ["p": value])
            try tx.put("b", key, ["p": value])
          }
        default: try await store.write { try $0.put(collection, key, ["v": value]) }
        }
        pictures[try store.journal.lastSequence] = try store.picture()
      }
      for (sequence, picture) in pictures {
        #expect(try store.picture(at: .sequence(sequence)) == picture, "seed \(seed)")
      }
      #expect(try store.problems() == [], "seed \(seed)")
      let pending = try store.journal.read { reader in
        var collections: Set<String> = []
        try reader.scanEdits { sequence, _ in
          let entry = try reader.entry(sequence)
          if let names = try entry?.plainBody.withUnsafeBytes({ try Body($0).record() })?.names {
            collections.insert(names.collection)
          }
          return true
        }
        return collections
      }
      #expect(!pending.contains("b"), "seed \(seed)")
    }
  }
}
