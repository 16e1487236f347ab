import Journal

/// Edits the server carries out only where nobody else has changed the record.
extension RESTPush {
  /// A record the server was asked for.
  struct Found {
    var record: RESTRecord
    var etag: String?
  }

  /// What goes with a request so that it is carried out on the known state alone.
  struct Condition {
    var headers: [(name: String, value: String)] = []
    /// The version it stands for; nil where the record is not known.
    var version: ServerVersion?
  }

  enum Conditions {
    case none
    case send(Condition)
    /// The request need not be made.
    case verdict(Verdict)
  }

  /// The condition of an edit, as the settings say it is to be made.
  ///
  /// - Parameter found: The record as the server has just shown it, where it has.
  mutating func condition(
    _ edit: RESTEdit, _ key: String, _ fields: Fields?, _ found: Found?
  ) async throws -> Conditions {
    let expected = expected(edit)
    switch server.settings.preconditions {
    case .none: return try await lookedAt(edit, key, fields, found)
    case .version:
      guard let expected else { return .send(unknown(edit)) }
      return .send(
        Condition(
          headers: [(name: "If-Match", value: "\"\(expected.timestamp)\"")], version: expected))
    case .etag:
      if found == nil, let etag = known[edit.rowKey]?.etag {
        return .send(Condition(headers: [(name: "If-Match", value: etag)], version: expected))
      }
      let there: Found?
      if let found { there = found } else { there = try await look(edit, key).found }
      guard let there else {
        if edit.isCreate { return .send(unknown(edit)) }
        // Gone: the request itself is answered so.
        return .none
      }
      if let verdict = try judged(edit, fields, there, expected) { return .verdict(verdict) }
      // A deletion is seldom stamped: its version follows the one that was there.
      known[edit.rowKey] = Known(key: key, version: there.record.version, etag: there.etag)
      return .send(
        Condition(
          headers: there.etag.map { [(name: "If-Match", value: $0)] } ?? [],
          version: there.record.version))
    }
  }

  /// Where the server compares nothing, a strict edit is held against what it shows right before. Whoever writes
  /// between the two is overtaken all the same.
  private mutating func lookedAt(
    _ edit: RESTEdit, _ key: String, _ fields: Fields?, _ found: Found?
  ) async throws -> Conditions {
    guard edit.isStrict else { return .none }
    let there: Found?
    if let found { there = found } else { there = try await look(edit, key).found }
    guard let there else { return .none }
    return try judged(edit, fields, there, expected(edit)).map { .verdict($0) } ?? .none
  }

  /// The version of the record as it is known by now; nil where none is there.
  func expected(_ edit: RESTEdit) -> ServerVersion? {
    guard let known = known[edit.rowKey] else { return edit.known }
    return known.isLive ? known.version : nil
  }

  /// The server knows no such record, as far as is known here.
  private func unknown(_ edit: RESTEdit) -> Condition {
    edit.isCreate ? Condition(headers: [(name: "If-None-Match", value: "*")]) : Condition()
  }

  /// What a state of the server means for an edit that was made on another one; nil where it is the one it
  /// was made on.
  private mutating func judged(
    _ edit: RESTEdit, _ fields: Fields?, _ found: Found, _ expected: ServerVersion?
  ) throws -> Verdict? {
    // A journal's version may lie a little above the stamp it came from, never below.
    if let expected, found.record.version <= expected { return nil }
    if expected == nil, !edit.isCreate { return nil }
    // The answer to an earlier attempt was lost, or somebody else did the same.
    let state = try found.record.change(edit.collection)
    if let fields, shows(found.record, fields) {
      // What else became of the record nobody here has seen: before a strict edit follows, the journal finds
      // out whether any of it is somebody else's.
      if edit.isStrict { moved[edit.rowKey] = state }
      return try applied(edit, found.record)
    }
    return .conflict(state)
  }

  /// Whether a record already has what an edit sends.
  private func shows(_ record: RESTRecord, _ fields: Fields) -> Bool {
    record.fields.map { shows($0, fields) } ?? false
  }

  func shows(_ shown: Fields, _ fields: Fields) -> Bool {
    let settings = server.settings
    let own = [settings.idField, settings.clientIDField ?? settings.idField]
    return RESTCodec.plain(fields).allSatisfy { name, value in
      own.contains(name) || shown[name] == value || (value == .null && shown[name] == nil)
    }
  }

  /// After a server refused the condition: what is there decides.
  mutating func movedOn(
    _ edit: RESTEdit, _ key: String, _ fields: Fields?, _ answer: HTTPExchangeResponse,
    _ condition: Condition
  ) async throws -> Verdict {
    let look = try await look(edit, key)
    guard let found = look.found else {
      switch edit.what {
      case .delete: return .applied(try deletion(edit, key, look.answer))
      case .update: return .missed(try deletion(edit, key, look.answer))
      case .create, .put: return refused(answer)
      }
    }
    if let verdict = try judged(edit, fields, found, condition.version) { return verdict }
    return refused(answer)
  }

  /// The record as it is at the server; nil where it is gone, and the answer that says so.
  mutating func look(
    _ edit: RESTEdit, _ key: String
  ) async throws -> (found: Found?, answer: HTTPExchangeResponse) {
    let address = server.address(edit.collection, key)
    let answer = try await server.send("GET", address)
    // Of some servers a collection is there once there is a record of it.
    if !edit.isCreate || expected(edit) != nil { try await checkAbsence(answer, edit.collection) }
    switch server.rules.meaning(of: answer.status) {
    case .done:
      let record = try server.record(answer, at: address)
      return (
        record.fields == nil ? nil : Found(record: record, etag: answer.strongETag), answer
      )
    case .gone: return (nil, answer)
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: throw trouble(answer)
    case .refused:
      throw TransportError.protocolViolation(
        "\(address) answered with status \(answer.status): records have to be shown one by one")
    }
  }

  /// Updates a record where the server knows no `PATCH`: by the whole of it.
  mutating func rewrite(
    _ edit: RESTEdit, _ key: String, _ patch: Fields
  ) async throws -> Verdict {
    let look = try await look(edit, key)
    guard let found = look.found, var fields = found.record.fields else {
      return .missed(try deletion(edit, key, look.answer))
    }
    if server.settings.preconditions != .none || edit.isStrict,
      let verdict = try judged(edit, patch, found, expected(edit))
    {
      return verdict
    }
    for (name, value) in patch {
      if value == .null { fields[name] = Value?.none } else { fields[name] = value }
    }
    fields[server.settings.idField] = .string(key)
    return try await carryOut(edit, "PUT", key, fields, found: found)
  }
}

extension HTTPExchangeResponse {
  /// An ETag that If-Match can carry (RFC 9110): a weak one cannot, nor a long one.
  var strongETag: String? {
    header("etag").flatMap { $0.hasPrefix("\"") && $0.utf8.count <= 256 ? $0 : nil }
  }
}
