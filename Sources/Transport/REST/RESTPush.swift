import Journal

/// Delivers the changes of one segment, one request after the other, until one fails.
///
/// Edits of one record that stand side by side go as one request.
struct RESTPush {
  let server: RESTServer
  /// Whether an earlier attempt may have reached the server.
  let isRepeated: Bool
  var verdicts: [Verdict] = []
  /// Why the exchange ended early.
  var failure: TransportError?
  /// The same, where it may be the doing of the edit that was asked for last.
  var poison: PushFailure?
  /// What was learnt of records on the way, by collection and key as the segment names them.
  var known: [[UInt8]: Known] = [:]
  /// Whether a create may have been carried out that the server can be asked for: the segment stays as it is,
  /// whatever else of it was judged.
  private var isInDoubt = false
  var isGroupRefused = false
  /// Records that are not there because the edits that would make them were refused.
  private var unmade: Set<[UInt8]> = []
  /// Records of which an edit waits for what would make them: what follows about them waits as well, also what makes
  /// them anew.
  private var waiting: Set<[UInt8]> = []
  /// Whether collections are there that were asked for since a record of theirs was not found.
  var presence: [[UInt8]: Bool] = [:]
  /// Records that have moved on, as they are there: what follows about them waits for the edit before.
  var moved: [[UInt8]: FeedChange] = [:]

  /// What an answer told of a record.
  struct Known {
    var key: String
    var version: ServerVersion
    /// Of what is there by now, where the answer said it.
    var etag: String?
    var isLive = true
  }

  init(server: RESTServer, isRepeated: Bool) {
    self.server = server
    self.isRepeated = isRepeated
  }

  /// What the push came to.
  var answer: PushAnswer {
    guard let failure else { return .judged(verdicts: verdicts, size: 0) }
    let isUntouched =
      isInDoubt || verdicts.allSatisfy { if case .retry = $0 { true } else { false } }
    // What the server has judged is written down first; the edit it fails for leads the next push.
    if isUntouched, let poison { return .failed(poison) }
    return .interrupted(verdicts: verdicts, by: failure)
  }

  /// Delivers one change by itself.
  ///
  /// - Throws: ``TransportError`` where the segment has to stay in flight: a create may have been carried
  ///   out, and the server can be asked.
  mutating func deliver(_ change: SegmentChange, known version: ServerVersion?) async throws {
    defer { if !change.moreOfGroup { isGroupRefused = false } }
    guard failure == nil else { return verdicts.append(.retry(afterMilliseconds: 0)) }
    guard !isGroupRefused else {
      let verdict = Verdict.refused(
        code: ParkedEdit.groupCut, message: "an earlier edit of its group was refused")
      // What cannot be read as an edit of a record would have made none.
      if let edit = try? RESTEdit(change) { note(edit, verdict) }
      return verdicts.append(verdict)
    }
    let verdict: Verdict
    do {
      var edit = try RESTEdit(change)
      edit.known = version
      if let state = moved[edit.rowKey] {
        verdict = .conflict(state)
      } else if waitsForMaking(edit) {
        // The server would say that there is no such record, and that would settle it.
        waiting.insert(edit.rowKey)
        verdict = .retry(afterMilliseconds: 0)
      } else {
        verdict = try await self.verdict(edit)
        if case .conflict(let state) = verdict { moved[edit.rowKey] = state }
        note(edit, verdict)
      }
    } catch let error as TransportError {
      failure = error
      // Everything but a create by POST may be sent again, whatever became of it.
      verdict = .retry(afterMilliseconds: 0)
    } catch let error as InDoubt {
      guard server.settings.clientIDField == nil else {
        guard poison != nil else { throw error.cause }
        (failure, isInDoubt) = (error.cause, true)
        return verdicts.append(.retry(afterMilliseconds: 0))
      }
      failure = error.cause
      verdict = Self.inDoubt
    } catch let error as RecordEdit.Unsupported {
      verdict = .refused(code: "unsupported", message: error.message)
    }
    if case .refused = verdict { isGroupRefused = change.moreOfGroup }
    verdicts.append(verdict)
  }

  /// Keeps which records are not there for want of an edit that was refused.
  private mutating func note(_ edit: RESTEdit, _ verdict: Verdict) {
    guard edit.isCreate else { return }
    switch verdict {
    case .refused where expected(edit) == nil: unmade.insert(edit.rowKey)
    case .applied: unmade.remove(edit.rowKey)
    default: return
    }
  }

  /// Whether an edit speaks of a record that is not there because its making was refused in this push: it
  /// waits until the journal has found out what depends on what.
  func waitsForMaking(_ edit: RESTEdit) -> Bool {
    if waiting.contains(edit.rowKey) { return true }
    guard !unmade.isEmpty else { return false }
    if !edit.isCreate, unmade.contains(edit.rowKey) { return true }
    return edit.references.contains { unmade.contains($0.rowKey) }
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

  mutating func verdict(_ edit: RESTEdit) async throws -> Verdict {
    do { return try await carriedOut(edit) } catch let missing as MissingCollection {
      return .refused(code: "http-404", message: missing.message)
    }
  }

  private mutating func carriedOut(_ edit: RESTEdit) async throws -> Verdict {
    let key = known[edit.rowKey]?.key ?? edit.key
    guard key != ".", key != ".." else {
      throw RecordEdit.Unsupported(
        message: "the key \"\(key)\" leads elsewhere in a URL; give the record another one")
    }
    let creates = server.settings.creates
    let isNew = expected(edit) == nil
    switch edit.what {
    case .create(let fields) where isNew && creates != .put,
      .create(let fields) where creates == .post:
      return try await post(edit, try withKnownKeys(fields))
    case .create(let fields) where isNew, .put(let fields):
      var fields = try withKnownKeys(fields)
      fields[server.settings.idField] = .string(key)
      return try await carryOut(edit, "PUT", key, fields)
    case .create(let fields), .update(let fields):
      // A create of a record that is there by now is an update, here and so there.
      let patch = try withKnownKeys(fields)
      guard server.settings.updates == .put else {
        return try await carryOut(edit, "PATCH", key, patch)
      }
      return try await rewrite(edit, key, patch)
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
      if let record = shown(answer, at: address, sent: fields) {
        return try applied(edit, record, answer)
      }
      if let record = try? server.record(answer, at: address) {
        // Carried out, and the answer says under which id, and no more.
        return try await inDoubt { try await $0.applied(edit, under: record.key, answer) }
      }
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
    case .unknown where settings.creates == .post:
      _ = later(answer)
      throw InDoubt(cause: server.later(answer))
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

  mutating func carryOut(
    _ edit: RESTEdit, _ method: String, _ key: String, _ fields: Fields?, found: Found? = nil
  ) async throws -> Verdict {
    let address = server.address(edit.collection, key)
    let condition: Condition
    switch try await self.condition(edit, key, fields, found) {
    case .none: condition = Condition()
    case .send(let headers): condition = headers
    case .verdict(let verdict): return verdict
    }
    let answer = try await server.send(method, address, fields, headers: condition.headers)
    if server.settings.preconditions != .none, [409, 412].contains(answer.status) {
      return try await movedOn(edit, key, fields, answer, condition)
    }
    try await checkAbsence(answer, edit.collection)
    switch server.rules.meaning(of: answer.status) {
    case .done where method == "DELETE": return .applied(try deletion(edit, key, answer))
    case .gone where method == "DELETE": return .applied(try deletion(edit, key, answer))
    case .done:
      let isPatch = method == "PATCH"
      if let record = shown(answer, at: address, sent: fields ?? Fields(), isPatch: isPatch) {
        return try applied(edit, record, answer, isPartial: isPatch)
      }
      return try await applied(edit, under: key, answer)
    case .gone where method == "PATCH": return .missed(try deletion(edit, key, answer))
    case .gone, .refused: return refused(answer)
    case .unauthorized: throw server.unauthorized(answer)
    case .later, .unknown: return later(answer)
    }
  }
}
