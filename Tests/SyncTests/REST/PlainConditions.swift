import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Edits that a server is asked to carry out only where nobody else was there before.
@Suite struct `An edit of a plain record with a condition` {
  private static func settings(
    _ preconditions: RESTSettings.Preconditions, updates: RESTSettings.Updates = .patch
  ) -> RESTSettings {
    var settings = `A server of plain records`.puts
    (settings.preconditions, settings.updates) = (preconditions, updates)
    return settings
  }

  private func server(
    _ preconditions: RESTSettings.Preconditions, updates: RESTSettings.Updates = .patch
  ) -> PlainServer {
    let server = PlainServer(Self.settings(preconditions, updates: updates))
    server.state.withLock { $0.hasETags = true }
    return server
  }

  private func conditions(_ server: PlainServer, _ method: String) -> [String] {
    server.state.withLock { state in
      zip(state.log, state.headers).filter { $0.0.hasPrefix(method) }
        .map { $0.1["If-Match"] ?? $0.1["If-None-Match"] ?? "-" }
    }
  }

  @Test(arguments: [RESTSettings.Preconditions.version, .etag])
  func `goes through where the record is as it was`(_ kind: RESTSettings.Preconditions) async throws
  {
    let server = server(kind)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    try await device.store.write { try $0.update("c", "1", set: ["b": 2]) }
    try await device.store.write { try $0.create("c", "2", ["n": 1]) }
    try await device.store.write { try $0.delete("c", "1") }
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.conflicts == 0 && report.pending == 0)
    #expect(server.ids("c") == ["2"])
    #expect(!conditions(server, "PATCH").contains("-"))
    #expect(conditions(server, "PUT") == ["*"])
    #expect(!conditions(server, "DELETE").contains("-"))
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [RESTSettings.Preconditions.version, .etag])
  func `meets somebody else's change, which is taken in first`(
    _ kind: RESTSettings.Preconditions
  ) async throws {
    let server = server(kind)
    server.write("c", "1", ["a": 1, "b": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.write("c", "1", ["a": 9, "b": 9])
    let report = try await device.sync(.pushOnly)
    #expect(report.conflicts == 1, "it is decided here, and the decision written down")
    #expect(report.pending == 0)
    #expect(server.fields("c", "1") == ["a": 2, "b": 9])
    #expect(try device.get("1") == ["a": 2, "b": 9])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [RESTSettings.Preconditions.version, .etag])
  func `does not write over a change made since its answer was lost`(
    _ kind: RESTSettings.Preconditions
  ) async throws {
    let server = server(kind)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "1", ["a": 1]) }
    server.state.withLock { $0.losingAnswers = ["PUT /c/1": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    server.write("c", "1", ["a": 7, "b": 7])
    let report = try await device.sync(.pushOnly)
    #expect(report.pending == 0)
    #expect(conditions(server, "PUT").first == "*")
    #expect(server.fields("c", "1")?["b"] == 7, "the first attempt came before it")
    #expect(report.conflicts == 1)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [RESTSettings.Preconditions.version, .etag])
  func `whose answer was lost is known again by what is there`(
    _ kind: RESTSettings.Preconditions
  ) async throws {
    let server = server(kind)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    server.state.withLock { $0.losingAnswers = ["PATCH /c/1": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    let stamp = server.state.withLock { $0.records["c"]?["1"]?.stamp }
    let report = try await device.sync(.pushOnly)
    #expect(report.accepted == 1 && report.conflicts == 0 && report.pending == 0)
    #expect(
      server.state.withLock { $0.records["c"]?["1"]?.stamp } == stamp, "not carried out twice")
  }

  @Test(arguments: [RESTSettings.Preconditions.version, .etag])
  func `does not overtake an earlier one that has to wait`(
    _ kind: RESTSettings.Preconditions
  ) async throws {
    let server = server(kind)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "1", ["a": 1]) }
    try await device.store.write { try $0.delete("c", "1") }
    try await device.store.write { try $0.create("c", "1", ["a": 2]) }
    server.write("c", "1", ["a": 7])
    try await device.sync()
    try await device.sync()
    let counts = try device.store.journal.read { try $0.counts() }
    #expect(counts.pending == 0 && counts.accepted == 0)
    #expect(server.fields("c", "1") == (try device.get("1")))
    #expect(server.fields("c", "1") == ["a": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `is known again where the condition does not hold any more`() async throws {
    let server = server(.version)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    // Somebody else has done the same meanwhile.
    server.write("c", "1", ["a": 2])
    let report = try await device.sync(.pushOnly)
    #expect(report.accepted == 1 && report.conflicts == 0)
    #expect(server.log.suffix(2) == ["PATCH /c/1", "GET /c/1"])
  }

  @Test func `that the server never accepts is set aside, and holds up nobody`() async throws {
    let server = server(.version)
    server.write("c", "1", ["a": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    try await device.store.write { try $0.create("c", "2", ["a": 2]) }
    server.state.withLock { state in
      state.refusing = { method, _ in method == "PATCH" ? (412, "no") : nil }
    }
    let report = try await device.sync(.pushOnly)
    #expect(report.refused == 1 && report.accepted == 1 && report.pending == 0)
  }

  @Test(arguments: [RESTSettings.Preconditions.none, .version, .etag])
  func `by a server without PATCH carries the whole record, with what others did`(
    _ kind: RESTSettings.Preconditions
  ) async throws {
    let server = server(kind, updates: .put)
    server.write("c", "1", ["a": 1, "b": 1, "c": 1])
    server.state.withLock { $0.refusing = { method, _ in method == "PATCH" ? (405, "") : nil } }
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "1", ["a": 1, "b": 5, "c": 1])
    try await device.store.write { try $0.update("c", "1", set: ["a": 2], unset: ["c"]) }
    let report = try await device.sync()
    #expect(report.pending == 0 && report.refused == 0)
    #expect(server.fields("c", "1") == ["a": 2, "b": 5])
    #expect(try device.get("1") == ["a": 2, "b": 5])
    // What is gone there is not made again by an update.
    try await device.store.write { try $0.update("c", "1", set: ["a": 3]) }
    server.write("c", "1", nil)
    try await device.sync()
    #expect(server.ids("c") == [])
    #expect(try device.keys == [])
    #expect(try device.store.problems() == [])
  }

  @Test func `BD-20 is left for later by statuses named so`() async throws {
    var settings = `A server of plain records`.puts
    settings.laterStatuses = [404, 502]
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    server.state.withLock { $0.refusing = { method, _ in method == "PUT" ? (404, "tunnel") : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.journal.read { try $0.counts() }.pending == 1)
    server.state.withLock { $0.refusing = { _, _ in nil } }
    #expect(try await device.sync().accepted == 1)
  }

  @Test(arguments: ["PUT", "DELETE", "GET"])
  func `BD-20 is not taken for done by the login page of a network`(_ method: String) async throws {
    let server = PlainServer(`A server of plain records`.puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.put("c", "2", ["n": 2]) }
    try await device.store.write { try $0.delete("c", "1") }
    server.state.withLock { state in
      state.answering = { request in
        request.method != method
          ? nil
          : HTTPExchangeResponse(
            status: 200, headers: [(name: "Content-Type", value: "text/html; charset=utf-8")],
            body: Array("<html>Welcome to the airport</html>".utf8))
      }
    }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "unreachable")
    server.state.withLock { $0.answering = { _ in nil } }
    try await device.sync()
    #expect(server.ids("c") == ["2"])
    #expect(try device.keys == ["2"])
  }

  @Test func `does not write the credentials down that a server repeats`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await RecordDevice(server) { "Bearer canary-7f3a" }
    try await device.store.write { try $0.create("c", "1", ["n": 1]) }
    server.state.withLock { state in
      state.refusing = { method, _ in
        method == "PUT" ? (422, "you sent Bearer canary-7f3a and token canary-7f3a") : nil
      }
    }
    #expect(try await device.sync().refused == 1)
    let texts = try device.store.journal.read { reader in
      var texts: [String] = []
      try reader.scanEntries(from: 1) { entry in
        texts.append(String(decoding: try entry.plainBody, as: UTF8.self))
        return true
      }
      return texts
    }
    #expect(texts.contains { $0.contains("you sent") })
    #expect(!texts.contains { $0.contains("canary") })
  }
}
