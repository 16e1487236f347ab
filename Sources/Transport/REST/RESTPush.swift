import Journal

/// Delivers the changes of one segment, one request after the other, until one fails.
struct RESTPush {
  let server: RESTServer
  /// Whether an earlier attempt may have reached the server.
  let isRepeated: Bool
  private(set) var verdicts: [Verdict] = []
  /// Why the exchange ended early.
  private(set) var failure: TransportError?
  /// What was learnt of records on the way, by collection and key as the segment names them.
  private var known: [[UInt8]: (key: String, version: ServerVersion)] = [:]
  private var isGroupRefused = false

  init(server: RESTServer, isRepeated: Bool) {
    self.server = server
    self.isRepeated = isRepeated
  }

  /// - Throws: ``TransportError`` where the segment has to stay in flight: a create may have been carried
  ///   out, and the server can be asked.
  mutating func deliver(_ change: SegmentChange) async throws {
    defer { if !change.moreOfGroup { isGroupRefused = false } }
    guard failure == nil else { return verdicts.append(.retry(afterMilliseconds: 0)) }
    guard !isGroupRefused else {
      return verdicts.append(
        .refused(code: "group-cut", message: "an earlier edit of its group was refused"))
    }
    let verdict: Verdict
    do {
      let edit = try RESTEdit(change)
      verdict = try await self.verdict(edit)
    } catch let error as TransportError {
      failure = error
      // Everything but a create by POST may be sent again, whatever became of it.
      verdict = .retry(afterMilliseconds: 0)
    } catch let error as InDoubt {
      guard server.settings.clientIDField == nil else { throw error.cause }
      failure = error.cause
      verdict = Self.inDoubt
    } catch let error as RESTEdit.Unsupported {
      verdict = .refused(code: "unsupported", message: error.message)
    }
    if case .refused = verdict { isGroupRefused = change.moreOfGroup }
    verdicts.append(verdict)
  }

  /// Whether the server carried a create out is not known.
  private struct InDoubt: Error {
    let cause: TransportError
  }

  private static let inDoubt = Verdict.refused(
    code: "outcome-unknown",
    message:
      "the answer to this create was lost and the server cannot be asked for it: look there, "
      + "then discard it, or retry it if the record is missing")

  // MARK: One change

  private mutating func verdict(_ edit: RESTEdit) async throws -> Verdict {
    let key = known[edit.rowKey]?.key ?? edit.key
    switch edit.what {
    case .create(let fields) where server.settings.creates != .put:
      return try await post(edit, try withKnownKeys(fields))
    case .create(let fields), .put(let fields):
      var fields = try withKnownKeys(fields)
      fields[server.settings.idField] = .string(key)
      return try await carryOut(edit, "PUT", key, fields)
    case .update(let fields):
      return try await carryOut(edit, "PATCH", key, try withKnownKeys(fields))
    case .delete:
      return try await carryOut(edit, "DELETE", key, nil)
    }
  }

  /// The server has given ids since the segment was sealed: to records of the same group.
  private func withKnownKeys(_ fields: Fields) throws -> Fields {
    Fields(try fields.map { ($0.name, try withKnownKeys($0.value)) })
  }

  private func withKnownKeys(_ value: Value) throws -> Value {
    switch value {
    case .reference(let collection, let key):
      // A server may have written what is no key: then nobody gave it another one.
      guard let record = try? RecordAddress(collection: collection, key: key) else { return value }
      return .reference(collection: collection, key: known[record.rowKey]?.key ?? key)
    case .array(let values): return .array(try values.map { try withKnownKeys($0) })
    case .object(let fields): return .object(try withKnownKeys(fields))
    default: return value
    }
  }

  private mutating func post(_ edit: RESTEdit, _ fields: Fields) async throws -> Verdict {
    let settings = server.settings
    if isRepeated, settings.creates == .post {
      guard settings.clientIDField != nil else { return Self.inDoubt }
      switch try await inDoubt({ try await $0.lookUp(edit) }) {
      case .found(let record): return try applied(edit, record)
      case .cannotBeAsked: return Self.inDoubt
      case .none: break
      }
    }
    var fields = fields
    if settings.creates == .postWithID { fields[settings.idField] = .string(edit.key) }
    if let name = settings.clientIDField { fields[name] = .string(edit.key) }
    let address = server.address(edit.collection)
    let answer: HTTPExchangeResponse
    do {
      answer = try await server.send(
        "POST", address, fields,
        headers: [(name: "Idempotency-Key", value: "\"\(edit.id)\"")])
    } catch let error as TransportError {
      guard settings.creates == .post else { throw error }
      throw InDoubt(cause: error)
    }
    switch server.rules.meaning(of: answer.status) {
    case .done:
      if let record = try? server.record(answer, at: address) { return try applied(edit, record) }
      // Carried out, and the answer does not say under which id.
      if settings.creates == .postWithID { return try await applied(edit, under: edit.key, answer) }
      return try await inDoubt { push in
        if case .found(let record) = try await push.lookUp(edit) {
          return try push.applied(edit, record)
        }
        return Self.inDoubt
      }
    case .gone, .refused: return refused(answer)
    case .unauthorized: throw server.unauthorized(answer)
    case .unknown where settings.creates == .post: throw InDoubt(cause: server.later(answer))
    case .later, .unknown: return later(answer)
    }
  }

  /// What fails here fails after the server may have made the record.
  private mutating func inDoubt<R>(
    _ body: (inout RESTPush) async throws -> R
  ) async throws -> R {
    do { return try await body(&self) } catch let error as TransportError {
      throw InDoubt(cause: error)
    }
  }

  private enum LookUp {
    case found(RESTRecord)
    case none
    case cannotBeAsked
  }

  /// The record that was made of this create, where the server keeps the id it had here.
  private func lookUp(_ edit: RESTEdit) async throws -> LookUp {
    guard let name = server.settings.clientIDField else { return .cannotBeAsked }
    let address =
      server.address(edit.collection) + "?\(RemoteURL.escape(name))=\(RemoteURL.escape(edit.key))"
    let answer = try await server.send("GET", address)
    switch server.rules.meaning(of: answer.status) {
    case .done: break
    case .gone: return .none
    case .refused: return .cannotBeAsked
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: throw server.later(answer)
    }
    let value = try RESTCodec.unwrap(
      RESTCodec.decode(answer.body, from: address), server.settings, at: address)
    guard case .array(let items) = value else { return .cannotBeAsked }
    // A server that does not know the parameter answers with everything.
    let own = items.filter { item in
      guard case .object(let fields) = item else { return false }
      return fields[name] == .string(edit.key)
    }
    guard own.count <= 1 else { return .cannotBeAsked }
    return try own.first.map { .found(try RESTRecord($0, server.settings, at: address)) } ?? .none
  }

  private mutating func carryOut(
    _ edit: RESTEdit, _ method: String, _ key: String, _ fields: Fields?
  ) async throws -> Verdict {
    let address = server.address(edit.collection, key)
    let answer = try await server.send(method, address, fields)
    switch server.rules.meaning(of: answer.status) {
    case .done where method == "DELETE": return .applied(try deletion(edit, key, answer))
    case .gone where method == "DELETE": return .applied(try deletion(edit, key, answer))
    case .done:
      if let record = try? server.record(answer, at: address) { return try applied(edit, record) }
      return try await applied(edit, under: key, answer)
    case .gone where method == "PATCH": return .missed(try deletion(edit, key, answer))
    case .gone, .refused: return refused(answer)
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: return later(answer)
    }
  }

  /// Asks for the state an answer did not show.
  private mutating func applied(
    _ edit: RESTEdit, under key: String, _ answer: HTTPExchangeResponse
  ) async throws -> Verdict {
    let address = server.address(edit.collection, key)
    let state = try await server.send("GET", address)
    switch server.rules.meaning(of: state.status) {
    case .done: return try applied(edit, server.record(state, at: address))
    case .gone: return .applied(try deletion(edit, key, state))
    case .unauthorized: throw server.unauthorized(state)
    case .later, .unknown: throw server.later(state)
    case .refused:
      return .refused(
        code: "state-unknown",
        message: "the server carried it out and shows the record neither in its answer nor at "
          + address)
    }
  }

  private mutating func applied(_ edit: RESTEdit, _ record: RESTRecord) throws -> Verdict {
    known[edit.rowKey] = (record.key, record.version)
    return .applied(try record.change(edit.collection))
  }

  /// The state a deletion leaves. Servers seldom stamp it: it comes right after the version the record
  /// had, or when the server's clock says.
  private mutating func deletion(
    _ edit: RESTEdit, _ key: String, _ answer: HTTPExchangeResponse
  ) throws -> FeedChange {
    let address = server.address(edit.collection, key)
    var version = (try? server.record(answer, at: address))?.version
    if version == nil, let before = known[edit.rowKey]?.version ?? edit.base {
      version = ServerVersion(timestamp: before.timestamp, tieBreak: before.tieBreak &+ 1)
    }
    if version == nil, let time = answer.serverTime {
      version = ServerVersion(timestamp: time + 999, tieBreak: 0)
    }
    guard let version else {
      throw TransportError.protocolViolation(
        "\(address) is gone, and the answer has neither a version nor a Date header")
    }
    known[edit.rowKey] = (key, version)
    return FeedChange(
      collection: edit.collection, key: key, version: version, born: version, state: .deleted)
  }

  // MARK: Refusals

  private func refused(_ answer: HTTPExchangeResponse) -> Verdict {
    let said = String(decoding: answer.body.prefix(400), as: UTF8.self)
    return .refused(
      code: "http-\(answer.status)",
      message: said.isEmpty ? "the server answered with status \(answer.status)" : said)
  }

  /// Later means all of them later: the server, not the edit, is in trouble.
  private mutating func later(_ answer: HTTPExchangeResponse) -> Verdict {
    failure = server.later(answer)
    return .retry(afterMilliseconds: answer.retryAfterMilliseconds ?? 0)
  }
}

/// A change of a segment, as a server of plain records is asked for it.
struct RESTEdit {
  enum What {
    case create(Fields)
    case put(Fields)
    case update(Fields)
    case delete
  }

  /// Why such a server cannot be asked for it.
  struct Unsupported: Error {
    let message: String
  }

  let id: EntryID
  let collection: String
  let key: String
  let rowKey: [UInt8]
  /// The version its writer had seen.
  let base: ServerVersion?
  let what: What

  init(_ change: SegmentChange) throws {
    id = change.id
    if case .version(let version) = change.base { base = version } else { base = nil }
    (collection, key, rowKey, what) = try change.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      guard let names = try body.record()?.names, let rowKey = try body.record()?.rowKey else {
        throw Unsupported(
          message:
            "a server of plain records cannot be asked for an erasure: delete the record there")
      }
      guard body.raw(.operations) == nil else {
        throw Unsupported(message: "a server of plain records knows no operations on fields")
      }
      return (names.collection, names.key, rowKey, try Self.what(change.kind, body))
    }
  }

  private static func what(_ kind: EntryKind, _ body: Body) throws -> What {
    switch kind {
    case .create: return .create(try fields(body, .fields))
    case .put: return .put(try fields(body, .fields))
    case .delete: return .delete
    case .update:
      var patch = try fields(body, .set)
      if body.raw(.unset) != nil {
        var reader = try body.reader(.unset)
        for _ in 0..<(try reader.arrayCount()) { patch[try reader.string()] = .null }
      }
      return .update(patch)
    default: throw Unsupported(message: "a server of plain records cannot be asked for a \(kind)")
    }
  }

  private static func fields(_ body: Body, _ key: BodyKey) throws -> Fields {
    guard let raw = body.raw(key) else { return Fields() }
    var reader = CBORReader(raw)
    guard case .object(let fields) = try reader.value(maxDepth: Limits.depth) else {
      throw JournalError.damaged("the fields of an edit are not a map; run `journal verify`")
    }
    return fields
  }
}
