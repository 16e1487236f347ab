import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `An edit that is set aside` {
  private let no: (code: String, message: String) = ("invalid", "Custom error")

  // Lives as long as the test: its directory goes with it.
  let world: World

  init() throws { world = try World() }

  func setUp() async throws -> (remote: RefusingRemote, device: Device) {
    let remote = RefusingRemote(world.remote)
    return (remote, try await Device(world.scratch.store("a"), remote))
  }

  @Test func `is listed with the server's reason and has its status`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { _, key in key == "bad" ? no : nil }
    try await device.put("bad", ["n": 1])
    try await device.put("good", ["n": 2])
    let report = try await device.sync()
    #expect(report.refused == 1 && report.accepted == 1 && report.parked == 1)
    let parked = try device.store.parked()
    #expect(parked.map(\.key) == ["bad"] && parked.map(\.collection) == ["c"])
    #expect(parked.first?.code == "invalid" && parked.first?.message == "Custom error")
    let sequence = try #require(parked.first?.sequence)
    #expect(
      try device.store.status(of: sequence) == .parked(code: "invalid", message: "Custom error"))
    #expect(try device.store.status(of: sequence + 1) == .settled)
    #expect(try device.get("bad") == nil)
  }

  @Test func `goes back to its own place and is judged again`() async throws {
    let (remote, device) = try await setUp()
    try await device.put("1", ["n": 0])
    try await device.sync()
    let no = no
    let made = try await device.store.write { try $0.update("c", "1", set: ["n": 1, "a": 1]) }
    let first = try #require(made.sequences.first)
    remote.refuse { change, _ in change.sequence == first ? no : nil }
    try await device.sync(.pushOnly)
    #expect(try device.get("1") == ["n": 0])
    try await device.update("1", ["n": 2])
    #expect(try await device.store.retry([first]) == [first])
    #expect(try device.get("1") == ["n": 2, "a": 1], "the later edit stays the later one")
    #expect(try device.store.status(of: first) == .pending)
    #expect(try device.store.problems() == [])
    remote.refuse { _, _ in nil }
    try await device.sync()
    #expect(try device.get("1") == ["n": 2, "a": 1])
    #expect(remote.pushes.last?.first == first, "what was made first is sent first")
    #expect(try device.store.status(of: first) == .settled)
    #expect(try device.store.problems() == [])
  }

  @Test func `S-SD-06 takes what needs it with it, and brings it back`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { _, key in key == "1" ? no : nil }
    try await device.store.write { try $0.create("c", "1", ["age": 3]) }
    try await device.update("1", ["age": 4])
    #expect(try device.get("1") == ["age": 4])
    // The two are judged together: the server refuses the second as well.
    try await device.sync()
    #expect(try device.get("1") == nil)
    #expect(try device.store.parked().count == 2)
    #expect(remote.pushes.count == 1, "nothing of it is sent again")
    try await device.sync()
    #expect(remote.pushes.count == 1)
    remote.refuse { _, _ in nil }
    try await device.store.retry(device.store.parked().map(\.sequence))
    #expect(try device.get("1") == ["age": 4])
    try await device.sync()
    #expect(try device.store.parked() == [])
    #expect(try world.serverEdits().count == 2)
  }

  @Test func `S-SD-06 lets a following set through that applies without it`() async throws {
    let (remote, device) = try await setUp()
    try await device.store.write { try $0.create("c", "1", ["age": 3]) }
    try await device.sync()
    let first = try await device.store.write { try $0.update("c", "1", set: ["age": 4]) }
    try await device.update("1", ["age": 9])
    #expect(try device.get("1") == ["age": 9])
    let no = no
    remote.refuse { change, _ in change.sequence == first.sequences.first ? no : nil }
    try await device.sync()
    #expect(try device.get("1") == ["age": 9])
    #expect(try device.store.parked().map(\.sequence) == first.sequences)
    #expect(try device.pending == 0)
  }

  @Test func `holds back later edits of its record, and what refers to it, until it is decided on`()
    async throws
  {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { change, key in change.kind == .create && key == "parent" ? no : nil }
    let parent = try await device.store.write { try $0.create("c", "parent", ["n": 1]) }
    // Not in the same segment: these wait when the refusal comes.
    try await device.sync(.pushOnly)
    let create = try #require(parent.sequences.first)
    try await device.store.write { tx in
      try tx.create("c", "child", ["of": .reference(collection: "c", key: "parent")])
    }
    try await device.update("child", ["n": 2])
    try await device.put("other", ["n": 3])
    let report = try await device.sync(.pushOnly)
    #expect(report.accepted == 1 && report.parked == 3)
    let parked = try device.store.parked()
    #expect(parked.map(\.key) == ["parent", "child", "child"])
    #expect(parked.map(\.dependsOn) == [nil, create, parked[1].sequence])
    #expect(parked[1].code == ParkedEdit.dependsOn)
    #expect(try device.get("child") == nil && device.get("other") == ["n": 3])
    #expect(try device.store.problems() == [])
    remote.refuse { _, _ in nil }
    #expect(try await device.store.retry([create]) == parked.map(\.sequence))
    try await device.sync()
    #expect(try device.store.parked() == [] && device.pending == 0)
    #expect(
      try device.get("child") == ["of": .reference(collection: "c", key: "parent"), "n": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `that is retried while what it needs is set aside, is set aside again`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { change, _ in change.kind == .create ? no : nil }
    try await device.store.write { tx in try tx.create("c", "1", ["n": 1]) }
    try await device.sync(.pushOnly)
    try await device.put("2", ["of": .reference(collection: "c", key: "1")])
    try await device.sync(.pushOnly)
    let parked = try device.store.parked()
    #expect(parked.map(\.dependsOn) == [nil, parked[0].sequence])
    try await device.store.retry([parked[1].sequence])
    try await device.sync(.pushOnly)
    #expect(try device.store.parked().map(\.sequence) == parked.map(\.sequence))
    #expect(remote.pushes.count == 1)
  }

  @Test func `is given up for ever, and what needed it is decided on by itself`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { change, _ in change.kind == .create ? no : nil }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    try await device.sync(.pushOnly)
    try await device.put("2", ["of": .reference(collection: "c", key: "1")])
    try await device.sync(.pushOnly)
    let parked = try device.store.parked()
    #expect(parked.count == 2)
    #expect(
      try await device.store.discard([parked[0].sequence], because: "a slip")
        == [parked[0].sequence])
    #expect(try device.store.status(of: parked[0].sequence) == .discarded)
    #expect(try device.store.parked() == [parked[1]])
    try await device.store.retry([parked[1].sequence])
    try await device.sync()
    #expect(try device.get("1") == nil)
    #expect(try device.get("2") == ["of": .reference(collection: "c", key: "1")])
    #expect(try device.store.problems() == [])
    try await device.store.rebuild()
    #expect(try device.store.status(of: parked[0].sequence) == .discarded)
    #expect(try device.store.problems() == [])
    #expect(try world.serverEdits().count == 1)
  }

  @Test func `goes with its group, and a pending edit can be given up too`() async throws {
    let (_, device) = try await setUp()
    try await device.put("base", ["n": 0])
    try await device.sync()
    let group = try await device.store.write { tx in
      try tx.put("c", "x", ["n": 1])
      try tx.update("c", "base", set: ["n": 1])
    }
    try await device.update("base", ["later": true])
    #expect(try await device.store.discard([group.sequences[1]]) == group.sequences)
    #expect(try device.get("x") == nil)
    #expect(try device.get("base") == ["n": 0, "later": true])
    #expect(try device.store.problems() == [])
    try await device.sync()
    #expect(try device.get("base") == ["n": 0, "later": true])
    #expect(try device.store.problems() == [])
  }

  @Test func `is amended: the old one goes and the new one comes, both or neither`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { change, _ in change.sequence == 3 ? no : nil }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    try await device.sync()
    let parked = try #require(try device.store.parked().first)
    await #expect(throws: JournalError.self) {
      try await device.store.amend([parked.sequence]) { try $0.update("c", "1", set: ["n": 2]) }
    }
    #expect(try device.store.parked() == [parked], "the record is not there to be updated")
    try await device.store.amend([parked.sequence], because: "with a title") {
      try $0.create("c", "1", ["n": 1, "title": "t"])
    }
    try await device.sync()
    #expect(try device.store.parked() == [])
    #expect(try device.get("1") == ["n": 1, "title": "t"])
    #expect(try device.store.problems() == [])
  }

  @Test func `is the only kind that can be decided on, and the errors say so`() async throws {
    let (_, device) = try await setUp()
    try await device.put("1", ["n": 1])
    let pending = try device.store.journal.lastSequence
    func code(_ body: () async throws -> Void) async -> String? {
      do { try await body() } catch let error as JournalError { return error.code } catch {}
      return nil
    }
    #expect(await code { try await device.store.retry([pending]) } == "not-parked")
    #expect(await code { try await device.store.retry([pending + 1]) } == "invalid-input")
    #expect(await code { try await device.store.discard([0]) } == "invalid-input")
    #expect(await code { try await device.store.discard([1]) } == "invalid-input")
    world.remote.failNext(.answerLost)
    _ = try? await device.sync()
    #expect(await code { try await device.store.discard([pending]) } == "under-way")
    try await device.sync()
    #expect(await code { try await device.store.discard([pending]) } == "not-parked")
    #expect(try device.count(.discarded) == 0 && device.count(.retried) == 0)
  }

  @Test func `keeps its reason over a trim, and can be retried below the horizon`() async throws {
    let (remote, device) = try await setUp()
    let no = no
    remote.refuse { change, key in change.kind == .create && key == "1" ? no : nil }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    try await device.sync()
    try await device.put("2", ["of": .reference(collection: "c", key: "1")])
    for number in 3..<20 { try await device.put("\(number)", ["n": 1]) }
    try await device.sync()
    let parked = try device.store.parked()
    #expect(parked.count == 2)
    #expect(try await device.store.compact().trimmed > 10)
    #expect(try device.store.parked() == parked)
    #expect(try device.store.problems() == [])
    try await device.store.rebuild()
    #expect(try device.store.parked() == parked)
    remote.refuse { _, _ in nil }
    try await device.store.retry([parked[0].sequence])
    try await device.sync()
    #expect(try device.get("1") == ["n": 1])
    #expect(try device.store.problems() == [])
    #expect(try await device.store.compact().trimmed > 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `that was given up can be erased with its record`() async throws {
    let (remote, device) = try await setUp()
    try await device.put("1", ["n": 1])
    try await device.sync()
    let no = no
    remote.refuse { _, _ in no }
    try await device.update("1", ["n": 2])
    try await device.sync()
    try await device.store.discard(device.store.parked().map(\.sequence))
    #expect(try device.get("1") == ["n": 1])
    try await device.store.erase("c", "1", because: "asked", isOnlyHere: true)
    #expect(try device.store.problems() == [])
    try await device.store.rebuild()
    #expect(try device.store.problems() == [])
  }
}

extension Scratch {
  fileprivate func store(_ name: String) throws -> Store {
    try Store.create(at: self(name), label: name)
  }
}
