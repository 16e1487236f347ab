import Journal

/// Reads what changed in one collection.
struct KintoFeed {
  let server: KintoServer
  let collection: String

  private var place: String { "the list of \"\(collection)\" at \(server.url)" }

  /// Reads one page on; whether it was the collection's last.
  ///
  /// Timestamps are given before a transaction commits: a record may come up behind others that bear
  /// later ones. What was stamped longer ago than a transaction takes, by the list's own newest
  /// timestamp when its first page was read, is complete; everything behind that is read again.
  ///
  /// - Throws: ``TransportError/resyncRequired(_:)`` where the collection was made anew, or its timestamps went
  ///   back: deletions since then may never be told.
  func read(
    _ cursor: inout KintoCursor, limit: Int, into changes: inout [FeedChange]
  ) async throws -> Bool {
    let known = cursor.marks[collection]
    var walk = KintoCursor.Walk(collection: collection)
    if let open = cursor.walk, open.collection == collection { walk = open }
    let isFirst = walk.query == nil
    if isFirst { walk.made = try await made() }
    if let known, known.made != walk.made {
      throw TransportError.resyncRequired(
        "collection \"\(collection)\" of the server was made anew")
    }
    guard let answer = try await page(walk.query, known, limit: limit) else { return true }
    if answer.status == 400, !isFirst {
      // The server does not know its own page any more: from the beginning.
      guard walk.restarts < Self.restartLimit else {
        throw TransportError.protocolViolation(
          "\(place) names pages that it does not know when they are asked for")
      }
      cursor.walk = KintoCursor.Walk(collection: collection, restarts: walk.restarts &+ 1)
      return try await read(&cursor, limit: limit, into: &changes)
    }
    let newest = try stamp(answer.header("etag"))
    if isFirst { walk.start = newest }
    if let known, isFirst, newest < known.newest {
      throw TransportError.resyncRequired(
        "the timestamps of collection \"\(collection)\" went back: what the server has purged or lost "
          + "is not told any more")
    }
    guard case .object(let body) = try KintoCodec.decode(answer.body, from: place),
      case .array(let items) = body["data"] ?? .null
    else { throw TransportError.protocolViolation("\(place) answered no list") }
    let records = try items.map { try KintoRecord($0, from: place) }
    changes += try records.sorted { $0.version < $1.version }.map { try $0.change(collection) }
    if let next = answer.header("next-page") {
      let query = try self.query(of: next)
      // Compared with one page before it, which is another one ever more seldom: so a circle of any length ends.
      guard query != walk.query, query != walk.seen else {
        throw TransportError.protocolViolation("\(place) names a page as the one after itself")
      }
      walk.query = query
      walk.pages &+= 1
      if walk.pages.nonzeroBitCount == 1 { walk.seen = query }
      cursor.walk = walk
      return false
    }
    cursor.marks[collection] = mark(walk, known, newest, answer)
    return true
  }

  private func mark(
    _ walk: KintoCursor.Walk, _ known: KintoCursor.Mark?, _ newest: UInt64,
    _ answer: HTTPExchangeResponse
  ) -> KintoCursor.Mark {
    let overlap = server.settings.overlapMilliseconds
    var mark = KintoCursor.Mark(made: walk.made)
    mark.through = max(known?.through ?? 0, walk.start - min(overlap, walk.start))
    mark.newest = max(known?.newest ?? 0, newest)
    // As long as something stamped earlier may come up, the list's ETag does not say that nothing did.
    let (settled, isHuge) = newest.addingReportingOverflow(overlap)
    mark.quiet = newest == walk.start && !isHuge && settled < answer.serverTime ?? 0
    return mark
  }

  /// The timestamp of the collection; 0 where these credentials may not see it.
  func made() async throws -> UInt64 {
    let path = server.path(collection)
    let answer = try await server.send("GET", server.url + path).answer
    switch answer.status {
    case 200: return try stamp(answer.header("etag"))
    case 403: return 0
    case 401: throw server.unauthorized(answer)
    case 404: throw server.missing(collection)
    default: throw server.later(answer)
    }
  }

  /// One page of the list; nil where nothing changed.
  private func page(
    _ query: String?, _ known: KintoCursor.Mark?, limit: Int
  ) async throws -> HTTPExchangeResponse? {
    var headers: [(name: String, value: String)] = []
    if query == nil, let known, known.quiet {
      headers.append((name: "If-None-Match", value: "\"\(known.newest)\""))
    }
    var query = query
    // From the beginning as well: without it a list shows no deletions, and a record that was made here may
    // be gone before the first list is read.
    var since = known?.through ?? 0
    var limit = query.map { Self.limit($0) ?? 1 } ?? max(1, min(limit, Self.pageLimit))
    while true {
      var address = "\(server.url)\(server.path(collection))/records?"
      if let query {
        address += query
      } else {
        address += "_sort=last_modified&_limit=\(limit)&_since=\(since)"
      }
      let (answer, secrets): (HTTPExchangeResponse, Secrets)
      do {
        (answer, secrets) = try await server.send("GET", address, headers: headers)
      } catch TransportError.protocolViolation where limit > 1 {
        // Most likely records so large that a page of them is longer than an answer may be.
        limit = max(1, limit / 4)
        query = query.map { Self.query($0, atMost: limit) }
        continue
      }
      switch answer.status {
      case 200:
        try secrets.checkAbsent(in: answer.header("next-page") ?? "", from: place)
        return answer
      case 400 where query != nil: return answer
      case 304: return nil
      case 400:
        // A writer with a wrong clock stamped a record so far ahead that the server does not let anybody
        // ask for what comes after it: ask from as far ahead as it does.
        guard let time = answer.serverTime, since > time + Self.aheadAtMost
        else { throw refused(answer) }
        since = time + Self.aheadAtMost
      case 401: throw server.unauthorized(answer)
      case 403, 404: throw server.missing(collection)
      case 429, 500...: throw server.later(answer)
      default: throw refused(answer)
      }
    }
  }

  /// The server looks through the whole collection for each page, whatever its length.
  private static let pageLimit = 5_000
  private static let restartLimit: UInt64 = 3
  /// Servers take timestamps of up to 24 hours ahead of their own clock.
  private static let aheadAtMost: UInt64 = 23 * 3_600_000

  private func refused(_ answer: HTTPExchangeResponse) -> TransportError {
    .protocolViolation(
      "\(place) answered with status \(answer.status): "
        + String(decoding: answer.body.prefix(200), as: UTF8.self))
  }

  /// The query of the next page's address. Behind a proxy the rest may be the address of another host.
  private func query(of next: String) throws(TransportError) -> String {
    guard let mark = next.firstIndex(of: "?"), next.utf8.count <= 8_192,
      next.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
    else { throw .protocolViolation("\(place) names a next page that is no address") }
    return String(next[next.index(after: mark)...])
  }

  /// How many records a page holds at most; nil where its query does not say it.
  private static func limit(_ query: String) -> Int? {
    query.split(separator: "&").first { $0.hasPrefix("_limit=") }.flatMap { Int($0.dropFirst(7)) }
  }

  private static func query(_ query: String, atMost limit: Int) -> String {
    query.split(separator: "&", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("_limit=") ? "_limit=\(limit)" : String($0) }.joined(separator: "&")
  }

  private func stamp(_ header: String?) throws(TransportError) -> UInt64 {
    guard let header, let time = UInt64(header.filter { $0 != "\"" }), time <= Limits.sequence
    else { throw .protocolViolation("\(place) answered without a timestamp in its ETag") }
    return time
  }
}
