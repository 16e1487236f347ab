import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

/// What libraries that keep a copy of a server's collections promise, held to their own examples.
@Suite struct `A collection kept offline` {
  private static let puts = `A server of plain records`.puts

  private func requests(_ server: PlainServer, _ method: String) -> [String] {
    server.log.filter { $0.hasPrefix(method + " ") }
  }

  private func pending(_ device: RecordDevice) throws -> UInt64 {
    try device.store.journal.read { try $0.counts() }.pending
  }

  @Test func `S-BD-01 lists, replaces and clears`() async throws {
    let device = try await RecordDevice(PlainServer(Self.puts))
    try await device.store.write { try $0.create("c", "3", ["color": "burgundy"]) }
    try await device.store.write { try $0.create("c", "2", ["color": "blue"]) }
    // A list has an order of its own, by key; the order of making is the journal's.
    #expect(try device.keys == ["2", "3"])
    let byColor = Query("c", sort: Query.Sort("color", descending: true))
    #expect(try device.store.query(byColor).map(\.key) == ["3", "2"])
    #expect(try device.get("99") == nil)
    await #expect(throws: JournalError.self, "a create never writes over a record") {
      try await device.store.write { try $0.create("c", "3", ["color": "lavender"]) }
    }
    try await device.store.write { try $0.put("c", "3", ["color": "lavender"]) }
    #expect(try device.get("3") == ["color": "lavender"])
    try await device.store.write { tx in
      try tx.delete("c", "2")
      try tx.delete("c", "3")
    }
    #expect(try device.keys == [])
    #expect(try device.get("3") == nil)
  }

  @Test func `S-BD-05 sends nothing by itself, and of a local-only collection nothing ever`()
    async throws
  {
    let server = PlainServer(Self.puts)
    let device = try await RecordDevice(server)
    try await device.store.declareLocalOnly("drafts")
    try await device.store.write { try $0.create("c", "x", ["name": "someone"]) }
    #expect(server.log.isEmpty)
    #expect(try pending(device) == 1)
    try await device.store.write { try $0.create("drafts", "x", ["name": "someone"]) }
    #expect(try pending(device) == 1)
    let report = try await device.sync()
    #expect(report.pushed == 1 && report.pending == 0)
    #expect(server.log.allSatisfy { !$0.contains("drafts") })
    #expect(try device.store.read { try $0.get("drafts", "x") } == ["name": "someone"])
  }

  @Test func `S-BD-07 tells a collection never taken in from an empty one`()
    async throws
  {
    let server = PlainServer(Self.puts)
    let device = try await RecordDevice(server)
    let error = #expect(throws: NotCached.self) {
      try device.store.read { try $0.requireCached("c") }
    }
    #expect(error?.collection == "c" && error?.remote == "plain")
    // A failed sync takes nothing in.
    server.state.withLock { $0.refusing = { _, _ in (503, "") } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(throws: NotCached.self) { try device.store.read { try $0.requireCached("c") } }
    server.state.withLock { $0.refusing = { _, _ in nil } }
    server.write("c", "1", ["n": 1])
    server.write("c", "1", nil)
    try await device.sync()
    let records = try device.store.read { snapshot in
      try snapshot.requireCached("c")
      return try snapshot.query(Query("c"))
    }
    #expect(records.isEmpty)
    #expect(throws: MissingRecord.self) { try device.store.read { try $0.require("c", "99") } }
    // What no server keeps is always all there is.
    try device.store.read { try $0.requireCached("elsewhere") }
    #expect(throws: JournalError.self) { try device.store.read { try $0.requireCached("") } }
  }

  @Test func `S-BD-08 keeps the temporary id of what cannot be delivered`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "t", ["n": 1]) }
    server.state.withLock { $0.refusing = { method, _ in method == "POST" ? (503, "") : nil } }
    await #expect(throws: TransportError.self) { try await device.sync() }
    try await device.store.write { try $0.update("c", "t", set: ["n": 2]) }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.keys == ["t"])
    #expect(try device.get("t") == ["n": 2])
    #expect(try device.store.read { try $0.currentKey("c", "t") } == "t")
    server.state.withLock { $0.refusing = { _, _ in nil } }
    try await device.sync()
    #expect(try device.keys == ["100"])
    #expect(server.fields("c", "100") == ["n": 2])
    #expect(server.ids("c") == ["100"])
  }

  @Test func `S-BD-11 deletes once what was edited and deleted offline, and goes on reading`()
    async throws
  {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.update("c", "1", set: ["n": 2]) }
    try await device.store.write { try $0.delete("c", "1") }
    let report = try await device.sync()
    #expect(report.pending == 0 && report.parked == 0)
    #expect(requests(server, "DELETE") == ["DELETE /c/1"])
    #expect(server.ids("c") == [])
    let before = requests(server, "GET").count
    try await device.sync()
    #expect(requests(server, "GET").count > before, "the next sync asks the server")
    #expect(requests(server, "DELETE").count == 1)
    #expect(try device.store.problems() == [])
  }

  @Test func `S-BD-14 makes one record of one create, however often sync is called`() async throws {
    let server = PlainServer()
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "t", ["n": 1]) }
    async let first = device.sync()
    async let second = device.sync()
    let reports = try await [first, second]
    #expect(reports.allSatisfy { $0.pending == 0 })
    #expect(requests(server, "POST").count == 1)
    #expect(server.ids("c") == ["100"])
  }

  @Test func `S-BD-20 delivers before it reads, and again after being cut off`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "theirs", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.store.write { try $0.create("c", "mine", ["n": 2]) }
    // The process ends between the request and its answer.
    server.state.withLock { state in
      state.altering = { request, _ in #expect(request.method != "GET", "nothing is read before") }
      state.losingAnswers = ["PUT /c/mine": 1]
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    let waiting = try device.store.journal.read { try $0.counts() }
    #expect(waiting.inFlight + waiting.pending == 1)
    server.state.withLock { $0.altering = { _, _ in } }
    let report = try await device.sync()
    #expect(report.pending == 0 && report.conflicts == 0)
    let puts = requests(server, "PUT")
    #expect(puts.allSatisfy { $0 == "PUT /c/mine" }, "sent again under the same id")
    #expect(server.ids("c") == ["mine", "theirs"])
    #expect(try device.keys == ["mine", "theirs"])
    let order = server.log.filter { !$0.hasPrefix("HEAD") }
    let push = try #require(order.lastIndex { $0.hasPrefix("PUT") })
    let read = try #require(order.lastIndex { $0 == "GET /c" })
    #expect(push < read)
  }

  @Test func `S-BD-22 takes nothing in while edits are pending, if asked to`() async throws {
    let server = PlainServer(Self.puts)
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.write("c", "2", ["n": 2])
    try await device.store.write { try $0.update("c", "1", set: ["n": 3]) }
    let before = server.log.count
    let report = try await device.sync(.pullOnly, [.unlessPending])
    #expect(report.pending == 1 && report.pulled == 0)
    #expect(server.log.count == before, "the server was asked nothing")
    #expect(try device.keys == ["1"])
    #expect(try device.get("1") == ["n": 3])
    // Behind a push nothing is pending, and the feed is read.
    try await device.sync(.both, [.unlessPending])
    #expect(try device.keys == ["1", "2"])
    // A push that leaves something behind leaves the feed alone too.
    try await device.store.write { try $0.update("c", "1", set: ["n": 4]) }
    server.write("c", "3", ["n": 3])
    server.state.withLock { $0.refusing = { method, _ in method == "PATCH" ? (503, "") : nil } }
    _ = try? await device.sync(.both, [.unlessPending])
    #expect(try device.keys == ["1", "2"])
  }

  @Test func `S-BD-25 says of each record what is to be delivered of it`() async throws {
    let server = PlainServer(Self.puts)
    for id in ["1", "2", "3", "4"] { server.write("c", id, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.create("c", "new", ["n": 1]) }
    try await device.store.write { try $0.update("c", "2", set: ["n": 2]) }
    try await device.store.write { try $0.delete("c", "3") }
    #expect(try pending(device) == 3)
    // Taking in changes nothing of that.
    try await device.sync(.pullOnly)
    #expect(try device.keys == ["1", "2", "4", "new"])
    #expect(try kinds(device) == ["create new", "update 2", "delete 3"])
    // A record never delivered and edited again is still to be created there.
    try await device.store.write { try $0.update("c", "new", set: ["n": 2]) }
    #expect(try kinds(device) == ["create new", "update 2", "delete 3", "update new"])
    try await device.sync()
    #expect(try pending(device) == 0)
    #expect(server.fields("c", "new") == ["n": 2])
    #expect(server.ids("c") == ["1", "2", "4", "new"])
  }

  /// What waits to be delivered, in order.
  private func kinds(_ device: RecordDevice) throws -> [String] {
    try device.store.journal.read { reader in
      var lines: [String] = []
      try reader.scanEdits { sequence, state in
        guard state.delivery == .pending, let entry = try reader.entry(sequence) else {
          return true
        }
        let record = try entry.plainBody.withUnsafeBytes { try Body($0).record()?.names.key }
        lines.append("\(entry.header.kind) \(record ?? "?")")
        return true
      }
      return lines
    }
  }
}
