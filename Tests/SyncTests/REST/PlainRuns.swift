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

  @Test func `has a create by POST in doubt by itself, whatever is known of its record`()
    async throws
  {
    let server = PlainServer()
    server.write("c", "k", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.store.write { tx in
      try tx.create("c", "k", ["n": 2])
      try tx.update("c", "k", set: ["n": 3])
    }
    try await device.sync(.pullOnly)
    server.state.withLock { $0.refusing = { method, _ in method == "POST" ? (500, "") : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(server.log.count { $0 == "POST /c" } == 1)
    #expect(try device.refusals.first == "outcome-unknown")
    #expect(try device.store.problems() == [])
  }

  // MARK: Strict edits

  /// A device with a strict collection, whose record both sides have.
  private func strict(
    _ preconditions: RESTSettings.Preconditions
  ) async throws -> (PlainServer, RecordDevice) {
    var settings = puts
    settings.preconditions = preconditions
    let server = PlainServer(settings)
    server.state.withLock { $0.hasETags = true }
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.store.declarePolicy(.serverWins, of: "c")
    try await device.sync()
    return (server, device)
  }

  @Test(arguments: RESTSettings.Preconditions.allCases)
  func `that is strict writes over nothing where somebody did the same as the first`(
    _ preconditions: RESTSettings.Preconditions
  ) async throws {
    let (server, device) = try await strict(preconditions)
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    try await device.store.write { try $0.update("c", "1", set: ["b": 2]) }
    server.write("c", "1", ["a": 2, "b": 9])
    try await device.sync()
    try await device.sync()
    #expect(server.fields("c", "1") == ["a": 2, "b": 9])
    #expect(try device.get("1") == ["a": 2, "b": 9])
    #expect(try device.counts.pending == 0 && device.conflicts == 1)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: RESTSettings.Preconditions.allCases)
  func `that is strict has no conflict with itself where an answer was lost`(
    _ preconditions: RESTSettings.Preconditions
  ) async throws {
    let (server, device) = try await strict(preconditions)
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.state.withLock { $0.losingAnswers = ["PATCH /c/1": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.store.write { try $0.update("c", "1", set: ["b": 2]) }
    try await device.sync()
    #expect(server.fields("c", "1") == ["a": 2, "b": 2])
    #expect(try device.get("1") == ["a": 2, "b": 2])
    #expect(try device.counts.pending == 0 && device.conflicts == 0)
    #expect(try device.store.problems() == [])
  }

  // MARK: Records that cannot be asked for

  /// Syncs until one succeeds; how many failed before.
  private func failures(_ device: RecordDevice, most: Int = 12) async throws -> Int {
    for count in 0..<most {
      do {
        try await device.sync()
        return count
      } catch let error as TransportError { #expect(error.code == "unavailable") }
    }
    return most
  }

  @Test(arguments: [RESTSettings.Preconditions.etag, .none])
  func `about one it cannot show is parked, and the others arrive`(
    _ preconditions: RESTSettings.Preconditions
  ) async throws {
    var settings = puts
    settings.preconditions = preconditions
    let server = PlainServer(settings)
    let keys = ["r0", "r1", "r2"]
    for key in keys { server.write("c", key, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    for key in keys { try await device.store.write { try $0.update("c", key, set: ["n": 2]) } }
    server.state.withLock { state in
      state.hasETags = true
      state.refusing = { method, path in method == "GET" && path == "/c/r0" ? (500, "") : nil }
      // The state has to be asked for behind every edit.
      state.altering = { request, answer in if request.method == "PATCH" { answer.body = [] } }
    }
    #expect(try await failures(device) < 6)
    #expect(try device.store.parked().map(\.key) == ["r0"])
    #expect(try device.store.parked().map(\.code) == [ParkedEdit.poison])
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    for key in ["r1", "r2"] { #expect(server.fields("c", key) == ["n": 2]) }
    #expect(try device.store.problems() == [])
  }
}
