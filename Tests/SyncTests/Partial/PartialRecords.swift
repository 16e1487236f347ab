import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Servers that show everything: what is taken is decided on the device.
@Suite struct `A device that takes some of a record server's records` {
  private static let kinds = ["plain", "plain sets", "kinto"]

  /// A device, and how somebody else writes.
  private static func device(
    _ kind: String, _ records: [String: Fields]
  ) async throws -> (
    device: RecordDevice, write: (String, Fields?) -> Void, read: (String) -> Fields?
  ) {
    if kind == "kinto" {
      let server = KintoDouble()
      for (key, fields) in records { server.write("c", key, fields) }
      let device = try await RecordDevice(server)
      return (device, { server.write("c", $0, $1) }, { server.fields($0) })
    }
    var settings = `A server of plain records`.puts
    if kind == "plain sets" { (settings.differential, settings.completeLists) = (.nothing, true) }
    let server = PlainServer(settings)
    for (key, fields) in records { server.write("c", key, fields) }
    let device = try await RecordDevice(server)
    return (
      device, { server.write("c", $0, $1) },
      { key in
        server.state.withLock { state in
          state.records["c"]?[key].flatMap { $0.isDeleted ? nil : $0.fields }
        }
      }
    )
  }

  private static let records: [String: Fields] = [
    "0": ["team": "red", "n": 0], "1": ["team": "blue", "n": 0], "2": ["team": "red", "n": 0],
  ]

  @Test(arguments: kinds) func `has those that are asked for, whatever happens to them`(
    _ kind: String
  ) async throws {
    let (device, write, read) = try await Self.device(kind, Self.records)
    let name = try device.store.journal.remotes[0].name
    try await device.store.journal.filter(name, by: [.team("red")])
    try await device.sync()
    #expect(try device.keys == ["0", "2"])
    write("2", ["team": "blue", "n": 1])
    write("1", ["team": "red", "n": 1])
    try await device.sync()
    #expect(try device.keys == ["0", "1"])
    write("2", ["team": "red", "n": 2])
    write("0", nil)
    try await device.sync()
    #expect(try device.keys == ["1", "2"])
    #expect(try device.get("2")?["n"] == 2)
    let last = try device.store.journal.lastSequence
    try await device.sync()
    #expect(try device.store.journal.lastSequence == last)
    // Its own edits leave as others' do.
    try await device.store.write { try $0.update("c", "2", set: ["team": "blue"]) }
    try await device.store.write { try $0.put("c", "mine", ["team": "blue"]) }
    try await device.sync()
    try await device.sync()
    #expect(try device.keys == ["1"])
    #expect(read("2")?["team"] == "blue" && read("mine")?["team"] == "blue")
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
    try await device.store.journal.filter(name, by: [])
    try await device.sync()
    #expect(try device.keys == ["1", "2", "mine"])
    #expect(try device.store.problems() == [])
  }

  @Test func `overwrites nothing of a record that left that it has not seen`() async throws {
    let (device, write, read) = try await Self.device("kinto", Self.records)
    try await device.store.journal.filter("kinto", by: [.team("red")])
    try await device.sync()
    try await device.store.write { try $0.put("c", "2", ["team": "red", "mine": true]) }
    write("2", ["team": "blue", "n": 0, "note": "theirs"])
    try await device.sync(.pullOnly)
    try await device.sync()
    // The put replaces the record, as it would without a filter; what falls by it is kept.
    #expect(read("2")?["mine"] == true)
    var lost: [Value?] = []
    try device.store.journal.read { reader in
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .conflict, let stored = try reader.entry(entry.header.sequence)
        else { return true }
        if case .object(let theirs)? = try Entry(stored).members["theirs"] {
          lost.append(theirs["note"])
        }
        return true
      }
    }
    #expect(lost == ["theirs"])
    #expect(try device.counts.pending == 0 && device.store.problems() == [])
  }

  @Test func `says so where a server shows too little to tell`() async throws {
    var settings = `A server of plain records`.puts
    settings.partial = .all
    let server = PlainServer(settings)
    server.write("c", "1", ["team": "blue", "n": 0])
    let device = try await RecordDevice(server)
    try await device.store.journal.filter("plain", by: [.team("red")])
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "invalid-configuration")
    try await device.store.journal.filter("plain", by: [])
    try await device.sync()
    #expect(try device.keys == ["1"])
  }

  @Test(arguments: kinds) func `delivers what was done to a record that left`(
    _ kind: String
  ) async throws {
    let (device, write, read) = try await Self.device(kind, Self.records)
    let name = try device.store.journal.remotes[0].name
    try await device.store.journal.filter(name, by: [.team("red")])
    try await device.sync()
    write("2", ["team": "blue", "n": 0])
    try await device.store.write { try $0.update("c", "2", set: ["mine": true]) }
    try await device.sync(.pullOnly)
    #expect(try device.keys == ["0"])
    #expect(try device.counts.pending == 1)
    try await device.sync()
    try await device.sync()
    #expect(try device.counts.pending == 0)
    #expect(read("2")?["mine"] == true && read("2")?["team"] == "blue")
    #expect(try device.keys == ["0"])
    #expect(try device.store.problems() == [])
  }
}
