import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `Wiping a journal` {
  @Test func `is refused while edits are pending, unless they are to be discarded`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    let store = try Store.create(at: path, label: "a")
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    #expect(code { try Store.wipe(at: path, discardingPending: true) } == "busy")
    store.close()
    #expect(code { try Store.wipe(at: path) } == "pending-edits")
    let again = try Store.open(at: path)
    #expect(try again.problems() == [])
    again.close()
    try Store.wipe(at: path, discardingPending: true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
    let fresh = try Store.create(at: path, label: "a")
    defer { fresh.close() }
    #expect(try fresh.picture() == "")
    #expect(try fresh.problems() == [])
  }

  @Test func `is free to go where nothing waits for a server`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    let store = try Store.create(at: path, label: "a")
    try await store.declareLocalOnly("c")
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    store.close()
    try Store.wipe(at: path)
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(code { try Store.wipe(at: path) } == "cannot-open")
  }

  @Test func `needs no key of an encrypted journal`() async throws {
    let scratch = try Scratch()
    let path = scratch("j")
    let store = try Store.create(
      at: path, label: "a", configuration: Keys().configuration(1))
    try await store.write { try $0.put("c", "1", ["n": 1]) }
    store.close()
    #expect(code { try Store.wipe(at: path) } == "pending-edits")
    try Store.wipe(at: path, discardingPending: true)
    #expect(!FileManager.default.fileExists(atPath: path))
  }
}
