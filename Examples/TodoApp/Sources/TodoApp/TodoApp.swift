import Foundation
import Journal
import JournalTesting
import Projection

/// A week of a small household, told by its journal.
@main
struct TodoApp {
  static func main() async {
    do {
      try await tell()
    } catch {
      print("  ✗ \(error)")
      exit(1)
    }
  }

  static func tell() async throws {
    let directory = URL.temporaryDirectory.appending(path: "TodoApp-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let path = directory.appending(path: "Todo.journal").path
    let golden = directory.appending(path: "golden.ndjson").path

    print("The first launch")
    let new = try await open(path)
    try expect("a migration made the inbox", new.fetch(TaskList.self, "inbox")?.title == "Inbox")
    try await plan(in: new)
    new.close()

    print("The next launch")
    let store = try await open(path)
    try await expect("the migration ran once", store.migrate(migrations()).isEmpty)
    try await find(in: store)
    try await watch(store)
    let before = try await lookBack(in: store)
    try replay(path, through: before, golden: golden)
    try expect("the journal is sound", store.verify().problems.isEmpty)
    store.close()
    try FileManager.default.removeItem(at: directory)
  }

  /// What the app does at every launch: the first one makes the journal.
  static func open(_ path: String) async throws -> Store {
    try await Store.openOrCreate(
      at: path, label: "kitchen tablet", records: recordTypes, migrations: migrations())
  }

  /// One write is one group: all of it is on disk when it returns, or none of it happened.
  static func plan(in store: Store) async throws {
    try await store.write(by: "mia", because: "planning the week") { tx in
      try tx.create(Person(id: "mia", name: "Mia"))
      try tx.create(Person(id: "ben", name: "Ben"))
      try tx.create(TaskList(id: "home", title: "Home"))
      try tx.create(Todo(id: "milk", list: "home", title: "Milk", tags: ["shop"], people: ["ben"]))
      try tx.create(Todo(id: "bulb", list: "home", title: "Bulb", rank: 1, people: ["ben", "mia"]))
      try tx.create(Todo(id: "post", list: "inbox", title: "Stamps", tags: ["shop"]))
    }
    try expect("three things are to do", store.count(Todo.open) == 3)
  }

  /// Requests find their index by themselves, and references are followed for many records at once.
  static func find(in store: Store) async throws {
    try await store.buildIndexes()
    let atHome = Todo.where(\.list == "home" && \.rank < 10).sorted(by: .ascending(\.rank))
    try store.read { now in
      let plan = try now.explain(atHome)
      try expect("\(plan)", plan.index == "by-list" && plan.isOrdered)

      let errands = try now.fetch(Todo.where(.contains(\.tags, "shop")))
      let lists = try now.targets(of: errands, by: \.list)
      let lines = errands.map { "\($0.title) (\(lists[$0.list]?.title ?? "–"))" }
      try expect("errands: \(lines)", lines == ["Milk (Home)", "Stamps (Inbox)"])

      let todos = try now.sources(to: ["ben", "mia"], byEach: \Todo.people)
      try expect("Ben does two, Mia one", todos["ben"]?.count == 2 && todos["mia"]?.count == 1)
    }
  }

  /// A live request gives the present result, then each that differs, until the loop is left.
  static func watch(_ store: Store) async throws {
    var shown: [[String]] = []
    for try await todos in store.observe(Todo.open) {
      shown.append(todos.map(\.title))
      print("    the screen shows", todos.map(\.title))
      if shown.count == 2 { break }
      try await store.write(by: "ben", because: "was at the market") { tx in
        try tx.update(Todo.self, "milk") { $0.isDone = true }
      }
    }
    let expected = [["Bulb", "Milk", "Stamps"], ["Bulb", "Stamps"]]
    try expect("the screen followed the write", shown == expected)
  }

  /// Every read can be made at an earlier moment. Returns the last entry before the deletes.
  static func lookBack(in store: Store) async throws -> SequenceNumber {
    let deletes = try await store.write(by: "mia", because: "Ben moves out") { tx in
      try tx.delete(Person.self, "ben")
      try tx.delete(TaskList.self, "inbox")
    }
    try expect("the stamps went with their list", store.fetch(Todo.self, "post") == nil)
    try expect("the bulb is Mia’s alone", store.fetch(Todo.self, "bulb")?.people == ["mia"])

    let before = deletes.sequences[0] - 1
    let stamps = try store.fetch(Todo.self, "post", at: .sequence(before))
    try expect("before, the stamps were there", stamps?.title == "Stamps")
    let changed = try store.diff(from: .sequence(before), in: "todos").map(\.key)
    try expect("since then changed: \(changed)", changed == ["bulb", "milk", "post"])
    let done = try store.blame("todos", "milk")?["isDone"]?.entry
    try expect(
      "the milk was bought by ben, who was at the market",
      done?.actor == "ben" && done?.reason == "was at the market")
    return before
  }

  /// A golden file holds what the entries fold to. Any later fold of them has to be the same.
  static func replay(_ path: String, through last: SequenceNumber, golden: String) throws {
    do {
      try JournalReplay.check(
        journalOrPackAt: path, matches: golden, at: last, recording: .always)
    } catch ReplayFailure.recorded {
      print("    the golden file is recorded")
    }
    try JournalReplay.check(journalOrPackAt: path, matches: golden, at: last, recording: .never)
    print("  ✓ the replay is what was recorded")

    var differing: [String] = []
    do {
      try JournalReplay.check(journalOrPackAt: path, matches: golden, recording: .never)
    } catch ReplayFailure.differs(let difference) {
      differing = difference.records.map(\.key)
    }
    let touched = ["inbox", "ben", "bulb", "milk", "post"]
    try expect("the deletes show: \(differing)", differing == touched)
  }
}
