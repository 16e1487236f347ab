import Journal
import Projection
import TestKit
import Testing
import Transport

@Suite struct `An encrypted device` {
  @Test func `syncs like any other, also while its key changes`() async throws {
    let world = try World()
    let keys = (EncryptionKey(), EncryptionKey())
    let encryption = Journal.Encryption(keyID: 1) { $0 == 1 ? keys.0 : keys.1 }
    let store = try Store.create(
      at: world.scratch("a"), label: "a", configuration: .init(encryption: encryption))
    let a = try await Device(store, world.remote)
    let b = try await world.device("b")
    try await a.put("1", ["title": "old", "n": 1])
    try await a.sync()
    try await b.sync()
    #expect(try b.get("1") == ["title": "old", "n": 1])
    try await a.update("1", ["title": "from a"])
    try await b.update("1", ["title": "from b"])
    try await b.sync()
    var next = encryption
    next.keyID = 2
    try await a.store.journal.rekey(to: next)
    let report = try await a.sync()
    #expect(report.conflicts == 1)
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try a.pending == 0)
    // Remote changes are known again by the same computed ids.
    #expect(try await a.sync().pulled == 0)
    _ = try await a.store.compact()
    #expect(try a.store.verify().problems == [])
    #expect(try a.store.verify().isContentChecked)
    #expect(try a.store.picture() == b.store.picture())
  }
}
