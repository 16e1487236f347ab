import Foundation
import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Every device migrates for itself; a server must not get everything twice.
@Suite struct `Devices that run the same migration` {
  private static func migrations() throws -> Migrations {
    try Migrations(
      Migration(1) { tx in
        try tx.insert("c", key: "blue", ["name": "Blue"])
        try tx.insert("c", ["name": "Red"])
        try tx.update("c") { $0["seen"] = true }
      } down: { tx in
        try tx.dropCollection("c")
      })
  }

  @Test func `bring its rows to the server once, each edit accepted`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    // Both before they know of each other.
    try await a.store.migrate(Self.migrations())
    try await b.store.migrate(Self.migrations())
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.store.picture().split(separator: "\n").count == 2)
    for device in [a, b] {
      #expect(try device.pending == 0)
      #expect(try device.store.journal.read { try $0.counts() }.parked == 0)
      #expect(try device.store.problems() == [])
    }
    let edits = try world.serverEdits()
    #expect(edits.filter { $0.hasPrefix("create") }.count == 2)
    #expect(Set(edits).count == edits.count)
  }

  @Test func `do not undo what was changed since the first of them ran it`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    let inserting = try Migrations(
      Migration(1) { tx in
        try tx.insert("c", key: "blue", ["name": "Blue"])
        try tx.insert("c", key: "red", ["name": "Red"])
        try tx.insert("c", key: "green", ["name": "Green"])
      })
    try await a.store.migrate(inserting)
    try await a.update("blue", ["name": "Navy"])
    try await a.delete("red")
    try await a.sync()
    // One migrates without having heard of it, one after having heard.
    let c = try await world.device("c")
    try await b.store.migrate(inserting)
    try await c.sync()
    try await c.store.migrate(inserting)
    for device in [b, c, a, b] { try await device.sync() }
    for device in [a, b, c] {
      #expect(
        try device.store.picture() == "c/blue {\"name\":\"Navy\"}\nc/green {\"name\":\"Green\"}\n")
      #expect(try device.pending == 0)
      #expect(try device.store.problems() == [])
    }
  }

  @Test func `may undo and repeat it`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.store.migrate(Self.migrations())
    try await a.sync()
    try await a.store.migrate(Self.migrations(), to: .beginning)
    try await a.sync()
    try await b.sync()
    #expect(try b.store.picture() == "")
    try await a.store.migrate(Self.migrations())
    try await a.sync()
    try await b.sync()
    #expect(try b.store.picture() == a.store.picture())
    #expect(try b.get("blue") == ["name": "Blue", "seen": true])
    #expect(try a.store.problems() == [])
    #expect(try b.store.problems() == [])
    #expect(try b.store.read { try $0.appliedMigrations } == [])
  }

  @Test func `tell of it in the log`() async throws {
    let device = try await World().device("a")
    try await device.store.migrate(Self.migrations())
    try await device.store.migrate(Self.migrations(), to: .beginning)
    let lines = try device.store.journal.read { reader in
      var lines: [Fields] = []
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .migration else { return true }
        lines.append(try EntryLine(statuses: EditStatuses(reader)).fields(entry))
        return true
      }
      return lines
    }
    #expect(lines.map { $0["kind"] } == ["migration", "migration"])
    #expect(lines.map { $0["migration"] } == ["1", "1"])
    #expect(lines.map { $0["undone"] } == [nil, true])
    #expect(lines.map { $0["reached"] } == ["1", "0"])
    #expect(lines[0]["entries"] == [["first": 3, "last": 6]])
    #expect(lines[1]["entries"] == [["first": 8, "last": 9]])
  }

  struct Person: Record, Equatable {
    static let schema = Schema<Person>(
      "c", version: 2,
      .upcast(from: 1, replacing: "name") { fields in fields["fullName"] = fields["name"] })
    var id = RecordID<Person>()
    var fullName: String
    var visits = 0
  }

  @Test func `send edits in the form they were made in, and read each other's`() async throws {
    let world = try World()
    let (old, new) = (try await world.device("old"), try await world.device("new"))
    try await old.put("ada", ["name": "Ada", "visits": 0])
    try await old.sync()
    try await new.sync()
    #expect(try new.store.read { try $0.fetch(Person.self, "ada") }?.fullName == "Ada")
    try await new.store.write { tx in try tx.update(Person.self, "ada") { $0.visits = 1 } }
    // At the same time, in the old form.
    try await old.update("ada", ["name": "Ada King"])
    try await old.sync()
    try await new.sync()
    try await old.sync()
    #expect(try old.store.picture() == new.store.picture())
    for device in [old, new] {
      let ada = try device.store.read { try $0.fetch(Person.self, "ada") }
      #expect(ada == Person(id: "ada", fullName: "Ada", visits: 1))
      #expect(try device.store.problems() == [])
    }
    try await old.update("ada", ["name": "Ada Lovelace"])
    try await old.sync()
    try await new.sync()
    let ada = try new.store.read { try $0.fetch(Person.self, "ada") }
    #expect(ada == Person(id: "ada", fullName: "Ada Lovelace", visits: 1))
    #expect(try new.get("ada") == ["name": "Ada Lovelace", "fullName": "Ada", "visits": 1])
  }

  @Test func `S-AL-14 and come from one seed are no forks of each other`() async throws {
    let world = try World()
    let author = try await world.device("author")
    try await author.put("settled", ["n": 1])
    try await author.sync()
    try await author.put("pending", ["n": 2])
    let seed = world.scratch("seed.pack")
    try author.store.journal.read { reader in _ = try reader.pack(to: seed, checkpoint: nil) }
    var devices: [Device] = []
    for name in ["one", "other"] {
      let path = world.scratch(name)
      try Store.install(seed: seed, at: path, label: name).close()
      devices.append(try world.open(name))
    }
    for device in devices {
      #expect(try device.pending == 1)
      try await device.put("own \(try device.store.journal.device)", ["n": 3])
    }
    for device in devices + [author] + devices + [author] { try await device.sync() }
    for device in devices {
      #expect(try device.store.picture() == author.store.picture())
      #expect(try device.pending == 0)
      #expect(try device.store.problems() == [])
    }
    #expect(try author.store.picture().split(separator: "\n").count == 4)
    #expect(try world.serverEdits().count == 4)
  }
}
