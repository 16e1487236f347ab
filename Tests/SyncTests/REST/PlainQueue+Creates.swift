import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Creates that were refused, or may have been carried out.
extension `A queue for a server of plain records` {
  @Test(arguments: RESTSettings.Creates.allCases)
  func `that refuses a create is not asked for what needs its record`(
    _ creates: RESTSettings.Creates
  ) async throws {
    var settings = puts
    settings.creates = creates
    let server = PlainServer(settings)
    let isRefusing = Mutex(true)
    server.state.withLock { state in
      state.refusing = { method, path in
        let isCreate = path == "/c" && method == "POST" || path == "/c/a" && method == "PUT"
        return isCreate && isRefusing.withLock { $0 } ? (422, "no") : nil
      }
    }
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    try await device.store.write { tx in
      try tx.update("c", "a", set: ["m": 3])
      try tx.update("c", "a", set: ["k": 4])
    }
    let refused = try await device.sync()
    #expect(refused.refused == 1 && refused.accepted == 0 && refused.pending == 0)
    // Where edits go together, the one that is refused is looked for.
    let asked = Array(
      repeating: creates == .put ? "PUT /c/a" : "POST /c", count: creates == .put ? 2 : 1)
    #expect(writes(server) == asked, "what would be answered 404 is not sent")
    let parked = try device.store.parked()
    #expect(parked.map(\.code) == ["http-422"] + Array(repeating: ParkedEdit.dependsOn, count: 3))
    // Another sync changes nothing of that.
    try await device.sync()
    #expect(try writes(server) == asked && device.store.parked().count == 4)
    isRefusing.withLock { $0 = false }
    try await device.store.retry(parked.prefix(1).map(\.sequence))
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.parked == 0)
    #expect(try device.get(device.keys[0]) == ["n": 2, "m": 3, "k": 4])
    #expect(server.fields("c", try device.keys[0]) == ["n": 2, "m": 3, "k": 4])
    #expect(try device.store.problems() == [])
  }

  @Test func `that refuses a create is sent the record made anew, and no older deletion behind it`()
    async throws
  {
    let server = PlainServer(puts)
    let refusals = Mutex(2)
    server.state.withLock { state in
      state.refusing = { method, _ in
        guard method == "PUT" else { return nil }
        return refusals.withLock { left in
          left -= 1
          return left >= 0 ? (422, "no") : nil
        }
      }
    }
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["m": 2]) }
    try await device.store.write { try $0.delete("c", "a") }
    try await device.store.write { try $0.create("c", "a", ["n": 9]) }
    try await device.sync()
    try await device.sync()
    #expect(try device.counts.pending == 0)
    #expect(server.fields("c", "a") == ["n": 9])
    #expect(try device.get("a") == ["n": 9])
    #expect(try device.store.parked().first?.code == "http-422")
    #expect(try device.store.problems() == [])
  }

  @Test func `that refuses a create is not sent what refers to its record either`() async throws {
    let server = PlainServer(puts)
    server.state.withLock { state in
      state.refusing = { _, path in path == "/c/parent" ? (422, "no") : nil }
    }
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "parent", ["n": 1]) }
    try await device.store.write { tx in
      try tx.create("c", "child", ["of": .reference(collection: "c", key: "parent")])
    }
    try await device.store.write { try $0.create("c", "other", ["n": 1]) }
    try await device.sync()
    #expect(writes(server) == ["PUT /c/parent", "PUT /c/other"])
    #expect(try device.store.parked().map(\.code) == ["http-422", ParkedEdit.dependsOn])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [500, 503])
  func `with a create in doubt that it cannot be asked for now waits, and sends it once`(
    _ status: Int
  ) async throws {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    // Together, so that the second is in doubt behind one that was judged.
    try await device.store.write { tx in
      try tx.create("c", "a", ["n": 1])
      try tx.create("c", "b", ["n": 2])
    }
    server.state.withLock { state in
      state.losingAnswers = ["POST /c": 1]
      state.retryAfter = "7"
    }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    let isFailing = Mutex(true)
    server.state.withLock { state in
      state.refusing = { method, path in
        method == "GET" && path.contains("made_as=") && isFailing.withLock { $0 }
          ? (status, "") : nil
      }
    }
    for _ in 0..<6 {
      do {
        try await device.sync(.pushOnly)
        Issue.record("the server cannot be asked")
      } catch let error as TransportError {
        #expect(error.code == "unavailable" && error.retryAfterMilliseconds == 7_000)
      }
    }
    #expect(try device.counts.parked == 0)
    isFailing.withLock { $0 = false }
    try await device.sync()
    #expect(server.ids("c").count == 2, "each once")
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked about a create in doubt behind a change of device, and about no other`()
    async throws
  {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.store.journal.changeDevice(because: "forked")
    try await device.store.write { try $0.create("c", "b", ["n": 2]) }
    let before = server.log.count
    try await device.sync()
    #expect(server.ids("c").count == 2, "each once")
    #expect(server.log[before...].filter { $0.contains("made_as=") }.count == 1)
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `is asked about a create that was let go of without an answer twice`() async throws {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    server.write("c", "x", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { tx in
      try tx.update("c", "x", set: ["m": 2])
      try tx.create("c", "y", ["n": 2])
    }
    server.state.withLock { $0.losingAnswers = ["POST /c": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    // Now the first of the group gets no answer, and the second is not asked for.
    server.state.withLock { $0.losingAnswers = ["PATCH /c/x": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    #expect(try device.counts.inFlight == 0)
    try await device.sync()
    #expect(server.ids("c").count == 2, "each once")
    #expect(try device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `takes a create that nobody can be asked about, once somebody has looked`()
    async throws
  {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.sync(.pullOnly)
    server.state.withLock { state in
      state.refusing = { method, _ in method == "HEAD" ? (200, "") : nil }
      state.endsSync = true
    }
    await #expect(throws: CancellationError.self) { try await device.sync(.pushOnly) }
    #expect(try device.counts.inFlight == 1)
    try await device.store.journal.changeDevice(because: "forked")
    try await device.sync()
    let parked = try device.store.parked()
    #expect(parked.map(\.code) == ["outcome-unknown"])
    try await device.store.retry(parked.map(\.sequence))
    try await device.sync()
    #expect(try device.counts.parked == 0 && device.counts.pending == 0)
    #expect(server.ids("c").count == 2, "it was there, and somebody said that it was not")
    #expect(try device.store.problems() == [])
  }

  @Test func `with a record it fails to be asked for parks its create, and the others arrive`()
    async throws
  {
    var settings = RESTSettings(versionField: "changed")
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "bad", ["n": 1]) }
    try await device.store.write { try $0.create("c", "good", ["n": 2]) }
    server.state.withLock { state in
      state.losingAnswers = ["POST /c": 1]
      state.refusing = { method, path in
        method == "GET" && path.contains("made_as=bad") ? (500, "") : nil
      }
    }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    #expect(try await failures(device) < 8)
    #expect(try device.store.parked().map(\.code) == [ParkedEdit.poison])
    #expect(server.ids("c").count == 2, "each once")
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    #expect(try device.store.problems() == [])
  }
}
