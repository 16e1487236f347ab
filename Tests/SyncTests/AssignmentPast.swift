import Foundation
import Journal
import TestKit
import Testing
import Transport

@testable import Projection

/// What stays of an id that was given up: history, views of the past, packs, trims and erasures.
@Suite struct `A record that was given another id` {
  /// Created, changed, answered and changed again; one more is pending.
  private func office() async throws -> Office {
    let office = try await Office()
    try await office.create("tmp", ["n": 1])
    try await office.update("tmp", ["m": 1])
    try await office.sync()
    try await office.update("tmp", ["n": 2])
    try await office.sync()
    try office.server.put("people", "100", ["n": 3, "m": 1])
    try await office.sync()
    return office
  }

  private func assignment(_ office: Office) throws -> SequenceNumber {
    try office.store.journal.read { reader in
      var sequence: SequenceNumber = 0
      try reader.scanEntries(from: 1) { entry in
        if entry.header.kind == .idAssigned { sequence = entry.header.sequence }
        return true
      }
      return sequence
    }
  }

  @Test func `has one history under both`() async throws {
    let office = try await office()
    let store = office.store
    let given = try assignment(office)
    let kinds = try store.history(of: "people", "tmp").events.map(\.kind)
    #expect(kinds.prefix(3) == [.create, .update, .idAssigned])
    #expect(kinds.filter { $0 == .update }.count == 2)
    #expect(try store.history(of: "people", "tmp") == store.history(of: "people", "100"))
    try store.read { snapshot throws in
      let entries = try snapshot.entries(about: "people", "tmp")
      #expect(try entries == snapshot.entries(about: "people", "100"))
      #expect(Set(entries.map(\.sequence)).isSuperset(of: [given]))
      #expect(
        try snapshot.lastSequence(about: "people", "tmp")
          == snapshot.lastSequence(about: "people", "100"))
    }
    let blame = try #require(try store.blame("people", "tmp"))
    #expect(try blame == store.blame("people", "100"))
    #expect(blame["m"]?.entry?.kind == .update)
    #expect(blame["n"]?.entry?.kind == .remoteChange)
    #expect(blame.existence.entry?.kind == .create)
    // The same in a file that holds no rows.
    let path = office.scratch("all.pack")
    try store.journal.read { _ = try $0.pack(to: path, checkpoint: nil) }
    let reader = try JournalReader(PackReader(path: path))
    let pack = try Snapshot(reader, at: reader.head.lastSequence)
    for key in ["tmp", "100"] {
      #expect(try pack.history(of: "people", key) == store.history(of: "people", key), "\(key)")
    }
    #expect(try Verifier.verify(pack: path, folder: RecordFolder()).problems == [])
  }

  @Test func `shows the id it had at each moment and is found by both`() async throws {
    let office = try await office()
    let store = office.store
    let given = try assignment(office)
    func keys(_ sequence: SequenceNumber) throws -> [String] {
      try store.query(Query("people"), at: .sequence(sequence)).map(\.key)
    }
    #expect(try keys(given - 1) == ["tmp"])
    #expect(try keys(given) == ["100"])
    #expect(try store.get("people", "tmp", at: .sequence(given)) == ["n": 1, "m": 1])
    #expect(try store.get("people", "100", at: .sequence(given)) == ["n": 1, "m": 1])
    #expect(try store.get("people", "100", at: .sequence(given - 1)) == nil)
    let typed = try store.read(at: .sequence(given)) { try $0.currentID("tmp" as RecordID<Person>) }
    #expect(typed == "100")
    let before = try store.history(of: "people", "tmp", at: .sequence(given - 1))
    #expect(before.events.map(\.kind) == [.create, .update])
    #expect(try store.history(of: "people", "100", at: .sequence(given - 1)).events == [])
    let differences = try store.diff(from: .sequence(given - 1), to: .sequence(given))
    #expect(differences.map(\.kind) == [.created, .deleted])
  }

  @Test func `S-JR-02 keeps both over a trim, however little stays`() async throws {
    let office = try await office()
    let store = office.store
    try await store.write { try $0.create(Errand(id: "t", person: "tmp")) }
    try await office.create("other", ["n": 1])
    try await office.update("other", ["n": 2])
    let picture = try store.picture()
    #expect(try await store.compact().trimmed > 0)
    #expect(try store.picture() == picture)
    #expect(try await store.isSound())
    #expect(try store.picture() == picture)
    #expect(try office.people == ["100", "other"])
    #expect(try store.get("people", "tmp") == ["n": 3, "m": 1])
    #expect(try store.history(of: "people", "tmp") == store.history(of: "people", "100"))
    // The pending edit that refers to it is sent with the id the server knows.
    try await office.sync()
    let sent = try #require(office.server.segments.last)
    #expect(sent.holds("100") && !sent.holds("tmp"))
    #expect(try await store.compact().trimmed > 0)
    #expect(try store.get("people", "tmp") == ["n": 3, "m": 1])
    #expect(try await store.isSound())
  }

  /// An answer that is not yet settled is an island, and what it was answered with as well.
  @Test func `S-JR-02 keeps the assignment as long as the edit it answers`() async throws {
    let office = try await Office()
    try await office.create("tmp", ["n": 1])
    try await office.sync(.pushOnly)
    let given = try assignment(office)
    try await office.create("more", [:])
    _ = try await office.store.compact()
    #expect(try assignment(office) == given)
    #expect(try await office.store.isSound())
    #expect(try office.store.read { try $0.entries(about: "people", "100") }.count == 2)
    try await office.sync()
    _ = try await office.store.compact()
    #expect(try assignment(office) != given)
    #expect(try office.store.get("people", "tmp") == ["n": 1])
    #expect(try await office.store.isSound())
  }

  @Test(arguments: ["key-of-our-own", "100"], [false, true])
  func `leaves neither behind when it is erased`(key: String, isTrimmed: Bool) async throws {
    let office = try await Office()
    let store = office.store
    try await office.create("key-of-our-own", ["name": "Ada the secret"])
    try await office.sync(.pushOnly)
    try await office.update("key-of-our-own", ["n": 2])
    let archive = office.scratch("archive")
    if isTrimmed { _ = try await store.compact(archive: archive) }
    try await office.sync()
    try await store.erase("people", key, because: "asked to", archives: isTrimmed ? [archive] : [])
    #expect(try store.picture() == "")
    for text in ["key-of-our-own", "Ada the secret"] { #expect(try !office.holds(text)) }
    for key in ["key-of-our-own", "100"] {
      #expect(try store.history(of: "people", key).events == [])
      #expect(try store.read { try $0.currentKey("people", key) } == key)
      if isTrimmed {
        let pack = try PackReader(path: archive)
        for table in Table.allCases {
          try pack.scan(table, from: nil) { rowKey, payload in
            #expect(![UInt8](rowKey).holds("key-of-our-own"))
            #expect(![UInt8](payload).holds("key-of-our-own"))
            return true
          }
        }
      }
    }
    #expect(try await store.isSound())
    // The key means nothing any more, and may mean another record.
    try await office.create("key-of-our-own", ["name": "Bob"])
    #expect(try office.people == ["key-of-our-own"])
    #expect(try await store.isSound())
  }

  /// What was sealed with the server's id could not be sealed again without it.
  @Test func `is not erased while what refers to it by the old one is on its way`() async throws {
    let office = try await office()
    try await office.store.write { try $0.create(Errand(id: "t", person: "tmp")) }
    office.server.lose(1)
    await #expect(throws: TransportError.self) { try await office.sync(.pushOnly) }
    let error = await #expect(throws: JournalError.self) {
      try await office.store.erase("people", "100", because: "asked to")
    }
    #expect(error?.code == "busy")
    try await office.sync()
    #expect(office.server.segments.suffix(2).first == office.server.segments.last)
    #expect(try await office.store.erase("people", "tmp", because: "asked to") != nil)
    #expect(try await office.store.isSound())
  }

  @Test func `can be given a third when it was deleted and comes back`() async throws {
    let office = try await office()
    try await office.store.write { try $0.delete("people", "tmp") }
    try await office.sync()
    #expect(try office.people == [])
    try await office.create("tmp", ["n": 9])
    try await office.sync()
    #expect(try office.people == ["101"])
    for key in ["tmp", "100", "101"] {
      #expect(try office.store.get("people", key) == ["n": 9], "\(key)")
      #expect(
        try office.store.history(of: "people", key) == office.store.history(of: "people", "101"))
    }
    #expect(try office.store.picture() == office.server.picture())
    let given = try assignment(office)
    #expect(
      try office.store.read(at: .sequence(given - 1)) { try $0.currentKey("people", "tmp") }
        == "100")
    #expect(try await office.store.isSound())
    _ = try await office.store.compact()
    #expect(try await office.store.isSound())
    try await office.store.erase("people", "100", because: "asked to")
    #expect(try !office.holds("tmp"))
    #expect(try await office.store.isSound())
  }
}
