import Journal
import Synchronization
import Transport

/// A Kinto server in memory, behind the seam where an HTTP client is, with what was seen of real ones.
final class KintoDouble: HTTPExchange {
  struct Record {
    var fields: Fields
    var stamp: UInt64
    var isDeleted = false
  }

  struct State {
    /// What lists show: a write may be kept back, as by a transaction that has yet to commit.
    var records: [String: [String: Record]] = [:]
    var made: [String: UInt64] = [:]
    var clock: UInt64 = 1_700_000_000_000
    /// How far the server's clock is ahead of its newest timestamp.
    var sinceThen: UInt64 = 0
    var batchLimit = 25
    var pageLimit = Int.max
    var log: [String] = []
    /// The statuses of answers to requests that read.
    var answered: [Int] = []
    /// The requests of each batch, as `METHOD id`, with the precondition.
    var batches: [[String]] = []
    var credentials: [String?] = []
    /// Asked before a request of a batch is carried out; a status is the answer.
    var refusing: @Sendable (String, String, Fields) -> Int? = { _, _, _ in nil }
    /// Batches to take back though they are answered as if they had been carried out, each with a
    /// conflict at this place, or as far round as that.
    var conflicts: [Int] = []
    /// Batches whose answer does not arrive.
    var lostAnswers = 0
    /// The next statuses of whole batches.
    var statuses: [Int] = []
    var nextPageHost = "https://kinto.test"
    var token: String?
    /// What happens to requests whose path holds a text.
    var failing: [String: TransportError] = [:]
    /// Next pages it will not know any more.
    var forgottenTokens = 0
    /// Whether it takes no question for some records by their ids.
    var refusesIDs = false
    /// What is answered to whoever reads a list, and to a batch.
    var nonsense: String?
  }

  let state = Mutex(State())
  let root = "https://kinto.test/v1"

  init(_ collections: [String] = ["c"]) {
    state.withLock { state in
      for name in collections { state.made[name] = state.clock }
    }
  }

  var log: [String] { state.withLock { $0.log } }
  var batches: [[String]] { state.withLock { $0.batches } }

  /// A write by somebody else; nil deletes.
  @discardableResult
  func write(_ collection: String, _ id: String, _ fields: Fields?, at stamp: UInt64? = nil)
    -> UInt64
  {
    state.withLock { state in
      let stamp = stamp ?? Self.tick(&state)
      state.records[collection, default: [:]][id] = Record(
        fields: fields ?? Fields(), stamp: stamp, isDeleted: fields == nil)
      return stamp
    }
  }

  private static func tick(_ state: inout State) -> UInt64 {
    let newest = state.records.values.flatMap(\.values).map(\.stamp).max() ?? 0
    state.clock = max(state.clock, newest) + 10
    return state.clock
  }

  func fields(_ id: String, in collection: String = "c") -> Fields? {
    state.withLock { state in
      state.records[collection]?[id].flatMap { $0.isDeleted ? nil : $0.fields }
    }
  }

  /// Puts a backup back: the records as they were, also deleted ones.
  func restore(_ backup: [String: [String: Record]]) {
    state.withLock { $0.records = backup }
  }

  /// What a backup made now holds.
  var backup: [String: [String: Record]] { state.withLock { $0.records } }

  var ids: [String] {
    state.withLock { state in
      (state.records["c"] ?? [:]).filter { !$0.value.isDeleted }.keys.sorted()
    }
  }

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let path = String(request.url.dropFirst(root.count))
    return try state.withLock { state in
      state.log.append("\(request.method) \(path)")
      let credentials = request.headers.first { $0.name == "Authorization" }?.value
      state.credentials.append(credentials)
      for (text, error) in state.failing where path.contains(text) { throw error }
      if path.contains("_token"), state.forgottenTokens > 0 {
        state.forgottenTokens -= 1
        return Self.answer(400, .object(["errno": 107]), state: state)
      }
      if path == "/batch", !state.statuses.isEmpty {
        return Self.answer(state.statuses.removeFirst(), .null, state: state)
      }
      if path == "/batch" {
        let answer = try batch(request.body ?? [], credentials, &state)
        if state.lostAnswers > 0 {
          state.lostAnswers -= 1
          throw TransportError.unreachable("the answer was lost")
        }
        return answer
      }
      guard state.token == nil || credentials == state.token else {
        return Self.answer(401, .null, state: state)
      }
      let answer = get(path, request, state)
      state.answered.append(answer.status)
      return answer
    }
  }

  // MARK: Reading

  private func get(
    _ path: String, _ request: HTTPExchangeRequest, _ state: State
  ) -> HTTPExchangeResponse {
    if path == "/" {
      let settings: Fields = ["batch_max_requests": .integer(Int64(state.batchLimit))]
      return Self.answer(
        200, .object(["http_api_version": "1.23", "settings": .object(settings)]), state: state)
    }
    let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
    let names = parts[0].split(separator: "/").map(String.init)
    guard names.count >= 4, names[1] == "b", let made = state.made[names[3]] else {
      return Self.answer(404, .object(["errno": 111]), state: state)
    }
    if names.count == 4 {
      return Self.answer(200, .object(["data": .object([:])]), etag: made, state: state)
    }
    var query: [String: String] = [:]
    for item in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let pair = item.split(separator: "=", maxSplits: 1).map(String.init)
      query[pair[0]] = pair[1]
    }
    if let nonsense = state.nonsense { return Self.said(nonsense, state) }
    let all = state.records[names[3]] ?? [:]
    let newest = max(made, all.values.map(\.stamp).max() ?? 0)
    if request.headers.contains(where: { $0.name == "If-None-Match" && $0.value == "\"\(newest)\"" }
    ) {
      return Self.answer(304, .null, etag: newest, state: state)
    }
    var shown = all.filter { !$0.value.isDeleted }
    if let since = query["_since"].flatMap({ UInt64($0) }) {
      guard since < Self.now(state) + 86_400_000 else {
        return Self.answer(400, .object(["errno": 107]), state: state)
      }
      shown = all.filter { $0.value.stamp > since }
    }
    if let ids = query["in_id"] {
      guard !state.refusesIDs else {
        return Self.answer(400, .object(["errno": 107]), state: state)
      }
      let wanted = ids.split(separator: ",").map { String($0.replacing("%22", with: "")) }
      shown = shown.filter { wanted.contains($0.key) }
    }
    if let token = query["_token"].flatMap({ UInt64($0) }) {
      shown = shown.filter { $0.value.stamp > token }
    }
    let sorted = shown.sorted { $0.value.stamp < $1.value.stamp }
    let limit = min(query["_limit"].flatMap { Int($0) } ?? .max, state.pageLimit)
    let page = sorted.prefix(limit)
    var answer = Self.answer(
      200, .object(["data": .array(page.map { Self.shown($0.key, $0.value) })]), etag: newest,
      state: state)
    if page.count < sorted.count, let last = page.last {
      let kept = query.filter { $0.key != "_token" }.map { "\($0.key)=\($0.value)" }.sorted()
      let query = (kept + ["_token=\(last.value.stamp)"]).joined(separator: "&")
      answer.headers.append(
        (name: "Next-Page", value: "\(state.nextPageHost)/v1\(parts[0])?\(query)"))
    }
    return answer
  }

  private static func shown(_ id: String, _ record: Record) -> Value {
    var fields = record.isDeleted ? ["deleted": true] : record.fields
    fields["id"] = .string(id)
    fields["last_modified"] = Value(record.stamp)
    return .object(fields)
  }

  private static func said(_ text: String, _ state: State) -> HTTPExchangeResponse {
    var answer = answer(200, .null, etag: state.clock, state: state)
    answer.body = Array(text.utf8)
    return answer
  }

  private static func now(_ state: State) -> UInt64 { state.clock + state.sinceThen }

  private static func answer(
    _ status: Int, _ value: Value, etag: UInt64? = nil, state: State
  ) -> HTTPExchangeResponse {
    var headers = [(name: "Date", value: httpDate(now(state)))]
    if let etag { headers.append((name: "ETag", value: "\"\(etag)\"")) }
    let body = value == .null ? [] : Array(JSONText.string(value).utf8)
    return HTTPExchangeResponse(status: status, headers: headers, body: body)
  }

  /// An HTTP date of some second in November 2023 or shortly after, which is when the clock begins.
  private static func httpDate(_ milliseconds: UInt64) -> String {
    let text = Timestamp(milliseconds: milliseconds).description
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let date = text.prefix(10).split(separator: "-").map(String.init)
    let time = text.dropFirst(11).prefix(8)
    return "Sun, \(date[2]) \(months[(Int(date[1]) ?? 1) - 1]) \(date[0]) \(time) GMT"
  }

  // MARK: Writing

  private func batch(
    _ body: [UInt8], _ credentials: String?, _ state: inout State
  ) throws -> HTTPExchangeResponse {
    guard case .object(let batch) = try JSONText.parse(String(decoding: body, as: UTF8.self)),
      case .array(let requests) = batch["requests"] ?? .null, requests.count <= state.batchLimit
    else { return Self.answer(400, .object(["errno": 107]), state: state) }
    if let nonsense = state.nonsense { return Self.said(nonsense, state) }
    state.batches.append([])
    let before = state.records
    let conflict = state.conflicts.isEmpty ? nil : state.conflicts.removeFirst() % requests.count
    var answers: [Value] = []
    for (place, request) in requests.enumerated() {
      guard case .object(let request) = request else { continue }
      let isShown = state.token == nil || credentials == state.token
      var (status, body) = isShown ? carryOut(request, &state) : (401, Fields())
      if place == conflict { (status, body) = (409, ["errno": 122]) }
      answers.append(.object(["status": .integer(Int64(status)), "body": .object(body)]))
    }
    if conflict != nil { state.records = before }
    return Self.answer(200, .object(["responses": .array(answers)]), state: state)
  }

  private func carryOut(_ request: Fields, _ state: inout State) -> (Int, Fields) {
    guard case .string(let method) = request["method"] ?? .null,
      case .string(let path) = request["path"] ?? .null
    else { return (400, [:]) }
    let names = path.split(separator: "/").map(String.init)
    let (collection, id) = (names[3], names[5])
    var given = Fields()
    if case .object(let body) = request["body"] ?? .null,
      case .object(let data) = body["data"] ?? .null
    {
      given = data
    }
    var headers = Fields()
    if case .object(let all) = request["headers"] ?? .null { headers = all }
    let condition = headers.map { "\($0.name): \(JSONText.string($0.value))" }.joined()
    state.batches[state.batches.count - 1].append("\(method) \(id) \(condition)")
    guard state.made[collection] != nil else { return (404, ["errno": 111]) }
    if let status = state.refusing(method, id, given) {
      return (status, ["message": "not like that"])
    }
    let held = state.records[collection]?[id]
    let live = held.flatMap { $0.isDeleted ? nil : $0 }
    if live == nil, method != "PUT" { return (404, ["errno": 110]) }
    if let live, isUnmet(headers, live) {
      return (412, ["details": .object(["existing": Self.shown(id, live)])])
    }
    if live == nil, headers["If-Match"] != nil { return (412, ["errno": 114]) }
    switch method {
    case "GET": return (200, ["data": live.map { Self.shown(id, $0) } ?? .null])
    case "PUT", "PATCH":
      var fields = method == "PUT" ? Fields() : live?.fields ?? Fields()
      for (name, value) in given { fields[name] = value }
      let record = Record(fields: fields, stamp: Self.tick(&state))
      state.records[collection, default: [:]][id] = record
      return (live == nil ? 201 : 200, ["data": Self.shown(id, record)])
    default:
      let record = Record(fields: [:], stamp: Self.tick(&state), isDeleted: true)
      state.records[collection, default: [:]][id] = record
      return (200, ["data": Self.shown(id, record)])
    }
  }

  private func isUnmet(_ headers: Fields, _ live: Record) -> Bool {
    if headers["If-None-Match"] != nil { return true }
    guard let match = headers["If-Match"] else { return false }
    return match != .string("\"\(live.stamp)\"")
  }
}
