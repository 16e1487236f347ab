import Journal

/// Reads what changed in one collection, one page at a time.
struct RESTFeed {
  /// What one request brought.
  struct Answer {
    var changes: [FeedChange] = []
    /// Whether it is all of the list's content, and not only that nothing changed.
    var isList = true
  }

  let server: RESTServer
  let collection: String
  private var settings: RESTSettings { server.settings }

  /// Most records in one answer.
  private static let maximumItems = 10_000
  /// Without paging there is no other way to the rest of them.
  private static let maximumItemsAtOnce = 100_000

  /// The next page of the list, in the order of versions; where there is more of it, the cursor says so.
  ///
  /// - Throws: ``TransportError`` where the list cannot be had or is none; the cursor stays then.
  func read(_ cursor: inout RESTCursor) async throws -> Answer {
    let since =
      settings.differential == .parameter
      ? cursor.since(collection, overlap: settings.overlapMilliseconds) : nil
    var progress = cursor.progress
    if progress?.collection.utf8.elementsEqual(collection.utf8) == false { progress = nil }
    let (address, headers) = question(progress, since, cursor)
    let (answer, secrets) = try await server.sendKeepingSecrets("GET", address, headers: headers)
    if answer.status == 304 {
      guard !headers.isEmpty, progress == nil else {
        throw TransportError.protocolViolation(
          "\(address) says that nothing changed, which was not asked")
      }
      return Answer(isList: false)
    }
    if try await isBehindLast(answer, address, progress) {
      try advance(&cursor, progress, [], nil, answer, .null, address: address, since)
      return Answer()
    }
    switch server.rules.meaning(of: answer.status) {
    case .done: break
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: throw server.later(answer)
    case .gone, .refused:
      guard progress == nil else {
        // The server may not keep where a reader stands: then from the beginning.
        throw TransportError.resyncRequired(
          "\(address) answered with status \(answer.status) half way through the list")
      }
      let question =
        answer.status == 403
        ? "may collection \"\(collection)\" be read with these credentials?"
        : "is collection \"\(collection)\" there?"
      throw TransportError.protocolViolation(
        "\(address) answered with status \(answer.status): \(question)")
    }
    let whole = try RESTCodec.decode(answer.body, from: address)
    let items = try items(whole, address)
    let records = try items.map { try RESTRecord($0, settings, at: address) }
    try advance(&cursor, progress, records, items.first, answer, whole, address: address, since)
    try secrets.checkAbsent(in: cursor.text, from: address)
    let isPartial = settings.partial == .all
    return Answer(
      changes: try records.sorted { $0.version < $1.version }
        .map { try $0.change(collection, isPartial: isPartial) })
  }

  /// Whether a page is not found because the full one before it was the last: there are servers that know none behind
  /// it. Where the list's first page is not found either, or this one is by now, the server is in trouble.
  private func isBehindLast(
    _ answer: HTTPExchangeResponse, _ address: String, _ progress: RESTCursor.Progress?
  ) async throws -> Bool {
    guard progress != nil, settings.paging.isByNumber, answer.status == 404,
      server.rules.meaning(of: 404) == .gone
    else { return false }
    let first = try await server.send("GET", firstPage)
    switch server.rules.meaning(of: first.status) {
    case .done: break
    case .unauthorized: throw server.unauthorized(first)
    case .later, .unknown: throw server.later(first)
    case .gone, .refused: return false
    }
    guard try await server.send("GET", address).status == 404 else {
      throw TransportError.unavailable("\(address) was not found, and is there by now. Sync again")
    }
    return true
  }

  /// Where a list begins that is asked for as a whole.
  var firstPage: String { address(nil, nil) }

  // MARK: The question

  private func address(_ progress: RESTCursor.Progress?, _ since: String?) -> String {
    if case .path(let path)? = progress?.next { return server.origin + path }
    var query: [(name: String, value: String)] = []
    if let since { query.append((settings.sinceParameter, since)) }
    var number: UInt64 = 0
    if case .number(let next)? = progress?.next { number = next }
    let size = String(settings.pageSize)
    switch settings.paging {
    case .page:
      query.append((settings.pageParameter ?? "page", String(number + 1)))
      query.append((settings.pageSizeParameter ?? "per_page", size))
    case .offset:
      query.append((settings.pageParameter ?? "offset", String(number)))
      query.append((settings.pageSizeParameter ?? "limit", size))
    case .none, .link, .member: break
    }
    var address = server.address(collection)
    for (index, item) in query.enumerated() {
      address +=
        (index == 0 ? "?" : "&") + RemoteURL.escape(item.name) + "="
        + RemoteURL.escape(item.value)
    }
    return address
  }

  private func question(
    _ progress: RESTCursor.Progress?, _ since: String?, _ cursor: RESTCursor
  ) -> (address: String, headers: [(name: String, value: String)]) {
    let address = address(progress, since)
    var headers: [(name: String, value: String)] = []
    guard progress == nil else { return (address, headers) }
    if settings.differential == .header,
      let time = cursor.time(collection, overlap: settings.overlapMilliseconds)
    {
      headers.append(("If-Modified-Since", HTTPExchangeResponse.date(time)))
    }
    // What a set does not show is compared with what is known here, which edits change as well.
    if settings.usesETags, !settings.completeLists, let etag = cursor.etag(collection, since: since)
    {
      headers.append(("If-None-Match", etag))
    }
    return (address, headers)
  }

  // MARK: The answer

  private func items(_ whole: Value, _ address: String) throws -> [Value] {
    let envelope = settings.listEnvelope ?? settings.envelope
    guard case .array(let items) = try RESTCodec.unwrap(whole, envelope, at: address) else {
      throw TransportError.protocolViolation(
        "\(address) answered no list; name the member that holds it with --envelope")
    }
    let most = settings.paging == .none ? Self.maximumItemsAtOnce : Self.maximumItems
    guard items.count <= most else {
      throw TransportError.protocolViolation(
        "\(address) answered \(items.count) records at once; \(most) are allowed")
    }
    return items
  }

  /// Moves the cursor: to the next page, or to the newest version the list showed.
  private func advance(
    _ cursor: inout RESTCursor, _ progress: RESTCursor.Progress?, _ records: [RESTRecord],
    _ first: Value?, _ answer: HTTPExchangeResponse, _ whole: Value, address: String,
    _ since: String?
  ) throws {
    var reading =
      progress
      ?? RESTCursor.Progress(collection: collection, next: .number(0))
    let newest = records.map(\.version).max()
    if case .object(let fields)? = first, case .string = fields[settings.versionField] ?? .null {
      reading.isText = true
    }
    let next = try next(after: reading, count: records.count, answer, whole, address)
    // A stamp ahead of the server's own clock is some writer's mistake: what comes after it would never
    // be asked for. Nor may the mark pass what changed while a longer list was read.
    if progress == nil {
      reading.limit = latest(answer) ?? (next == nil ? nil : newest)
    }
    if let newest { reading.newest = max(newest, reading.newest ?? newest) }
    if let next {
      try note(&reading, answer.body, isEmpty: records.isEmpty, address)
      reading.next = next
      cursor.progress = reading
      return
    }
    cursor.progress = nil
    if let newest = reading.newest {
      cursor.advance(
        collection, to: min(newest, reading.limit ?? newest), isText: reading.isText)
    }
    if settings.usesETags {
      // The ETag of a first page says nothing of those behind it.
      cursor.keep(progress == nil ? answer.header("etag") : nil, of: collection, since: since)
    }
  }

  private func next(
    after progress: RESTCursor.Progress, count: Int, _ answer: HTTPExchangeResponse,
    _ whole: Value, _ address: String
  ) throws -> RESTPage? {
    switch settings.paging {
    case .none: return nil
    case .page, .offset:
      guard count >= settings.pageSize else { return nil }
      var number: UInt64 = 0
      if case .number(let before) = progress.next { number = before }
      return .number(number &+ (settings.paging == .page ? 1 : UInt64(count)))
    case .link:
      guard let link = RESTPage.next(inLinks: answer.headers) else { return nil }
      return .path(try RESTPage.path(link, from: address))
    case .member:
      switch RESTCodec.member(settings.nextMember ?? "", of: whole) {
      case nil, .null?: return nil
      case .string(let link)?:
        return link.isEmpty ? nil : .path(try RESTPage.path(link, from: address))
      default:
        throw TransportError.protocolViolation("\(address) names a next page that is no URL")
      }
    }
  }

  /// Compares a page with one before it, which is another one ever more seldom: so a list that runs in
  /// a circle of any length ends.
  private func note(
    _ progress: inout RESTCursor.Progress, _ body: [UInt8], isEmpty: Bool, _ address: String
  ) throws {
    let digest = RESTPage.digest(body)
    guard isEmpty || digest != progress.seen else {
      throw TransportError.protocolViolation(
        "\(address) answered a page that was there before: does the server know the paging "
          + "\(settings.paging.rawValue)?")
    }
    progress.pages += 1
    if progress.pages.nonzeroBitCount == 1 { progress.seen = digest }
  }

  /// The end of the second the server's clock stood at.
  private func latest(_ answer: HTTPExchangeResponse) -> ServerVersion? {
    answer.serverTime.map { ServerVersion(timestamp: $0 + 999, tieBreak: .max >> 1) }
  }
}
