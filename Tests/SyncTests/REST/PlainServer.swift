import Journal
import Synchronization

@testable import Transport

/// A server of plain records in memory, behind the seam where an HTTP client is: what a backend of a
/// few lines does.
final class PlainServer: HTTPExchange {
  struct Record {
    var fields: Fields
    var stamp: UInt64
    var isDeleted = false
  }

  struct State {
    var records: [String: [String: Record]] = [:]
    var clock: UInt64 = 1_700_000_000_000
    var nextID = 100
    var log: [String] = []
    var bodies: [Value] = []
    var credentials: [String?] = []
    /// Asked before a request is carried out; a status is the answer.
    var refusing: @Sendable (String, String) -> (status: Int, body: String)? = { _, _ in nil }
    /// The answers to get lost, by "METHOD /path".
    var losingAnswers: [String: Int] = [:]
    /// Whether the next request is carried out by a sync that does not live to see its answer.
    var endsSync = false
    var retryAfter: String?
    /// Whether a deletion is answered with the record as it was, and leaves no trace.
    var deletesForGood = false
    /// Whether a change that changes nothing keeps its stamp.
    var stampsChangesOnly = false
    /// Headers other than credentials, by request.
    var headers: [[String: String]] = []
    /// Looks at a request and may answer it, before anything else does.
    var answering: @Sendable (HTTPExchangeRequest) -> HTTPExchangeResponse? = { _ in nil }
    /// Looks at what is about to be answered.
    var altering: @Sendable (HTTPExchangeRequest, inout HTTPExchangeResponse) -> Void = { _, _ in }
    /// Whether lists and records have ETags made from their content, and conditions are kept.
    var hasETags = false
  }

  let state = Mutex(State())
  let settings: RESTSettings
  private let root = "https://plain.test/api"

  init(_ settings: RESTSettings = RESTSettings(versionField: "changed")) {
    self.settings = settings
  }

  /// The requests so far, as `METHOD path`.
  var log: [String] { state.withLock { $0.log } }
  var bodies: [Value] { state.withLock { $0.bodies } }

  /// A change by somebody else.
  func write(_ collection: String, _ id: String, _ fields: Fields?) {
    state.withLock { state in
      state.clock += 10
      let old = state.records[collection]?[id]?.fields ?? Fields()
      state.records[collection, default: [:]][id] = Record(
        fields: fields ?? old, stamp: state.clock, isDeleted: fields == nil)
    }
  }

  func fields(_ collection: String, _ id: String) -> Fields? {
    state.withLock { state in
      state.records[collection]?[id].flatMap { $0.isDeleted ? nil : $0.fields }
    }
  }

  func ids(_ collection: String) -> [String] {
    state.withLock { state in
      (state.records[collection] ?? [:]).filter { !$0.value.isDeleted }.keys.sorted()
    }
  }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let path = String(request.url.dropFirst(root.count))
    let line = "\(request.method) \(path)"
    return try state.withLock { state in
      state.log.append(line)
      state.headers.append(
        Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
      if let answer = state.answering(request) { return answer }
      state.credentials.append(request.headers.first { $0.name == "Authorization" }?.value)
      if let answer = state.refusing(request.method, path) {
        var headers = [(name: "Date", value: "Tue, 14 Nov 2023 22:14:00 GMT")]
        if let after = state.retryAfter { headers.append((name: "Retry-After", value: after)) }
        return HTTPExchangeResponse(
          status: answer.status, headers: headers, body: Array(answer.body.utf8))
      }
      if state.hasETags, !holds(request, path, state) {
        return Self.answer(412, ["error": "moved on"])
      }
      var answer = try carryOut(request, path, &state)
      if state.hasETags, answer.status == 200, !answer.body.isEmpty {
        let etag = Self.etag(answer.body)
        answer.headers.append((name: "ETag", value: etag))
        if request.headers.contains(where: { $0.name == "If-None-Match" && $0.value == etag }) {
          (answer.status, answer.body) = (304, [])
        }
      }
      state.altering(request, &answer)
      if state.endsSync {
        state.endsSync = false
        throw CancellationError()
      }
      if let left = state.losingAnswers[line], left > 0 {
        state.losingAnswers[line] = left - 1
        throw TransportError.unreachable("the answer was lost")
      }
      return answer
    }
  }

  static func etag(_ body: [UInt8]) -> String {
    "\"\(body.reduce(into: UInt64(5_381)) { $0 = $0 &* 33 &+ UInt64($1) })\""
  }

  /// Whether a request's condition holds.
  private func holds(_ request: HTTPExchangeRequest, _ path: String, _ state: State) -> Bool {
    let names = path.split(separator: "/").map(String.init)
    guard names.count == 2, request.method != "GET" else { return true }
    let held = state.records[names[0]]?[names[1]].flatMap { $0.isDeleted ? nil : $0 }
    for header in request.headers {
      switch (header.name, held) {
      case ("If-Match", nil): return false
      case ("If-Match", let held?):
        let shown = Array(JSONText.string(shown(names[1], held)).utf8)
        if ![Self.etag(shown), "\"\(held.stamp)\""].contains(header.value) { return false }
      case ("If-None-Match", .some): return false
      default: continue
      }
    }
    return true
  }

  private func carryOut(
    _ request: HTTPExchangeRequest, _ path: String, _ state: inout State
  ) throws -> HTTPExchangeResponse {
    let parts = path.split(separator: "?", maxSplits: 1)
    let names = parts[0].split(separator: "/").map(String.init)
    let (collection, id) = (names[0], names.count > 1 ? names[1] : nil)
    var given = Fields()
    if let body = request.body, case .object(var fields) = try JSONText.parse(Array(body).text) {
      state.bodies.append(.object(fields))
      fields[settings.idField] = nil
      given = fields
    }
    func store(_ id: String, _ fields: Fields, deleted: Bool = false) -> HTTPExchangeResponse {
      if state.stampsChangesOnly, let old = state.records[collection]?[id], old.fields == fields {
        return Self.answer(200, shown(id, old))
      }
      state.clock += 10
      let record = Record(fields: fields, stamp: state.clock, isDeleted: deleted)
      state.records[collection, default: [:]][id] = record
      return Self.answer(200, shown(id, record))
    }
    let old = id.flatMap { state.records[collection]?[$0] }.flatMap { $0.isDeleted ? nil : $0 }
    switch (request.method, id) {
    case ("HEAD", nil): return HTTPExchangeResponse(status: 200, body: [])
    case ("GET", nil):
      let query = parts.count > 1 ? String(parts[1]) : ""
      var records = (state.records[collection] ?? [:]).sorted { $0.key < $1.key }
      for item in query.split(separator: "&") {
        let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
        if pair[0] == settings.sinceParameter, let since = UInt64(pair[1]) {
          records = records.filter { $0.value.stamp > since }
        } else if pair[0] == settings.clientIDField {
          records = records.filter { $0.value.fields[pair[0]] == .string(pair[1]) }
        }
      }
      if let since = request.headers.first(where: { $0.name == "If-Modified-Since" }) {
        let time = HTTPExchangeResponse(
          status: 200, headers: [(name: "Date", value: since.value)], body: []
        ).serverTime
        records = records.filter { $0.value.stamp > time ?? 0 }
        if records.isEmpty { return HTTPExchangeResponse(status: 304, body: []) }
      } else if query.isEmpty {
        records = records.filter { !$0.value.isDeleted }
      }
      return Self.answer(200, .array(records.map { shown($0.key, $0.value) }))
    case ("GET", let id?):
      guard let old else { return Self.answer(404, .null) }
      return Self.answer(200, shown(id, old))
    case ("POST", nil):
      state.nextID += 1
      return store(String(state.nextID - 1), given)
    case ("PUT", let id?): return store(id, given)
    case ("PATCH", let id?):
      guard var fields = old?.fields else { return Self.answer(404, .null) }
      for (name, value) in given {
        if value == .null { fields[name] = .none } else { fields[name] = value }
      }
      return store(id, fields)
    case ("DELETE", let id?):
      guard let old else { return Self.answer(404, .null) }
      if state.deletesForGood {
        state.records[collection]?[id] = nil
        return Self.answer(200, shown(id, old))
      }
      _ = store(id, old.fields, deleted: true)
      return Self.answer(204, .null)
    default: return Self.answer(405, .null)
    }
  }

  private func shown(_ id: String, _ record: Record) -> Value {
    var fields = record.isDeleted ? Fields() : record.fields
    fields[settings.idField] = .string(id)
    fields[settings.versionField] = Value(record.stamp)
    if record.isDeleted { fields[settings.deletedField] = true }
    return .object(fields)
  }

  private static func answer(_ status: Int, _ value: Value) -> HTTPExchangeResponse {
    HTTPExchangeResponse(
      status: status, headers: [(name: "Date", value: "Tue, 14 Nov 2023 22:14:00 GMT")],
      body: status == 204 || value == .null ? [] : Array(JSONText.string(value).utf8))
  }
}

extension [UInt8] {
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
