import Journal
import TestKit
import Testing
import Transport

@testable import Projection

/// Records that were created here under keys of their own, and the server's keys for them.
@Suite struct `An assigned id` {
  @Test func `S-BD-10 takes the place of the one a record was created under`() async throws {
    let office = try await Office()
    try office.server.put("people", "1", ["name": "a"])
    try office.server.put("people", "2", ["name": "b"])
    try await office.sync()
    #expect(try office.people == ["1", "2"])
    // Offline.
    try await office.update("1", ["name": "edited"])
    let new = Person(id: .init(), name: "new")
    try await office.store.write { tx in try tx.create(new) }
    try await office.store.write { try $0.delete("people", "2") }
    let report = try await office.sync()
    #expect(report.accepted == 3 && report.conflicts == 0 && report.refused == 0)
    #expect(
      office.server.seen == ["update people/1", "create people/\(new.id)", "delete people/2"])
    #expect(try office.people == ["1", "100"])
    #expect(try office.pending == 0)
    #expect(try office.store.journal.read { try $0.counts() }.accepted == 0)
    #expect(try office.store.fetch(Person.self, new.id) == Person(id: "100", name: "new"))
    #expect(try office.store.fetch(Person.self, "100") == Person(id: "100", name: "new"))
    #expect(try office.store.read { try $0.currentID(new.id) } == "100")
    #expect(try office.store.picture() == office.server.picture())
    #expect(try await office.store.isSound())
    // Nothing is left to say.
    #expect(try await office.sync().pushed == 0)
  }

  @Test func `is for edits under the old id as well, made before it came or after`() async throws {
    let office = try await Office()
    try await office.create("tmp", ["n": 1])
    try await office.update("tmp", ["m": 1])
    office.server.lose(answers: 1)
    await #expect(throws: TransportError.self) { try await office.sync() }
    // The create is in flight, and the app goes on.
    try await office.update("tmp", ["m": 2])
    try await office.sync(.pushOnly)
    #expect(try office.store.get("people", "100") == ["n": 1, "m": 2])
    // An app, or another process, that holds the old id.
    try await office.update("tmp", ["n": 2])
    try await office.update("100", ["o": 3])
    await #expect(throws: JournalError.self) { try await office.create("tmp") }
    try await office.sync()
    #expect(
      office.server.seen == [
        "create people/tmp", "update people/tmp", "update people/100", "update people/100",
        "update people/100",
      ])
    #expect(try office.store.get("people", "tmp") == ["n": 2, "m": 2, "o": 3])
    #expect(try office.people == ["100"])
    #expect(try office.store.picture() == office.server.picture())
    #expect(try await office.store.isSound())
  }

  @Test func `may stand beside the old one in a write`() async throws {
    let office = try await Office()
    try await office.create("tmp", ["name": "a"])
    try await office.sync()
    let (old, new) = (RecordID<Person>("tmp"), RecordID<Person>("100"))
    try await office.store.write { tx in
      try tx.update(Person.self, old) { $0.name += "b" }
      try tx.update(Person.self, new) { $0.name += "c" }
      let count = try tx.update(Request<Person>()) { $0.name += "d" }
      #expect(count == 1)
      try tx.update(Person.self, old) { $0.name += "e" }
    }
    #expect(try office.store.fetch(Person.self, old)?.name == "abcde")
    let copy = try await office.store.write { tx in
      let name = try tx.duplicate(Person.self, old).name
      let count = try tx.delete(Person.where(\.name == "abcde"))
      #expect(name == "abcde" && count == 2)
    }
    #expect(copy.sequences.count == 3)
    #expect(try office.people == [])
    try await office.sync()
    #expect(try office.store.picture() == office.server.picture())
    #expect(try await office.store.isSound())
  }

  @Test func `joins with what the feed brought under it before the answer`() async throws {
    let office = try await Office()
    try await office.create("tmp", ["n": 1])
    office.server.lose(answers: 1)
    await #expect(throws: TransportError.self) { try await office.sync() }
    try office.server.put("people", "100", ["n": 1, "by": "others"])
    try await office.update("tmp", ["n": 2])
    try await office.sync(.pullOnly)
    #expect(try office.people == ["100", "tmp"])
    try await office.sync(.pushOnly)
    #expect(try office.people == ["100"])
    #expect(try office.store.get("people", "tmp") == ["n": 2, "by": "others"])
    try await office.sync()
    #expect(try office.store.picture() == office.server.picture())
    #expect(try office.pending == 0)
    #expect(try await office.store.isSound())
  }

  @Test func `is what references of other records mean from then on`() async throws {
    let office = try await Office()
    defer { office.store.close() }
    try await office.store.write { tx in
      try tx.create(Person(id: "tmp", name: "Ada"))
      try tx.create(Errand(id: "t1", person: "tmp", helpers: ["tmp"]))
    }
    try await office.sync()
    try await office.store.write { tx in
      try tx.create(Errand(id: "t2", person: "100", helpers: ["100", "tmp"]))
    }
    try office.store.read { snapshot throws in
      let tasks = try snapshot.all(Errand.self)
      #expect(try snapshot.targets(of: tasks, by: \.person).values.allSatisfy { $0.id == "100" })
      for id in ["tmp", "100"] as [RecordID<Person>] {
        #expect(try snapshot.sources(to: [id], by: \Errand.person)[id]?.count == 2, "\(id)")
        #expect(try snapshot.sources(to: [id], byEach: \Errand.helpers)[id]?.count == 2, "\(id)")
        #expect(try snapshot.count(Errand.where(\.person == id)) == 2, "\(id)")
        #expect(try snapshot.count(Errand.where(\.person != id)) == 0, "\(id)")
        #expect(try snapshot.count(Errand.where(.contains(\.helpers, id))) == 2, "\(id)")
        let people = [Person(id: id)]
        let found = try snapshot.matches(of: people, on: \.id, equal: \Errand.person)
        #expect(found[id]?.count == 2, "\(id)")
      }
      #expect(try snapshot.explain(Errand.where(\.person == "100")).index == "by-person")
    }
    // A link's rule sees both, whichever id is deleted by.
    for id in ["tmp", "100"] as [RecordID<Person>] {
      let error = await #expect(throws: JournalError.self) {
        try await office.store.write { try $0.delete(Person.self, id) }
      }
      #expect(error?.code == "still-referred")
    }
    try await office.store.write { tx in
      for task in try office.store.fetch(Request<Errand>()) {
        try tx.update(Errand.self, task.id) { $0.person = "other" }
      }
    }
    try await office.store.write { try $0.delete(Person.self, "100") }
    #expect(try office.store.fetch(Request<Errand>()).allSatisfy { $0.helpers.isEmpty })
    #expect(try office.store.problems() == [])
  }

  @Test func `is what a later segment names, in references too, and an earlier one never`()
    async throws
  {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [])
    let (people, tasks) = (AssigningServer(), AssigningServer())
    let toPeople = try await store.engine(to: people, collections: ["people"])
    let toTasks = try await store.engine(to: tasks, named: "errands", collections: ["errands"])
    let tmp = Value.reference(collection: "people", key: "tmp")
    try await store.write { tx in
      try tx.create("people", "tmp", [:])
      try tx.create("errands", "t", ["person": tmp, "all": ["x", tmp], "n": 1])
    }
    tasks.lose(2)
    for _ in 0..<2 {
      await #expect(throws: TransportError.self) { try await toTasks.sync(.pushOnly) }
      _ = try await toPeople.sync()
    }
    try await store.write { try $0.update("errands", "t", set: ["again": tmp]) }
    _ = try await toTasks.sync()
    // Sealed before the id was there: byte for byte the same.
    #expect(Set(tasks.segments.prefix(3)).count == 1)
    func shown(_ key: String) -> String {
      JSONText.string(.reference(collection: "people", key: key))
    }
    let picture = try tasks.picture()
    #expect(
      picture == "errands/100 {\"again\":\(shown("100")),\"all\":[\"x\",\(shown("tmp"))],\"n\":1,"
        + "\"person\":\(shown("tmp"))}\n")
    #expect(try store.problems() == [])
  }

  @Test func `is one change of a live list, and the record goes on under it`() async throws {
    let office = try await Office()
    try await office.create("tmp", ["name": "Ada"])
    try await office.store.write { try $0.create(Errand(id: "t", person: "tmp")) }
    let store = office.store
    var record = store.observe(Person.self, "tmp").makeAsyncIterator()
    var list = store.observe(Person.sorted(by: .ascending(\.name))).makeAsyncIterator()
    var count = store.observeCount(of: Errand.where(\.person == "100")).makeAsyncIterator()
    var tasks = store.observe(Errand.where(\.person == "100")).makeAsyncIterator()
    var changes = store.changes(matching: "people.*").makeAsyncIterator()
    #expect(try await record.next() == .some(Person(id: "tmp", name: "Ada")))
    #expect(try await list.next()?.map(\.id) == ["tmp"])
    #expect(try await count.next() == 0)
    #expect(try await tasks.next() == [])
    try await office.sync(.pushOnly)
    #expect(try record.available() == .some(Person(id: "100", name: "Ada")))
    #expect(try list.available()?.map(\.id) == ["100"])
    #expect(try list.available() == nil)
    #expect(try count.available() == 1)
    #expect(try tasks.available()?.map(\.person) == ["tmp"])
    let (gone, come) = (
      try #require(try changes.available()), try #require(try changes.available())
    )
    #expect(Set([gone.key, come.key]) == ["tmp", "100"])
    #expect(gone.through == come.through && gone.origin == .remote)
    try await office.update("tmp", ["name": "Ada Lovelace"])
    #expect(try record.available() == .some(Person(id: "100", name: "Ada Lovelace")))
    #expect(try list.available()?.map(\.name) == ["Ada Lovelace"])
    #expect(try store.problems() == [])
  }
}
