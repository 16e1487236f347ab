import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A policy` {
  /// Two devices that have the record `1`, and the first has changed it at the server since.
  private func contested(
    _ policy: TestedPolicy, _ change: Fields = ["a": "theirs"]
  ) async throws -> (World, Device, Device) {
    let world = try World()
    let (a, b) = (try await world.device("a", policy), try await world.device("b", policy))
    try await a.put("1", ["a": 0, "b": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", change)
    return (world, a, b)
  }

  @Test func `is declared once, and known to every process by its name`() async throws {
    let scratch = try Scratch()
    for _ in 0..<2 {
      let store = try Store.open(
        at: {
          try? Store.create(at: scratch("j"), label: "a", records: [Tagged.self]).close()
          return scratch("j")
        }(), records: [Tagged.self])
      defer { store.close() }
      #expect(try store.journal.lastSequence == 2)
      let declared = try store.journal.read { try $0.declaration(ofCollection: "c") }
      #expect(declared?.policy == "union" && declared?.isStrict == true)
      #expect(try store.problems() == [])
    }
    let store = try Store.open(at: scratch("j"))
    defer { store.close() }
    try await store.declarePolicy(.clientWins, of: "c")
    #expect(
      try store.journal.read { try $0.declaration(ofCollection: "c") }?.policy == "clientWins")
    await #expect(throws: JournalError.self) {
      try await store.declarePolicy(.custom("x") { _, _ in .keep }, of: "c")
    }
  }

  @Test func `serverWins gives the edit up, and says what fell by it`() async throws {
    let (world, a, b) = try await contested(.serverWins)
    try await b.update("1", ["a": "mine", "b": "mine"])
    let edit = try b.store.journal.lastSequence
    try await a.sync()
    let report = try await b.sync()
    #expect(report.conflicts == 1 && report.pending == 0)
    #expect(try b.get("1") == ["a": "theirs", "b": 0])
    #expect(try b.decisions() == ["serverWins: supersede"])
    #expect(try b.last(.conflict, "1", .lost) == ["a": "mine", "b": "mine"])
    #expect(try b.store.status(of: edit) == .superseded)
    try await settle([a, b])
    #expect(try world.serverEdits().count == 2, "what is superseded is not sent")
  }

  @Test func `takes a group along as a whole`() async throws {
    let (world, a, b) = try await contested(.serverWins)
    try await b.store.write { tx in
      try tx.update("c", "1", set: ["a": "mine"])
      try tx.put("c", "2", ["a": "of the group"])
    }
    try await b.put("3", ["a": "alone"])
    try await a.sync()
    try await b.sync()
    #expect(try b.get("1") == ["a": "theirs", "b": 0])
    #expect(try b.get("2") == nil)
    #expect(try b.get("3") == ["a": "alone"])
    #expect(try b.last(.conflict, "2", .lost) == ["a": "of the group"])
    try await settle([a, b])
    #expect(try world.serverEdits().count == 3)
  }

  @Test func `leaves alone what is not contested`() async throws {
    for policy in TestedPolicy.allCases {
      let (_, a, b) = try await contested(policy)
      try await b.update("1", ["b": "mine"])
      try await a.sync()
      try await settle([b, a])
      #expect(try b.get("1") == ["a": "theirs", "b": "mine"], "\(policy)")
      #expect(try b.decisions() == [], "\(policy)")
    }
  }

  @Test func `is asked before the server takes a strict edit`() async throws {
    for policy in TestedPolicy.allCases {
      let (world, a, b) = try await contested(policy)
      try await b.update("1", ["a": "mine"])
      try await b.update("1", ["a": "mine again"])
      try await a.sync()
      try await b.sync()
      #expect(try a.store.read { try $0.get("c", "1") }?["a"] == "theirs")
      try await settle([a, b])
      #expect(
        try a.get("1")?["a"] == (policy.yields ? "theirs" : "mine again"), "\(policy)")
      let strict = try world.remote.segments.flatMap { bytes in
        try bytes.withUnsafeBytes { try SegmentCodec.decode($0) }
      }
      #expect(strict.allSatisfy { $0.isStrict == policy.yields }, "\(policy)")
    }
  }

  @Test func `replaces what is sent, under the same id, and leaves the entry as it was`()
    async throws
  {
    let (_, a, b) = try await contested(.union, ["a": "theirs", "tag-a": 1])
    try await b.update("1", ["a": "mine", "tag-b": 1])
    let edit = try b.store.journal.lastSequence
    try await a.sync()
    try await b.sync()
    #expect(try b.decisions() == ["union: replaceWith"])
    try await settle([a, b])
    #expect(try a.get("1") == ["a": "theirs", "b": 0, "tag-a": 1, "tag-b": 1])
    let entry = try #require(try b.store.journal.read { try $0.entry(edit) })
    let said = try entry.plainBody.withUnsafeBytes { try Body($0).raw(.set).map { [UInt8]($0) } }
    #expect(try Snapshot.decode(#require(said)) == ["a": "mine", "tag-b": 1])
  }

  @Test func `changes what is under way by a new edit that names it`() async throws {
    let (world, a, b) = try await contested(.serverWins)
    try await b.update("1", ["a": "mine"])
    let edit = try b.store.journal.lastSequence
    world.remote.failNext(.lost, .lost)
    // The first contact succeeds, the push does not arrive.
    _ = try? await b.sync(.pushOnly)
    #expect(try b.store.journal.read { try $0.counts() }.inFlight == 1)
    world.remote.failNext()
    try await a.sync()
    try await b.sync(.pullOnly)
    #expect(try b.decisions() == ["serverWins: keep"])
    #expect(try b.store.status(of: edit) == .inFlight)
    #expect(try b.get("1") == ["a": "theirs", "b": 0], "what stands is the decision's")
    let change = try #require(
      try b.store.journal.read { try $0.entry($0.head.lastSequence - 1) })
    let cause = try change.plainBody.withUnsafeBytes { try Body($0).unsigned(.cause) }
    #expect(change.header.kind == .update && cause == change.header.sequence - 1)
    try await settle([b, a])
    #expect(try a.get("1") == ["a": "theirs", "b": 0])
    #expect(try b.store.status(of: edit) == .superseded)
  }

  @Test func `clientWins puts back what the server has deleted`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .clientWins), try await world.device("b", .clientWins)
    )
    try await a.put("1", ["a": 0, "b": 0])
    try await settle([a, b], rounds: 2)
    try await a.delete("1")
    try await b.update("1", ["a": "mine"])
    try await settle([a, b])
    #expect(try a.get("1") == ["a": "mine", "b": 0])
  }

  @Test func `lastWriter goes by the server's time and the time an edit was recorded`()
    async throws
  {
    for isLater in [false, true] {
      let world = try World()
      let a = try await world.device("a", .lastWriter)
      // A device whose clock is an hour ahead writes later than anybody.
      let ahead = Timestamp(milliseconds: Timestamp.now.milliseconds + 3_600_000)
      let b = try await world.device(
        "b", .lastWriter,
        configuration: isLater ? Journal.Configuration(now: { ahead }) : .init())
      try await a.put("1", ["a": 0])
      try await settle([a, b], rounds: 2)
      try await b.update("1", ["a": "mine"])
      try await a.update("1", ["a": "theirs"])
      try await settle([a, b])
      #expect(try a.get("1") == ["a": isLater ? "mine" : "theirs"])
    }
  }

  @Test func `holds for what a server that went back has lost`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a", .union), try await world.device("b", .union))
    try await a.put("1", ["a": 0, "b": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", ["a": "theirs", "tag-a": 1])
    try await b.update("1", ["a": "mine", "tag-b": 1])
    try await a.sync()
    let decided = try await b.sync()
    #expect(decided.conflicts == 1)
    let edit = try #require(
      try b.store.journal.read { reader in
        var found: SequenceNumber?
        try reader.scanEntries(from: 1) { entry in
          if entry.header.kind == .update { found = entry.header.sequence }
          return true
        }
        return found
      })
    let decisions = try b.store.journal.read { try $0.replacements(of: [edit]) }
    #expect(decisions.map(\.edit) == [edit])
    // As the beginning of a generation makes it pending again.
    var body = BodyBuilder()
    body.add(.reason, text: "went-back")
    body.add(.remote, text: "server")
    body.add(.entries) { $0.ranges([edit]) }
    body.add(.generation, unsigned: 1)
    body.add(.from, unsigned: 1)
    body.add(.decisions) { writer in
      writer.array(count: 1)
      writer.array(count: 2)
      writer.unsigned(edit)
      writer.unsigned(decisions[0].decision)
    }
    let draft = try Draft(.retried, body: body.finish())
    try await b.store.journal.transact { _ = try $0.append(draft) }
    #expect(try b.store.journal.read { try $0.edit(edit) }?.decision == decisions[0].decision)
    #expect(try b.get("1") == ["a": "theirs", "b": 0, "tag-a": 1, "tag-b": 1])
    #expect(try b.store.problems() == [])
    try await settle([b, a])
  }
}

@Suite struct `An open conflict` {
  private func open() async throws -> (World, Device, Device, SequenceNumber) {
    let world = try World()
    let a = try await world.device("a", .undeclared)
    let b = try await world.device("b", records: [Asking.self])
    try await a.put("1", ["a": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", ["a": "theirs"])
    try await b.update("1", ["a": "mine"])
    let edit = try b.store.journal.lastSequence
    try await a.sync()
    try await b.sync()
    return (world, a, b, edit)
  }

  @Test func `holds its edit, later ones of the record and what refers to a record it makes`()
    async throws
  {
    let (_, a, b, edit) = try await open()
    #expect(try b.decisions() == ["ask: open"])
    #expect(try b.get("1") == ["a": "mine"], "folded as if kept")
    try await b.update("1", ["b": "later"])
    try await b.put("2", ["b": "elsewhere"])
    let report = try await b.sync()
    #expect(report.accepted == 1 && report.pending == 2)
    #expect(try b.store.status(of: edit) == .pending)
    try await a.sync()
    #expect(try a.get("1") == ["a": "theirs"])
    #expect(try a.get("2") == ["b": "elsewhere"])
    #expect(try b.store.openConflicts().count == 1)
  }

  @Test func `is resolved by a decision, whichever`() async throws {
    let choices: [(ConflictChoice, Fields)] = [
      (.mine, ["a": "mine"]), (.theirs, ["a": "theirs"]),
      (.fields(["a": "both"]), ["a": "both"]),
    ]
    for (choice, outcome) in choices {
      let (_, a, b, edit) = try await open()
      let conflict = try #require(try b.store.openConflicts().first)
      try await b.store.decide(conflict, choice, by: "mia")
      #expect(try b.store.openConflicts() == [])
      try await settle([b, a])
      #expect(try a.get("1") == outcome)
      #expect(try b.store.status(of: edit) == (choice == .theirs ? .superseded : .settled))
    }
  }

  @Test func `is what a program without the policy makes of one`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a", .union), try await world.device("b", .union))
    try await a.put("1", ["a": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", ["a": "theirs"])
    try await b.update("1", ["a": "mine", "tag-b": 1])
    try await a.sync()
    b.store.close()
    let plain = try world.open("b")
    let report = try await plain.sync()
    #expect(report.pending == 1 && report.parked == 0)
    #expect(try plain.decisions() == ["union: open"])
    #expect(try plain.get("1") == ["a": "mine", "tag-b": 1])
    #expect(try plain.store.problems() == [])
    // On top of what was replaced before, it holds as well.
    try await plain.store.decide(
      #require(plain.store.openConflicts().first), .fields(["tag-b": 2]))
    try await a.update("1", ["tag-b": "theirs"])
    try await a.sync()
    try await plain.sync(.pullOnly)
    try await plain.sync()
    #expect(try plain.decisions().last == "union: open")
    #expect(try plain.get("1") == ["a": "theirs", "tag-b": 2])
    #expect(try plain.pending == 1, "what is open is not sent, also on top of a replacement")
  }

  @Test func `that was settled is decided again by a new edit`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    try await a.put("1", ["a": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", ["a": "theirs"])
    try await b.update("1", ["a": "mine"])
    try await settle([a, b])
    let conflict = try #require(
      try b.store.read { try $0.history("c", "1") }.last { $0.header.kind == .conflict })
    let entries = try await b.store.decide(conflict.header.sequence, .mine, because: "sure")
    #expect(entries.count == 2)
    let told = try b.store.read { try $0.entries(about: "c", "1") }
    let reasons = told.filter { entries.contains($0.sequence) }.map { $0.members["reason"] }
    #expect(reasons == ["sure", "sure"])
    try await settle([b, a])
    #expect(try a.get("1") == ["a": "mine"])
    await #expect(throws: JournalError.self) { try await b.store.decide(1, .mine) }
  }
}
