import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// How lists are asked for, and go on.
@Suite struct `A list of plain records` {
  func settings(_ change: (inout RESTSettings) -> Void) -> RESTSettings {
    var settings = `A server of plain records`.puts
    settings.overlapMilliseconds = 0
    change(&settings)
    return settings
  }

  private func questions(_ server: PlainServer) -> [String] {
    server.log.filter { $0.hasPrefix("GET") }
  }

  private func header(_ server: PlainServer, _ name: String) -> [String?] {
    server.state.withLock { state in
      zip(state.log, state.headers).filter { $0.0.hasPrefix("GET") }.map { $0.1[name] }
    }
  }

  /// A server that shows so many records at once, and names the rest in a way of its own.
  func paged(
    _ settings: RESTSettings, count: Int = 25, by size: Int = 10,
    next: @escaping @Sendable (Int) -> (header: String?, member: Value?)
  ) -> PlainServer {
    let server = PlainServer(settings)
    for number in 0..<count {
      server.write("c", "r\(100 + number)", ["n": .integer(Int64(number))])
    }
    server.state.withLock { state in
      state.altering = { request, answer in
        guard request.method == "GET", answer.status == 200,
          case .array(let items)? = try? JSONText.parse(
            String(decoding: answer.body, as: UTF8.self))
        else { return }
        let query = request.url.split(separator: "?").dropFirst().first ?? ""
        var start = 0
        for item in query.split(separator: "&") {
          let pair = item.split(separator: "=")
          if pair[0] == "offset" || pair[0] == "after" { start = Int(pair[1]) ?? 0 }
          if pair[0] == "page" { start = ((Int(pair[1]) ?? 1) - 1) * size }
        }
        let end = min(start + size, items.count)
        var shown = Value.array(start < end ? Array(items[start..<end]) : [])
        let link = end < items.count ? next(end) : (nil, .null)
        if let header = link.header { answer.headers.append((name: "Link", value: header)) }
        if let member = link.member, settings.paging == .member {
          shown = ["data": ["items": shown], "links": ["next": member]]
        }
        answer.body = Array(JSONText.string(shown).utf8)
      }
    }
    return server
  }

  // MARK: Asking for changes

  @Test func `AL-26 is asked for by If-Modified-Since, and 304 is nothing new`() async throws {
    let server = PlainServer(settings { $0.differential = .header })
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    let last = try device.store.journal.lastSequence
    // Stamps are finer than the header: what was stamped in the same second is shown again.
    server.state.withLock { $0.clock += 5_000 }
    try await device.sync()
    #expect(header(server, "If-Modified-Since") == [nil, "Tue, 14 Nov 2023 22:13:20 GMT"])
    #expect(questions(server) == ["GET /c", "GET /c"])
    #expect(try device.store.journal.lastSequence == last)
    server.write("c", "2", ["n": 2])
    try await device.sync()
    server.state.withLock {
      $0.answering = { $0.method == "GET" ? .init(status: 304, body: []) : nil }
    }
    try await device.sync()
    #expect(try device.keys == ["1", "2"])
  }

  @Test func `AL-26 is not shown again while its ETag is the same`() async throws {
    let server = PlainServer(settings { ($0.differential, $0.usesETags) = (.nothing, true) })
    server.state.withLock { $0.hasETags = true }
    server.write("c", "1", ["n": 1])
    let device = try await RecordDevice(server)
    try await device.sync()
    try await device.sync()
    server.write("c", "1", ["n": 2])
    try await device.sync()
    #expect(try device.get("1") == ["n": 2])
    try await device.sync()
    let asked = header(server, "If-None-Match")
    #expect(asked[0] == nil && asked[1] != nil && asked[1] == asked[2])
    #expect(asked[3] != asked[2], "the ETag goes with the content it came with")
  }

  @Test func `is asked for as a whole by a full state, whatever its ETag`() async throws {
    let server = PlainServer(settings { ($0.differential, $0.usesETags) = (.nothing, true) })
    server.state.withLock { $0.hasETags = true }
    server.write("c", "1", ["n": 1])
    server.write("c", "2", ["n": 2])
    let device = try await RecordDevice(server)
    try await device.sync()
    server.state.withLock { $0.records["c"]?["2"] = nil }
    try await device.sync()
    #expect(try device.keys == ["1", "2"], "that it is missing says nothing")
    try await device.sync(.both, .fullState)
    #expect(header(server, "If-None-Match").last == .some(nil))
    #expect(try device.keys == ["1"])
  }

  @Test func `is not believed that nothing changed where that was not asked`() async throws {
    let server = PlainServer(settings { _ in })
    server.state.withLock {
      $0.answering = { $0.method == "GET" ? .init(status: 304, body: []) : nil }
    }
    let device = try await RecordDevice(server)
    await #expect(throws: TransportError.self) { try await device.sync() }
  }

  // MARK: Paging

  @Test func `goes on by the Link header`() async throws {
    let server = paged(settings { $0.paging = .link }) { next in
      (
        "<https://plain.test/api/c?after=0>; rel=\"first\", "
          + "<https://plain.test/api/c?after=\(next)>; title=\"a; b\"; rel=\"last next\"", nil
      )
    }
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(questions(server) == ["GET /c", "GET /c?after=10", "GET /c?after=20"])
    #expect(try device.keys.count == 25)
    #expect(try device.store.problems() == [])
  }

  @Test(arguments: ["https://plain.test:443/api/c?after=", "/api/c?after=", "?after="])
  func `goes on by a member of the answer`(_ link: String) async throws {
    let server = paged(
      settings {
        ($0.paging, $0.nextMember, $0.listEnvelope) = (.member, "links.next", "data.items")
      }
    ) { (nil, .string("\(link)\($0)")) }
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(questions(server).count == 3)
    #expect(try device.keys.count == 25)
  }

  @Test(arguments: [RESTSettings.Paging.page, .offset])
  func `goes on by number`(_ paging: RESTSettings.Paging) async throws {
    let server = paged(settings { ($0.paging, $0.pageSize) = (paging, 10) }) { _ in (nil, nil) }
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(
      questions(server)
        == (paging == .page ? [1, 2, 3] : [0, 10, 20]).map {
          paging == .page ? "GET /c?page=\($0)&per_page=10" : "GET /c?offset=\($0)&limit=10"
        })
    #expect(try device.keys.count == 25)
  }

  @Test(arguments: [RESTSettings.Paging.page, .offset])
  func `ends where the server knows no page behind a full last one`(
    _ paging: RESTSettings.Paging
  ) async throws {
    let server = paged(settings { ($0.paging, $0.pageSize) = (paging, 10) }, count: 20) { _ in
      (nil, nil)
    }
    server.state.withLock { state in
      let page = state.altering
      state.altering = { request, answer in
        page(request, &answer)
        let isFirst = request.url.contains("page=1&") || request.url.contains("offset=0&")
        if !isFirst, answer.body == Array("[]".utf8) { (answer.status, answer.body) = (404, []) }
      }
    }
    let device = try await RecordDevice(server)
    try await device.sync()
    #expect(try device.keys.count == 20)
    let last = try device.store.journal.lastSequence
    try await device.sync()
    #expect(try device.store.journal.lastSequence == last)
  }

  @Test(arguments: [
    "https://evil.test/api/c?after=10", "http://plain.test/api/c?after=10",
    "https://plain.test:8443/api/c?after=10", "//evil.test/api/c", "https://plain.test@evil.test/c",
    "https://plain.test.evil.test/c", "ftp://plain.test/c", "c?after=10", "/a\\b", "/\u{1}",
  ])
  func `does not lead to another server`(_ link: String) async throws {
    let server = paged(settings { $0.paging = .link }) { _ in ("<\(link)>; rel=next", nil) }
    let device = try await RecordDevice(server) { "Bearer s3cret-token" }
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(questions(server) == ["GET /c"])
    #expect(error?.description.contains("s3cret") == false)
  }

  @Test(arguments: [1, 2, 3])
  func `that runs in a circle ends with an error`(_ length: Int) async throws {
    let server = paged(settings { $0.paging = .link }, count: 45) { next in
      ("</api/c?after=\(next >= length * 10 ? 0 : next)>; rel=next", nil)
    }
    let device = try await RecordDevice(server)
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(questions(server).count < 12)
  }

  @Test func `is read on from where a sync was cut off, and misses nothing written meanwhile`()
    async throws
  {
    let server = paged(
      settings {
        $0.paging = .offset
        $0.pageSize = 10
      }
    ) { _ in (nil, nil) }
    let device = try await RecordDevice(server)
    server.state.withLock {
      $0.refusing = { _, path in path.contains("offset=20") ? (503, "") : nil }
    }
    await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(try device.keys.count == 20)
    // Changed behind the reader, and stamped before what it has yet to see.
    server.write("c", "r100", ["n": 99])
    server.state.withLock { $0.refusing = { _, _ in nil } }
    let before = questions(server).count
    try await device.sync()
    #expect(questions(server)[before] == "GET /c?offset=20&limit=10")
    try await device.sync()
    #expect(try device.get("r100") == ["n": 99])
    #expect(try device.keys.count == 25)
    #expect(try device.store.problems() == [])
  }

  @Test func `is begun anew where the server forgot how far it was read`() async throws {
    let server = paged(settings { $0.paging = .link }) { ("</api/c?after=\($0)>; rel=next", nil) }
    let device = try await RecordDevice(server)
    let number = Mutex(0)
    server.state.withLock { state in
      state.refusing = { _, path in
        path.contains("after=20")
          && number.withLock {
            $0 += 1
            return $0 == 1
          } ? (410, "") : nil
      }
    }
    try await device.sync()
    #expect(try device.keys.count == 25)
    #expect(try device.store.problems() == [])
  }

  @Test func `has at most 10,000 records to a page`() async throws {
    let server = paged(settings { $0.paging = .link }, count: 10_001, by: 20_000) { _ in (nil, nil)
    }
    let device = try await RecordDevice(server)
    let error = await #expect(throws: TransportError.self) { try await device.sync() }
    #expect(error?.code == "protocol-violation")
    #expect(try device.keys == [])
  }

  @Test func `of several collections is read page by page`() async throws {
    let server = paged(settings { ($0.paging, $0.pageSize) = (.page, 10) }) { _ in (nil, nil) }
    for number in 0..<11 { server.write("d", "\(number)", ["n": 1]) }
    let device = try await RecordDevice(server, collections: ["c", "d"])
    try await device.sync()
    #expect(try device.store.query(Query("d")).count == 11)
    #expect(try device.keys.count == 25)
  }
}
