import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

/// Many edits on their way to a server of plain records.
@Suite struct `A queue for a server of plain records` {
  var puts: RESTSettings { `A server of plain records`.puts }

  func writes(_ server: PlainServer) -> [String] {
    server.log.filter { !$0.hasPrefix("GET") && !$0.hasPrefix("HEAD") }
  }

  // MARK: One request for edits of a record

  @Test func `sends edits of one record that stand side by side as one`() async throws {
    let server = PlainServer(puts)
    server.write("c", "old", ["n": 1, "gone": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.create("c", "new", ["n": 1, "m": 1]) }
    try await device.store.write { try $0.update("c", "new", set: ["n": 2], unset: ["m"]) }
    try await device.store.write { try $0.update("c", "new", set: ["n": 3]) }
    try await device.store.write { try $0.update("c", "old", set: ["n": 5], unset: ["gone"]) }
    try await device.store.write { try $0.update("c", "old", set: ["gone": 2]) }
    let report = try await device.sync()
    #expect(writes(server) == ["PUT /c/new", "PATCH /c/old"])
    #expect(report.accepted == 5 && report.pending == 0)
    #expect(
      server.fields("c", "new") == ["n": 3] && server.fields("c", "old") == ["n": 5, "gone": 2])
    #expect(try device.get("new") == ["n": 3] && device.get("old") == ["n": 5, "gone": 2])
    #expect(try device.conflicts == 0 && device.store.problems() == [])
  }

  @Test func `sends no edit before one of another record that was made before it`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "list", ["n": 1]) }
    try await device.store.write { try $0.create("c", "item", ["list": "list"]) }
    try await device.store.write { try $0.update("c", "list", set: ["first": "item"]) }
    try await device.store.write { try $0.delete("c", "item") }
    try await device.sync()
    #expect(writes(server) == ["PUT /c/list", "PUT /c/item", "PATCH /c/list", "DELETE /c/item"])
    #expect(try device.store.problems() == [])
  }

  @Test func `keeps a create by POST and a deletion to themselves`() async throws {
    for creates in [RESTSettings.Creates.post, .postWithID] {
      var settings = RESTSettings(versionField: "changed")
      settings.creates = creates
      let server = PlainServer(settings)
      let device = try await RecordDevice(server)
      try await device.store.write { try $0.create("c", "a", ["n": 1]) }
      try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
      try await device.store.write { try $0.delete("c", "a") }
      let report = try await device.sync()
      #expect(writes(server) == ["POST /c", "PATCH /c/100", "DELETE /c/100"])
      #expect(report.accepted == 3 && report.pending == 0)
    }
  }

  @Test func `sends edits that were refused together one by one, and sets aside the one`()
    async throws
  {
    let server = PlainServer(puts)
    let device = try await RecordDevice(
      server,
      through: ScriptedExchange { request, _ in
        if String(decoding: request.body ?? [], as: UTF8.self).contains("bad") {
          return HTTPExchangeResponse(status: 422, body: Array("no".utf8))
        }
        return try await server.send(request)
      })
    try await device.store.write { try $0.create("c", "a", ["n": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["bad": 1]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 3]) }
    let report = try await device.sync()
    #expect(report.accepted == 2 && report.refused == 1)
    #expect(server.fields("c", "a") == ["n": 3])
    #expect(try device.refusals == ["http-422"] && device.get("a") == ["n": 3])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [RESTSettings.Preconditions.etag, .version])
  func `whose answer was lost before the next edit has no conflict with itself`(
    _ preconditions: RESTSettings.Preconditions
  ) async throws {
    var settings = puts
    settings.preconditions = preconditions
    let server = PlainServer(settings)
    server.state.withLock { $0.hasETags = true }
    server.write("c", "a", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "a", set: ["n": 2]) }
    server.state.withLock { $0.losingAnswers = ["PATCH /c/a": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.store.write { try $0.update("c", "a", set: ["m": 3]) }
    let report = try await device.sync()
    #expect(report.accepted == 2 && server.fields("c", "a") == ["n": 2, "m": 3])
    // What went together is not taken for somebody else's doing either.
    try await device.store.write { try $0.update("c", "a", set: ["n": 4]) }
    try await device.store.write { try $0.update("c", "a", set: ["n": 5]) }
    server.state.withLock { $0.losingAnswers = ["PATCH /c/a": 1] }
    await #expect(throws: TransportError.self) { try await device.sync(.pushOnly) }
    try await device.store.write { try $0.update("c", "a", set: ["m": 6]) }
    #expect(try await device.sync().accepted == 3)
    #expect(server.fields("c", "a") == ["n": 5, "m": 6])
    #expect(try device.conflicts == 0 && device.counts.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `of random edits comes to the same as here`() async throws {
    var random = SeededRandom(seed: testSeed(or: 11))
    for preconditions in RESTSettings.Preconditions.allCases {
      var settings = puts
      settings.preconditions = preconditions
      let server = PlainServer(settings)
      server.state.withLock { $0.hasETags = preconditions != .none }
      let device = try await RecordDevice(server)
      for _ in 0..<12 {
        for number in 0..<10 {
          let key = ["a", "b"][Int.random(in: 0...1, using: &random)]
          let isThere = try device.get(key) != nil
          let kind = Int.random(in: 0..<5, using: &random)
          try await device.store.write { tx in
            switch (kind, isThere) {
            case (0, true): try tx.delete("c", key)
            case (1, _): try tx.put("c", key, ["put": .integer(Int64(number))])
            case (2, true): try tx.update("c", key, set: ["x": 1], unset: ["y"])
            case (_, true): try tx.update("c", key, set: ["y": .integer(Int64(number))])
            case (_, false): try tx.create("c", key, ["made": .integer(Int64(number))])
            }
          }
        }
        if Bool.random(using: &random) {
          server.state.withLock { $0.losingAnswers = ["PATCH /c/a": 1, "PUT /c/b": 1] }
          _ = try? await device.sync()
          server.state.withLock { $0.losingAnswers = [:] }
        }
        try await device.sync()
        for key in ["a", "b"] { #expect(try server.fields("c", key) == device.get(key)) }
        #expect(try device.counts.parked == 0 && device.conflicts == 0)
      }
      #expect(try device.store.problems() == [])
    }
  }

  // MARK: What it fails for

  @Test func `with 422 at its head lets the other 999 arrive`() async throws {
    let server = PlainServer(puts)
    server.state.withLock { state in
      state.refusing = { method, path in
        method == "PUT" && path == "/c/r0" ? (422, "no") : nil
      }
    }
    let device = try await RecordDevice(server)
    for start in stride(from: 0, to: 1_000, by: 100) {
      try await device.store.journal.transact { context in
        for number in start..<start + 100 {
          try context.append(
            EditDraft().draft(.put(fields: [0xA0]), collection: "c", key: "r\(number)"))
        }
      }
    }
    let report = try await device.sync()
    #expect(report.accepted == 999 && report.refused == 1 && report.pending == 0)
    #expect(try device.store.parked().map(\.key) == ["r0"])
    #expect(server.ids("c").count == 999)
    #expect(try device.store.problems() == [])
  }

  /// Syncs until one succeeds; how many failed before.
  func failures(_ device: RecordDevice, most: Int = 12) async throws -> Int {
    for count in 0..<most {
      do {
        try await device.sync()
        return count
      } catch let error as TransportError { #expect(error.code == "unavailable") }
    }
    return most
  }

  @Test(arguments: [0, 7, 120], RESTSettings.Creates.allCases)
  func `with one edit it answers 500 for parks that one, and the others arrive`(
    _ place: Int, _ creates: RESTSettings.Creates
  ) async throws {
    var settings = puts
    settings.creates = creates
    settings.clientIDField = "made_as"
    let server = PlainServer(settings)
    let (count, bad) = creates == .post ? (place % 10 + 3, place % 10) : (150, place)
    let device = try await RecordDevice(
      server,
      through: ScriptedExchange { request, _ in
        if String(decoding: request.body ?? [], as: UTF8.self).contains("\"bad\"") {
          return HTTPExchangeResponse(status: 500, body: [])
        }
        return try await server.send(request)
      })
    for number in 0..<count {
      let fields: Fields = number == bad ? ["bad": 1] : ["n": 1]
      try await device.store.write { try $0.create("c", "r\(number)", fields) }
    }
    #expect(try await failures(device) < 6)
    #expect(try device.store.parked().map(\.code) == [ParkedEdit.poison])
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    #expect(server.ids("c").count == count - 1, "each once")
    #expect(try device.store.problems() == [])
  }

  @Test func `of a server that answers 500 to everything parks nothing`() async throws {
    let server = PlainServer(puts)
    let device = try await RecordDevice(server)
    for key in ["1", "2", "3"] { try await device.store.write { try $0.put("c", key, ["n": 1]) } }
    server.state.withLock { $0.refusing = { method, _ in method == "PUT" ? (500, "") : nil } }
    #expect(try await failures(device) == 12)
    #expect(try device.store.parked() == [])
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(server.ids("c") == ["1", "2", "3"])
    #expect(try device.store.problems() == [])
  }

  @Test func `sets edits aside where their collection is not found either`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    for key in ["1", "2", "3"] { server.write("c", key, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["mine": true]) }
    try await device.store.write { try $0.delete("c", "2") }
    try await device.store.write { try $0.put("c", "4", ["n": 4]) }
    // An address that leads elsewhere.
    server.state.withLock { $0.refusing = { _, _ in (404, "nothing here") } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.store.parked().map(\.code) == ["http-404", "http-404", "http-404"])
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.store.retry(device.store.parked().map(\.sequence))
    try await device.sync()
    #expect(server.fields("c", "1") == ["n": 1, "mine": true])
    #expect(server.ids("c") == ["1", "3", "4"])
    #expect(try device.store.problems() == [])
  }

  @Test func `is not held up by a list that cannot be taken`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    for key in ["1", "2"] { server.write("c", key, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "1", nil)
    try await device.store.write { try $0.delete("c", "1") }
    try await device.store.write { try $0.update("c", "2", set: ["mine": true]) }
    server.state.withLock { state in
      state.refusing = { method, path in
        method == "HEAD" ? (405, "") : method == "GET" && path == "/c" ? (302, "") : nil
      }
    }
    try await device.sync(.pushOnly)
    #expect(server.fields("c", "2") == ["n": 1, "mine": true])
  }
}
