import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

@Suite struct `Records in another form at the server` {
  struct Person: Record {
    static let schema = Schema<Person>("people")
    var id = RecordID<Person>()
    var name: String
  }

  struct Task: Record, Equatable {
    static let schema = Schema<Task>(
      "c", .link(\Task.owner, onDelete: .clear), .remote(\Task.title, "name"),
      .remote(\Task.due, "due_at", .milliseconds), .remote(\Task.begun, nil, .seconds))
    var id = RecordID<Task>()
    var title: String
    var due: Date?
    var begun: Date?
    var owner: RecordID<Person>?
  }

  private let due = Date(timeIntervalSince1970: 1_700_000_000.25)
  private let begun = Date(timeIntervalSince1970: 1_600_000_000)

  private func device(_ server: PlainServer) async throws -> RecordDevice {
    try await RecordDevice(server, collections: ["c"], records: [Task.self, Person.self])
  }

  @Test func `travel under its names and stay what they are here`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await device(server)
    let task = Task(id: "t", title: "read", due: due, begun: begun, owner: "ada")
    try await device.store.write { try $0.create(task) }
    try await device.sync()
    #expect(
      server.fields("c", "t") == [
        "name": "read", "due_at": 1_700_000_000_250, "begun": 1_600_000_000, "owner": "ada",
      ])
    #expect(try device.store.read { snapshot throws in try snapshot.fetch(Task.self, "t") } == task)
    // And back: what another client writes in the server's form.
    server.write(
      "c", "u", ["name": "write", "due_at": 1_700_000_000_250, "owner": "bob", "extra": 1])
    try await device.sync()
    let other = try device.store.read { snapshot throws in try snapshot.fetch(Task.self, "u") }
    #expect(other == Task(id: "u", title: "write", due: due, begun: nil, owner: "bob"))
    #expect(try device.get("u")?["extra"] == 1)
    #expect(try device.store.problems() == [])
  }

  @Test func `are updated and unset by its names`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await device(server)
    try await device.store.write {
      try $0.create(Task(id: "t", title: "read", due: due, begun: begun, owner: "ada"))
    }
    try await device.sync()
    try await device.store.write { tx in
      try tx.update(Task.self, "t") { task in
        task.title = "read again"
        task.due = nil
      }
    }
    try await device.sync()
    #expect(
      server.bodies.last == .object(["due_at": .null, "name": "read again"])
        || server.fields("c", "t")?["due_at"] == nil)
    #expect(server.fields("c", "t")?["name"] == "read again")
    #expect(try device.store.journal.read { try $0.counts() }.pending == 0)
  }

  @Test func `are made anew where the form changed while they were on their way`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "t", ["title": "read"]) }
    // Sealed and sent, its answer lost with the connection.
    server.state.withLock { $0.losingAnswers = ["PUT /c/t": 1] }
    await #expect(throws: TransportError.self) { try await device.sync() }
    device.store.close()
    let store = try Store.open(at: device.store.journal.path, records: [Task.self, Person.self])
    defer { store.close() }
    let engine = try SyncEngine(
      journal: store.journal, remote: "plain",
      over: RESTServer(
        url: "https://plain.test/api", collections: ["c"], settings: server.settings,
        exchange: server))
    _ = try await engine.sync()
    #expect(server.fields("c", "t") == ["name": "read"])
    #expect(try store.journal.read { try $0.counts() }.pending == 0)
    #expect(try store.problems() == [])
  }

  @Test func `cannot be those of a collection that never leaves the device`() throws {
    struct Draft: Record {
      static let schema = Schema<Draft>("drafts", .localOnly, .remote(\Draft.text, "body"))
      var id = RecordID<Draft>()
      var text: String
    }
    let scratch = try Scratch()
    #expect(throws: JournalError.self) {
      _ = try Store.create(at: scratch("j"), label: "a", records: [Draft.self])
    }
  }

  @Test func `have one name for each field`() throws {
    struct Twice: Record {
      static let schema = Schema<Twice>("twice", .remote(\Twice.a, "x"), .remote(\Twice.b, "x"))
      var id = RecordID<Twice>()
      var a: String
      var b: String
    }
    let scratch = try Scratch()
    #expect(throws: JournalError.self) {
      _ = try Store.create(at: scratch("j"), label: "a", records: [Twice.self])
    }
  }
}
