import Journal

/// What an answer tells of a record, or of an edit.
extension RESTPush {
  /// The state an answer to an edit shows; nil where it has to be asked for.
  func shown(
    _ answer: HTTPExchangeResponse, at address: String, sent: Fields, isPatch: Bool = false
  ) -> RESTRecord? {
    guard var record = try? server.record(answer, at: address) else { return nil }
    guard let shown = record.fields else { return record }
    let settings = server.settings
    var fields = RESTCodec.plain(sent)
    for name in [settings.idField, settings.clientIDField].compactMap({ $0 }) { fields[name] = nil }
    guard settings.partial != .none else {
      // Many servers answer with id and stamp alone: that is no empty record.
      return shown.isEmpty && !fields.isEmpty ? nil : record
    }
    // That a field is gone cannot be laid over what was there.
    guard !isPatch || fields.allSatisfy({ $0.value != .null || shown[$0.name] != nil }) else {
      return nil
    }
    for (name, value) in shown { fields[name] = value }
    record.fields = fields
    return record
  }

  /// Asks for the state an answer did not show.
  mutating func applied(
    _ edit: RESTEdit, under key: String, _ answer: HTTPExchangeResponse
  ) async throws -> Verdict {
    let address = server.address(edit.collection, key)
    let state = try await server.send("GET", address)
    switch server.rules.meaning(of: state.status) {
    case .done: return try applied(edit, server.record(state, at: address), state)
    case .gone: return .applied(try deletion(edit, key, state))
    case .unauthorized: throw server.unauthorized(state)
    case .later, .unknown: throw trouble(state)
    case .refused:
      return .refused(
        code: "state-unknown",
        message: "the server carried it out and shows the record neither in its answer nor at "
          + address)
    }
  }

  mutating func applied(
    _ edit: RESTEdit, _ record: RESTRecord, _ answer: HTTPExchangeResponse? = nil,
    isPartial: Bool = false
  ) throws -> Verdict {
    known[edit.rowKey] = Known(
      key: record.key, version: record.version, etag: answer?.strongETag)
    return .applied(
      try record.change(
        edit.collection, isPartial: isPartial && server.settings.partial != .none))
  }

  /// The state a deletion leaves. Servers seldom stamp it: it comes right after the version the record
  /// had, or when the server's clock says.
  mutating func deletion(
    _ edit: RESTEdit, _ key: String, _ answer: HTTPExchangeResponse
  ) throws -> FeedChange {
    let address = server.address(edit.collection, key)
    var version = (try? server.record(answer, at: address))?.version
    if version == nil, let before = known[edit.rowKey]?.version ?? edit.base {
      version = ServerVersion(timestamp: before.timestamp, tieBreak: before.tieBreak &+ 1)
    }
    // Of a record that is not known to be there its tombstone tells: booking raises this above it. The server's
    // clock may be ahead of its stamps, and what is settled by it would lie on top of what comes next.
    if version == nil, answer.serverTime != nil {
      version = ServerVersion(timestamp: 0, tieBreak: 0)
    }
    guard let version else {
      throw TransportError.protocolViolation(
        "\(address) is gone, and the answer has neither a version nor a Date header")
    }
    known[edit.rowKey] = Known(key: key, version: version, isLive: false)
    return FeedChange(
      collection: edit.collection, key: key, version: version, born: version, state: .deleted)
  }

  // MARK: Refusals

  func refused(_ answer: HTTPExchangeResponse) -> Verdict {
    let said = String(decoding: answer.body.prefix(400), as: UTF8.self)
    return .refused(
      code: "http-\(answer.status)",
      message: said.isEmpty ? "the server answered with status \(answer.status)" : said)
  }

  /// Later means all of them later: the server is in trouble, unless it turns out that it is for this edit
  /// alone.
  mutating func later(_ answer: HTTPExchangeResponse) -> Verdict {
    failure = trouble(answer)
    return .retry(afterMilliseconds: answer.retryAfterMilliseconds ?? 0)
  }

  /// The error of such an answer, to whatever request it is: an edit whose record cannot be asked for would
  /// hold up all behind it just as well.
  mutating func trouble(_ answer: HTTPExchangeResponse) -> TransportError {
    let error = server.later(answer)
    if server.rules.meaning(of: answer.status) == .unknown {
      poison = PushFailure(
        code: "http-\(answer.status)", message: server.said(answer), blame: .unknown,
        retryAfterMilliseconds: answer.retryAfterMilliseconds)
    }
    return error
  }
}
