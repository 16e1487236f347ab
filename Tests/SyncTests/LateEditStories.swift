import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

/// Edits that meet an erasure which their author could not know yet.
@Suite struct `An edit made on what has been erased` {
  /// Two devices that know `secret`, and edits of the second one that wait.
  private func world(
    _ edits: (inout Changes) throws -> Void
  ) async throws -> (World, Device, Device) {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("secret", ["n": 1])
    try await a.put("other", ["n": 1])
    try await a.sync()
    try await b.sync()
    try await b.store.write(edits)
    try await a.store.erase("c", "secret", because: "asked to")
    try await a.sync()
    return (world, a, b)
  }

  /// Both devices agree, and the server's journal holds edits of these keys only.
  private func check(_ world: World, _ a: Device, _ b: Device, held: [String]) async throws {
    for device in [b, a, b, a] { try await device.sync() }
    #expect(try a.pending == 0 && b.pending == 0)
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.store.problems() == [] && b.store.problems() == [])
    #expect(try world.heldOnServer() == held)
    _ = try world.serverEdits()
  }

  @Test func `has no effect in a group, whatever follows it there`() async throws {
    let (world, a, b) = try await world { tx in
      try tx.update("c", "secret", set: ["text": "late"])
      try tx.put("c", "other", ["n": 2])
      try tx.put("c", "secret", ["text": "later"])
    }
    try await check(world, a, b, held: ["other", "other"])
    #expect(try a.get("secret") == nil)
    #expect(try a.get("other") == ["n": 2])
  }

  @Test func `has none when it would make the record anew`() async throws {
    let (world, a, b) = try await world { try $0.put("c", "secret", ["text": "late"]) }
    try await b.delete("secret")
    try await check(world, a, b, held: ["other"])
    #expect(try a.get("secret") == nil)
  }

  @Test func `touches no record that has come to be under its key since`() async throws {
    for isDeleted in [false, true] {
      let (world, a, b) = try await world { tx in
        try tx.update("c", "secret", set: ["text": "late"])
        try tx.update("c", "secret", set: ["text": "later"])
      }
      // Each of these is made on the one before, which reaches the server after the new record.
      try await b.update("secret", ["text": "still later"])
      try await b.put("secret", ["text": "last"])
      try await a.put("secret", ["n": 3])
      if isDeleted { try await a.delete("secret") }
      try await a.sync()
      try await check(
        world, a, b, held: ["other", "secret"] + (isDeleted ? ["secret"] : []))
      #expect(try b.get("secret") == (isDeleted ? nil : ["n": 3]))
      #expect(try a.store.read { try $0.entries(about: "c", "secret") }.count > 0)
    }
  }

  /// The same world once the server's journal was trimmed as far as devices allow.
  private func trimmed(_ world: World, _ devices: inout [Device]) async throws -> World {
    world.server.close()
    let store = try Store.open(at: world.scratch("server"))
    let bound = try store.journal.read { try PeerRow.lowestCursor($0) }
    let report = try await store.journal.trim(
      keeping: .nothing, bound: bound, folder: RecordFolder())
    #expect(report.trimmed > 0)
    #expect(try store.problems() == [])
    store.close()
    let again = try World(reopened: world)
    devices = devices.map { Device(opened: $0.store, again.remote) }
    return again
  }

  @Test(arguments: [false, true])
  func `is taken as it is where the server has trimmed what it was made on`(
    _ isTrimmedBefore: Bool
  ) async throws {
    var world = try World()
    var devices = [try await world.device("a"), try await world.device("b")]
    for key in ["secret", "deleted", "other"] { try await devices[0].put(key, ["n": 1]) }
    for index in [0, 1, 0, 1] { try await devices[index].sync() }
    for key in ["secret", "deleted", "other"] { try await devices[1].update(key, ["late": true]) }
    if isTrimmedBefore { world = try await trimmed(world, &devices) }
    try await devices[0].delete("deleted")
    try await devices[0].store.erase("c", "secret", because: "asked to")
    try await devices[0].sync()
    if !isTrimmedBefore { world = try await trimmed(world, &devices) }
    // What is trimmed may also have been of another server: what is not known to be late is kept.
    try await devices[1].sync()
    let held = try world.heldOnServer()
    #expect(held.contains("secret") && held.contains("deleted") && held.contains("other"))
    world = try World(reopened: world)
    devices = devices.map { Device(opened: $0.store, world.remote) }
    try await check(world, devices[0], devices[1], held: held)
  }

  @Test func `is taken in as a new record when it creates one`() async throws {
    let (world, a, b) = try await world { _ in }
    try await b.delete("secret")
    try await b.store.write { try $0.create("c", "secret", ["n": 4]) }
    try await check(world, a, b, held: ["other", "secret"])
    #expect(try a.get("secret") == ["n": 4])
  }
}

/// Erasures that reach the device on which the record was made.
@Suite struct `An erasure of a record made here` {
  private func check(_ a: Device, _ b: Device, _ world: World) async throws {
    for device in [b, a, b] { try await device.sync() }
    #expect(try b.pending == 0 && b.get("secret") == nil)
    #expect(try a.store.picture() == b.store.picture())
    for device in [a, b] {
      #expect(try device.store.problems() == [])
      try device.store.journal.read { reader in
        try reader.scanEntries(from: 1) { entry in
          guard entry.header.kind.isEdit, entry.encoding == StoredEntry.plainEncoding else {
            return true
          }
          let names = try entry.plainBody.withUnsafeBytes { try Body($0).record() }?.names
          #expect(names?.key != "secret")
          return true
        }
      }
    }
    _ = try world.serverEdits()
  }

  @Test(arguments: [1, 1_000])
  func `takes its content where the server has not shown it yet`(_ pageLimit: Int) async throws {
    for isCreatedThere in [false, true] {
      let world = try World()
      let a = try await world.device("a")
      var b = try await world.device("b")
      if isCreatedThere {
        try await a.put("secret", ["n": 1])
        try await a.sync()
      }
      try await b.put("secret", ["text": "mine"])
      try await b.sync(.pushOnly)
      try await b.update("secret", ["more": true])
      try await a.sync()
      try await a.store.erase("c", "secret", because: "asked to")
      try await a.sync()
      b = Device(opened: b.store, world.remote, pageLimit: pageLimit)
      try await check(a, b, world)
    }
  }

  @Test func `takes its content where the answer to its delivery was lost`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await b.put("secret", ["text": "mine"])
    try await b.put("other", ["n": 1])
    world.remote.failNext(.answerLost)
    await #expect(throws: TransportError.self) { try await b.sync() }
    try await a.sync()
    try await a.store.erase("c", "secret", because: "asked to")
    try await a.sync()
    try await b.sync(.pullOnly)
    #expect(try b.get("secret") == nil)
    try await check(a, b, world)
    #expect(try a.get("other") == ["n": 1])
  }
}
