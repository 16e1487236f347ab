import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// Where a policy has nothing to say, and must not be asked.
@Suite struct `A strict collection` {
  @Test func `gives up no edit because its server went back to a backup`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    try await a.put("1", ["a": 0, "b": 0])
    try await a.put("2", ["a": 0])
    try await settle([a, b], rounds: 2)
    try world.backUp()
    // Accepted and lost with the server; and never sent.
    try await b.update("1", ["b": "accepted"])
    try await b.sync()
    try await b.update("2", ["a": "pending"])
    let restored = try world.restored()
    let (a2, b2) = (a.now(restored), b.now(restored))
    try await b2.sync()
    try await settle([a2, b2])
    #expect(try a2.get("1") == ["a": 0, "b": "accepted"])
    #expect(try a2.get("2") == ["a": "pending"])
    #expect(try b2.decisions().allSatisfy { !$0.contains("supersede") })
  }

  @Test func `takes an edit that touches nothing, and goes on`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    try await a.put("1", ["a": 0])
    try await settle([a, b], rounds: 2)
    try await b.put("1", ["a": 1])
    try await b.sync()
    try await a.update("1", [:])
    try await a.store.write { try $0.create("c", "2", [:]) }
    try await b.put("2", ["b": 1])
    try await b.sync()
    try await settle([a, b])
    #expect(try a.get("1") == ["a": 1])
  }

  @Test func `keeps an edit of a field that another device's put left as it was`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    try await a.put("1", ["a": 1, "b": 1])
    try await settle([a, b], rounds: 2)
    try await b.put("1", ["a": 2, "b": 1])
    try await b.sync()
    try await a.update("1", ["b": "mine"])
    try await settle([a, b])
    #expect(try b.get("1") == ["a": 2, "b": "mine"])
  }

  @Test func `is decided about record by record, whatever one answer is about`() async throws {
    let world = try World()
    let (a, b) = (
      try await world.device("a", .serverWins), try await world.device("b", .serverWins)
    )
    for key in ["1", "2", "3"] { try await a.put(key, ["n": 0]) }
    try await settle([a, b], rounds: 2)
    for key in ["1", "2", "3"] {
      try await a.update(key, ["n": "theirs"])
      try await b.update(key, ["n": "mine"])
    }
    try await a.sync()
    // The answer is lost, and the states come with the feed while the edits are in flight.
    world.remote.failNext(.answerLost)
    _ = try? await b.sync(.pushOnly)
    _ = try? await b.sync(.pullOnly)
    try await settle([a, b])
    for key in ["1", "2", "3"] { #expect(try b.get(key) == ["n": "theirs"]) }
  }
}

@Suite struct `A decision taken late` {
  /// A device whose update came to nothing, for the record was gone; it is back since.
  private func absorbed() async throws -> (Device, Device, conflict: SequenceNumber) {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["n": 0])
    try await settle([a, b], rounds: 2)
    try await a.update("1", ["n": 1])
    try await b.delete("1")
    try await b.sync()
    try await a.sync()
    try await b.put("1", ["n": 2])
    try await settle([a, b])
    let entry = try a.store.read { try $0.history("c", "1") }.first { $0.header.kind == .conflict }
    return (a, b, try #require(entry).header.sequence)
  }

  @Test func `for the server's side deletes nothing the server has`() async throws {
    let (a, b, conflict) = try await absorbed()
    try await a.store.decide(conflict, .theirs)
    try await settle([a, b])
    #expect(try b.get("1") == ["n": 2])
  }

  @Test func `for one's own side brings what fell`() async throws {
    let (a, b, conflict) = try await absorbed()
    try await a.store.decide(conflict, .mine)
    try await settle([a, b])
    #expect(try b.get("1") == ["n": 1])
  }

  @Test func `says for the second time what was made here`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["n": 0])
    try await settle([a, b], rounds: 2)
    try await b.update("1", ["n": 1])
    try await b.sync()
    try await a.update("1", ["n": 2])
    try await a.sync(.pullOnly)
    let edit = try a.store.journal.read { reader in
      var found: SequenceNumber = 0
      try reader.scanEdits { sequence, _ in
        found = sequence
        return true
      }
      return found
    }
    try await a.store.decide(edit, .fields(["n": 77]))
    #expect(try a.get("1") == ["n": 77])
    try await a.store.decide(edit, .mine)
    #expect(try a.get("1") == ["n": 2])
    try await settle([a, b])
    #expect(try b.get("1") == ["n": 2])
  }

  @Test func `leaves a group whole`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["a": 0, "b": 0])
    try await settle([a, b], rounds: 2)
    try await b.update("1", ["a": 1, "b": 1])
    try await b.sync()
    try await a.store.write { tx in
      try tx.update("c", "1", set: ["a": 2])
      try tx.create("c", "2", ["new": true])
      try tx.update("c", "1", set: ["b": 2])
    }
    try await a.sync(.pullOnly)
    let conflict = try a.store.read { try $0.history("c", "1") }.last {
      $0.header.kind == .conflict
    }
    try await a.store.decide(try #require(conflict).header.sequence, .fields(["b": 7]))
    try await settle([a, b])
    #expect(try b.get("1") == ["a": 2, "b": 7])
    #expect(try b.get("2") == ["new": true])
  }
}
