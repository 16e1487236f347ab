import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Lists that are the whole set, and answers that are not the whole record.
@Suite struct `A set of plain records` {
  private func complete() -> RESTSettings {
    var settings = `A server of plain records`.puts
    (settings.differential, settings.completeLists) = (.nothing, true)
    return settings
  }

  @Test func `BD-09 shows by absence what is gone, and keeps what is on its way`() async throws {
    let server = PlainServer(complete())
    for key in ["1", "2", "3"] { server.write("c", key, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.create("c", "mine", ["n": 2]) }
    try await device.store.write { try $0.update("c", "3", set: ["n": 3]) }
    server.state.withLock { state in
      state.records["c"]?["2"] = nil
      state.records["c"]?["3"] = nil
    }
    let report = try await device.sync(.pullOnly)
    #expect(report.vanished == 1)
    #expect(try device.keys == ["1", "3", "mine"])
    let last = try device.store.journal.lastSequence
    try await device.sync(.pullOnly)
    #expect(try device.store.journal.lastSequence == last, "nothing more is gone")
    try await device.sync()
    #expect(try device.keys == ["1", "mine"])
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: [false, true])
  func `shows a record again that one list has left out`(_ isOwn: Bool) async throws {
    let server = PlainServer(complete())
    for key in ["1", "2"] { server.write("c", key, ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    let key = isOwn ? "mine" : "2"
    if isOwn {
      try await device.store.write { try $0.create("c", key, ["n": 2]) }
      try await device.sync(.pushOnly)
    }
    for _ in 0..<2 {
      let record = server.state.withLock { $0.records["c"]?.removeValue(forKey: key) }
      try await device.sync()
      #expect(try device.get(key) == nil)
      // As it was: a copy of the server that was behind, or somebody's way of hiding it.
      server.state.withLock { $0.records["c"]?[key] = record }
      try await device.sync()
      #expect(try device.get(key) != nil)
    }
    #expect(try device.store.problems() == [])
  }

  @Test func `is compared with what is here, whatever the ETag of its list`() async throws {
    var settings = complete()
    settings.usesETags = true
    let server = PlainServer(settings)
    server.state.withLock { ($0.hasETags, $0.deletesForGood) = (true, true) }
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.store.write { try $0.create("c", "mine", ["n": 2]) }
    try await device.sync(.pushOnly)
    // The list is the one from before.
    server.state.withLock { $0.records["c"]?["mine"] = nil }
    try await device.sync()
    #expect(try device.keys == ["1"])
  }

  @Test func `BD-09 does not lose most of its records without a word`() async throws {
    let server = PlainServer(complete())
    for number in 0..<30 { server.write("c", "r\(number)", ["n": 1]) }
    let device = try await RecordDevice(server)
    try await device.sync()
    server.state.withLock { $0.records = [:] }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "mass-deletion")
    #expect(try device.keys.count == 30)
    let report = try await device.sync(.both, .confirmingDeletions)
    #expect(report.vanished == 30)
    #expect(try device.keys == [])
    #expect(try device.store.problems() == [])
  }

  @Test func `is complete only where lists hold everything`() throws {
    #expect(throws: TransportError.self) {
      _ = try RESTSettings(["versionField": "v", "completeLists": true])
    }
    #expect(throws: TransportError.self) {
      _ = try RESTSettings(["versionField": "v", "pageSize": 0])
    }
    #expect(throws: TransportError.self) {
      _ = try RESTSettings(["versionField": "v", "paging": "member"])
    }
    var settings = RESTSettings(versionField: "v")
    (settings.differential, settings.completeLists, settings.usesETags) = (.nothing, true, true)
    (settings.paging, settings.nextMember, settings.listEnvelope) = (.member, "next", "data.items")
    (settings.partial, settings.updates, settings.preconditions) = (.all, .put, .etag)
    (settings.pageSize, settings.laterStatuses) = (7, [404, 502])
    #expect(try RESTSettings(settings.options) == settings)
  }

  @Test func `S-BD-04 overlays rows that name only some fields`() async throws {
    var settings = `A server of plain records`.puts
    settings.partial = .all
    let server = PlainServer(settings)
    server.write("c", "12", ["position": "arm"])
    server.write("c", "13", ["position": "a new model"])
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(try device.keys == ["12", "13"])
    server.write("c", "12", ["side": "left"])
    try await device.sync()
    #expect(try device.get("12") == ["position": "arm", "side": "left"])
    #expect(try device.get("13") == ["position": "a new model"])
    #expect(try device.store.problems() == [])
  }

  @Test func `BD-23 keeps what an answer to an edit does not mention`() async throws {
    var settings = `A server of plain records`.puts
    settings.partial = .answers
    let server = PlainServer(settings)
    server.write("c", "1", ["a": 1, "b": 1, "old": true])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.state.withLock { state in
      state.altering = { request, answer in
        guard ["PUT", "PATCH"].contains(request.method),
          case .object(var fields)? = try? JSONText.parse(
            String(decoding: answer.body, as: UTF8.self))
        else { return }
        for name in ["a", "b", "c", "old"] { fields[name] = nil }
        fields["slug"] = "s"
        answer.body = Array(JSONText.string(.object(fields)).utf8)
      }
    }
    try await device.store.write { try $0.update("c", "1", set: ["a": 2]) }
    try await device.store.write { try $0.update("c", "1", set: ["c": 3]) }
    try await device.store.write { try $0.create("c", "2", ["a": 5]) }
    try await device.sync(.pushOnly)
    #expect(try device.get("1") == ["a": 2, "b": 1, "c": 3, "old": true, "slug": "s"])
    #expect(try device.get("2") == ["a": 5, "slug": "s"])
    // That a field is gone no such answer can say: the record is asked for.
    try await device.store.write { try $0.update("c", "1", unset: ["old"]) }
    try await device.sync(.pushOnly)
    #expect(server.log.last == "GET /c/1")
    #expect(try device.get("1") == ["a": 2, "b": 1, "c": 3])
    #expect(try device.store.problems() == [])
  }

  @Test func `is not emptied by an answer of id and stamp alone`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await RecordDevice(server)
    server.state.withLock { state in
      state.altering = { request, answer in
        guard request.method == "PUT",
          case .object(let fields)? = try? JSONText.parse(
            String(decoding: answer.body, as: UTF8.self))
        else { return }
        answer.body = Array(
          JSONText.string(["id": fields["id"] ?? .null, "changed": fields["changed"] ?? .null]).utf8
        )
      }
    }
    try await device.store.write { try $0.create("c", "1", ["a": 1]) }
    try await device.sync(.pushOnly)
    #expect(try device.get("1") == ["a": 1])
    #expect(server.log.last == "GET /c/1")
  }

  @Test func `S-BD-02 is asked whether anything is pending at every step`() async throws {
    let server = PlainServer(`A server of plain records`.puts)
    server.write("c", "3", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    func pending() throws -> UInt64 { try device.store.journal.read { try $0.counts() }.pending }
    #expect(try pending() == 0)
    try await device.store.write { try $0.update("c", "3", set: ["n": 2]) }
    #expect(try pending() == 1)
    try await device.sync()
    #expect(try pending() == 0)
    try await device.store.write { try $0.delete("c", "3") }
    #expect(try pending() == 1)
    try await device.sync()
    #expect(try pending() == 0)
  }

  @Test func `S-BD-23 keeps names and keys apart that look alike when strung together`()
    async throws
  {
    let server = PlainServer(`A server of plain records`.puts)
    let device = try await RecordDevice(server, collections: ["cat", "cats"])
    let odd = "ü/0?x=1&#..,%2F"
    try await device.store.write { tx in
      try tx.create("cat", "s3", ["n": 1])
      try tx.create("cats", "3", ["n": 2])
      try tx.create("cat", odd, ["n": 3])
      try tx.create("cat", "b,c", ["n": 4])
    }
    await #expect(throws: JournalError.self) {
      try await device.store.write { try $0.create("cat", "", ["n": 5]) }
    }
    let report = try await device.sync()
    #expect(report.accepted == 4 && report.refused == 0)
    let paths = server.log.filter { $0.hasPrefix("PUT") }
    #expect(
      paths == [
        "PUT /cat/s3", "PUT /cats/3", "PUT /cat/%C3%BC%2F0%3Fx%3D1%26%23..%2C%252F",
        "PUT /cat/b%2Cc",
      ])
    #expect(try device.store.read { try $0.get("cat", odd) } == ["n": 3])
  }
}
