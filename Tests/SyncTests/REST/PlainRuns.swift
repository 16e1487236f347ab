import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Edits of one record on their way to a server of plain records.
@Suite struct `A run of edits for a server of plain records` {
  private var puts: RESTSettings { `A server of plain records`.puts }

  @Test func `takes away what a create of a record that is there was followed by`() async throws {
    let server = PlainServer(puts)
    server.write("c", "9", ["b": "theirs", "z": 1])
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "9", ["a": 1, "b": 2]) }
    try await device.store.write { try $0.update("c", "9", set: [:], unset: ["b"]) }
    try await device.sync(.pullOnly)
    try await device.sync()
    #expect(server.fields("c", "9") == ["a": 1, "z": 1])
    #expect(try device.get("9") == ["a": 1, "z": 1])
    #expect(try device.store.problems() == [])
  }

  @Test func `replaces what a create of a record that is there was an update of`() async throws {
    let server = PlainServer(puts)
    server.write("c", "9", ["b": "theirs", "z": 1])
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "9", ["a": 1, "b": 2]) }
    try await device.store.write { try $0.put("c", "9", ["q": 1]) }
    try await device.sync(.pullOnly)
    try await device.sync()
    #expect(server.fields("c", "9") == ["q": 1])
    #expect(try device.get("9") == ["q": 1])
    #expect(try device.store.problems() == [])
  }
}
