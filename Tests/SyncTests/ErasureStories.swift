import Journal
import Projection
import TestKit
import Testing
import Transport

@Suite struct `An erasure that is delivered` {
  @Test func `reaches the server and the other device, also with edits of its own`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.put("other", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await b.update("secret", ["mine": true])
    try await b.update("other", ["mine": true])
    #expect(try await a.store.erase("c", "secret", because: "asked to") == 2)
    try await a.sync()
    #expect(try a.pending == 0)
    try await b.sync(.pullOnly)
    #expect(try b.get("secret") == nil)
    #expect(try b.pending == 1)
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.get("other") == ["n": 1, "mine": true])
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    _ = try world.serverEdits()
  }

  @Test func `leaves nothing of edits that reach the server after it`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.put("other", ["n": 1])
    try await a.sync()
    try await b.sync()
    for text in ["written in a tunnel", "corrected in a tunnel"] {
      try await b.update("secret", ["text": .string(text)])
    }
    try await b.update("other", ["mine": true])
    try await a.store.erase("c", "secret", because: "asked to")
    try await a.sync()
    // The answer is lost, and what is sent again has to meet the same verdicts.
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await b.sync(.pushOnly) }
    try await b.sync(.pushOnly)
    #expect(try b.pending == 0)
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.get("other") == ["n": 1, "mine": true])
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    _ = try world.serverEdits()
    #expect(try world.heldOnServer() == ["other", "other"])
  }

  @Test func `spares a record that has come to be anew under its key`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("key", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await b.update("key", ["n": 2])
    try await b.delete("key")
    try await a.store.erase("c", "key", because: "asked to")
    try await a.sync()
    try await a.put("key", ["n": 3])
    try await a.sync()
    try await a.delete("key")
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    _ = try world.serverEdits()
  }

  @Test func `takes a segment back that could not be made again`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.sync()
    try await a.update("secret", ["n": 2])
    try await a.put("other", ["n": 2])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    #expect(try a.store.journal.read { try $0.counts() }.inFlight == 2)
    try await a.store.erase("c", "secret", because: "asked to")
    #expect(try a.store.problems() == [])
    try await a.sync()
    try await a.sync()
    try await b.sync()
    #expect(try a.get("secret") == nil)
    #expect(try a.store.picture() == b.store.picture())
    #expect(try b.get("other") == ["n": 2])
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    _ = try world.serverEdits()
  }

  @Test func `waits for the answer where no version is known yet`() async throws {
    let world = try World()
    let a = try await world.device("a")
    try await a.put("secret", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    await #expect(throws: JournalError.self) {
      try await a.store.erase("c", "secret", because: "asked to")
    }
    try await a.sync()
    #expect(try await a.store.erase("c", "secret", because: "asked to") == 2)
    try await a.sync()
    #expect(try a.pending == 0)
    #expect(try a.store.problems() == [])
  }

  @Test func `arrives once, however often it is sent`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await a.store.erase("c", "secret", because: "asked to")
    try await b.store.erase("c", "secret", because: "asked to")
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await a.sync() }
    try await a.sync()
    try await b.sync()
    try await a.sync()
    #expect(try a.pending == 0 && b.pending == 0)
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    _ = try world.serverEdits()
  }
}
