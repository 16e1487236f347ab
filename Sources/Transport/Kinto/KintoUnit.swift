import Journal

/// One record's edits on their way: what to ask next, and what an answer says of them.
struct KintoUnit {
  let collection: String
  let key: String
  private let path: String
  private let edit: CoalescedEdit
  /// The server's timestamp the next request stands on.
  private enum Base: Equatable {
    case unknown
    case absent
    case at(UInt64)
  }
  private var base: Base
  /// The record as it was asked for, where the request cannot be made without it.
  private var current: KintoRecord?
  /// Edits that have their verdicts.
  private var done = 0
  /// Whether the edits go one by one: together they were refused, and one of them may be why.
  private var isSplit = false
  private var attempts = 0
  /// The verdicts, by position in the segment.
  private(set) var verdicts: [Int: Verdict] = [:]

  /// Answers that lead to another request, until the edits wait for the next sync.
  private static let attemptLimit = 24

  init(_ edit: CoalescedEdit, path: String) {
    self.edit = edit
    self.path = path
    (collection, key) = (edit.collection, edit.key)
    base =
      switch edit.base {
      case .none: .absent
      case .version(let version): .at(version.timestamp)
      case .unknown: .unknown
      }
  }

  var isDone: Bool { done == edit.parts.count }

  /// The edits the next request is for, as one.
  private var asked: RecordEdit { edit.edit(done..<done + count) }

  private var count: Int { isSplit ? 1 : edit.parts.count - done }

  // MARK: Asking

  /// The next request; nil where none is needed any more.
  mutating func request() throws -> KintoRequest? {
    while !isDone {
      attempts += 1
      guard attempts <= Self.attemptLimit else {
        finishRest(.retry(afterMilliseconds: 0))
        return nil
      }
      switch asked {
      // Its edits did what they were to do, as far as anybody is told.
      case .nothing: finish(.applied(deletion()))
      case .create(let fields), .put(let fields):
        guard case .at(let time) = base else { return make(.put, .absent, fields) }
        return make(.put, .at(time), fields)
      case .delete:
        guard case .at(let time) = base else { return make(.get, .none) }
        return make(.delete, .at(time))
      case .update(let set, let unset):
        guard case .at(let time) = base else { return make(.get, .none) }
        // A field can be taken away only by sending all the others.
        guard !unset.isEmpty else { return make(.patch, .at(time), set) }
        guard let current, let fields = current.fields else { return make(.get, .none) }
        return make(.put, .at(time), RecordEdit.patched(fields, set, unset))
      }
    }
    return nil
  }

  private func make(
    _ method: KintoRequest.Method, _ precondition: KintoRequest.Precondition,
    _ fields: Fields? = nil
  ) -> KintoRequest {
    KintoRequest(method: method, path: path, precondition: precondition, fields: fields)
  }

  // MARK: Answers

  /// - Throws: ``TransportError/protocolViolation(_:)`` for an answer that says nothing of the request.
  mutating func take(_ answer: KintoAnswer, to request: KintoRequest) throws {
    switch (answer.status, request.method) {
    case (200, .get): try take(state: answer.record(from: path))
    case (200...299, .delete):
      let record = try? answer.record(from: path)
      finish(.applied(deletion(record?.fields == nil ? record?.version : nil)))
      (base, current) = (.absent, nil)
    case (200...299, _):
      let record = try answer.record(from: path)
      finish(.applied(try record.change(collection)))
      (base, current) = (.at(record.version.timestamp), record)
    case (404, let method) where method == .put || answer.isParentMissing:
      throw TransportError.protocolViolation(
        "\(path) cannot be written: the server has no such collection")
    case (404, _): gone()
    case (412, _):
      if let existing = try answer.existing(from: path) {
        try take(mismatch: existing)
      } else if request.method == .put {
        // It was deleted meanwhile, and a deleted record counts as absent.
        (base, current) = (.absent, nil)
      } else {
        gone()
      }
    default: refuse(answer)
    }
  }

  private mutating func take(state record: KintoRecord) throws {
    guard record.fields != nil else { return gone() }
    if base == .unknown || base == .absent {
      (base, current) = (.at(record.version.timestamp), record)
    } else if base == .at(record.version.timestamp) {
      current = record
    } else {
      try take(mismatch: record)
    }
  }

  /// The record does not stand where the request thought it does.
  private mutating func take(mismatch existing: KintoRecord) throws {
    // An earlier attempt whose answer was lost, or somebody who did the same.
    for part in (0..<count).reversed() {
      guard try existing.satisfies(edit.edit(done..<done + part + 1)) else { continue }
      let isAll = part + 1 == count
      let state = try existing.change(collection)
      finish(.applied(state), count: part + 1)
      (base, current) = (.at(existing.version.timestamp), existing)
      if !isAll { finishRest(.conflict(state)) }
      return
    }
    let isOlder: Bool
    if case .at(let time) = base {
      isOlder = existing.version.timestamp < time
    } else {
      isOlder = false
    }
    if isOlder || base == .unknown {
      // The server went back, which the feed will tell: what it has now is what there is to stand on.
      (base, current) = (.at(existing.version.timestamp), nil)
    } else {
      finishRest(.conflict(try existing.change(collection)))
    }
  }

  private mutating func gone() {
    switch asked {
    case .delete: finish(.applied(deletion()))
    case .create, .put: base = .absent
    case .update, .nothing: finish(.missed(deletion()))
    }
    if base != .absent { (base, current) = (.absent, nil) }
  }

  private mutating func refuse(_ answer: KintoAnswer) {
    refuse(code: "http-\(answer.status)", message: answer.reason)
  }

  /// Sets the edit aside; of several that were refused together each is asked for alone.
  mutating func refuse(code: String, message: String) {
    guard count == 1 else {
      isSplit = true
      return
    }
    finish(.refused(code: code, message: message))
    finishRest(.retry(afterMilliseconds: 0))
  }

  /// The state of a deleted record; Kinto's own timestamp where it was said.
  private func deletion(_ version: ServerVersion? = nil) -> FeedChange {
    var known: UInt64 = 0
    if case .version(let version) = edit.base { known = version.timestamp }
    if case .at(let time) = base { known = max(known, time) }
    let version = version ?? ServerVersion(timestamp: known, tieBreak: 1)
    return FeedChange(
      collection: collection, key: key, version: version, born: version, state: .deleted)
  }

  private mutating func finish(_ verdict: Verdict) { finish(verdict, count: count) }

  private mutating func finish(_ verdict: Verdict, count: Int) {
    for part in edit.parts[done..<done + count] { verdicts[part.position] = verdict }
    done += count
  }

  mutating func finishRest(_ verdict: Verdict) {
    finish(verdict, count: edit.parts.count - done)
  }
}
