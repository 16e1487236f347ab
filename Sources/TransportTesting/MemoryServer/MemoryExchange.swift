import Journal
import Synchronization
public import Transport

extension MemoryServer {
  /// The same records over HTTP, as `RESTServer` asks for them: what stands in the place of an HTTP
  /// client.
  ///
  /// ```swift
  /// var settings = RESTSettings(versionField: "changed")
  /// settings.creates = .put
  /// let remote = try RESTServer(
  ///   url: "https://memory.test/api", collections: ["notes"], settings: settings,
  ///   exchange: server.exchange(url: "https://memory.test/api", settings: settings))
  /// ```
  ///
  /// - Parameters:
  ///   - url: What the collections' names follow; a request to any other address is answered with 404.
  ///   - settings: What the server calls things.
  ///   - credentials: The Authorization header it asks for; nil asks for none.
  ///   - pageSize: Most records of a list; the rest is behind a `Link` header with `rel="next"`.
  public func exchange(
    url: String, settings: RESTSettings, credentials: String? = nil, pageSize: Int = .max
  ) -> MemoryExchange {
    MemoryExchange(
      server: self, url: url.hasSuffix("/") ? String(url.dropLast()) : url, settings: settings,
      credentials: credentials, pageSize: max(1, pageSize))
  }
}

/// The HTTP form of a ``MemoryServer``.
///
/// `GET` of a collection lists it: live records without a query, with the parameter that asks for what
/// changed also what is left of deleted ones. Records have an `ETag`; `If-Match` and `If-None-Match` are
/// kept to, for lists too. Updates are merge patches (RFC 7396). Of the feed's behaviours the stamps',
/// ``FeedBehaviour/pagedByOffset``, ``FeedBehaviour/purgesSilently`` and
/// ``FeedBehaviour/repeatsEverything`` count; a client of plain records is told nothing of the others.
/// Safe to use from any thread.
public struct MemoryExchange: HTTPExchange {
  let server: MemoryServer
  let url: String
  let settings: RESTSettings
  let credentials: String?
  let pageSize: Int

  public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let path = request.url.hasPrefix(url + "/") ? String(request.url.dropFirst(url.count)) : nil
    let line = "\(request.method) \(path ?? request.url)"
    let fault = server.state.withLock { state in
      state.requests.append(line)
      return state.faults.isEmpty ? nil : state.faults.removeFirst()
    }
    switch fault {
    case .requestLost: throw TransportError.unreachable("the request was lost")
    case .unauthorized: return dated(HTTPExchangeResponse(status: 401, body: []))
    case .unavailable: return dated(HTTPExchangeResponse(status: 503, body: []))
    case .answerLost, nil: break
    }
    guard credentials == nil || request.header("authorization") == credentials else {
      return dated(HTTPExchangeResponse(status: 401, body: []))
    }
    let (answer, meanwhile) = server.state.withLock { state in
      (carryOut(request, path, &state), state.meanwhile)
    }
    await meanwhile?(line)
    if fault == .answerLost { throw TransportError.unreachable("the answer was lost") }
    return dated(answer)
  }

  private func dated(_ answer: HTTPExchangeResponse) -> HTTPExchangeResponse {
    var answer = answer
    answer.headers.append((name: "Date", value: HTTPDate.text(server.clock.milliseconds)))
    return answer
  }

  private func carryOut(
    _ request: HTTPExchangeRequest, _ path: String?, _ state: inout MemoryServer.State
  ) -> HTTPExchangeResponse {
    guard let path, let target = MemoryTarget(path) else { return Self.status(404) }
    guard let key = target.key else {
      switch request.method {
      case "HEAD": return Self.status(200)
      case "GET": return list(request, target, state)
      case "POST": return create(request, target, &state)
      default: return Self.status(405)
      }
    }
    let name = RecordName(target.collection, key)
    let row = state.memory.rows[name]
    if let match = request.header("if-match"),
      match != "*" ? match != Self.tag(row) : row?.fields == nil
    {
      return Self.status(412)
    }
    if request.header("if-none-match") == "*", row?.fields != nil { return Self.status(412) }
    let sent = fields(request)
    switch (request.method, row?.fields) {
    case ("GET", nil), ("PATCH", nil), ("DELETE", nil): return Self.status(404)
    case ("GET", _): return shown(name, row, 200, state)
    case ("DELETE", _): return store(name, nil, 204, &state)
    case ("PUT", _): return sent.map { store(name, $0, 200, &state) } ?? Self.status(400)
    case ("PATCH", let old?):
      guard let sent else { return Self.status(400) }
      let unset = sent.filter { $0.value == .null }.map(\.name)
      return store(name, old.merging(sent, without: unset), 200, &state)
    default: return Self.status(405)
    }
  }

  // MARK: Records

  private func create(
    _ request: HTTPExchangeRequest, _ target: MemoryTarget, _ state: inout MemoryServer.State
  ) -> HTTPExchangeResponse {
    guard case .object(let whole)? = value(request), let sent = fields(request) else {
      return Self.status(400)
    }
    if settings.creates == .postWithID, case .string(let key)? = whole[settings.idField] {
      return store(RecordName(target.collection, key), sent, 201, &state)
    }
    state.assigned += 1
    return store(
      RecordName(target.collection, String(state.assigned - 1)), sent, 201, &state)
  }

  private func store(
    _ name: RecordName, _ fields: Fields?, _ status: Int, _ state: inout MemoryServer.State
  ) -> HTTPExchangeResponse {
    let (collection, key) = name.texts
    if let reason = state.refusal?(collection, key, fields) {
      return HTTPExchangeResponse(status: 422, body: Array(reason.message.utf8))
    }
    state.memory.write(name, fields, at: server.clock.milliseconds, state.behaviour)
    guard fields != nil else { return Self.status(status) }
    return shown(name, state.memory.rows[name], status, state)
  }

  private func shown(
    _ name: RecordName, _ row: MemoryRow?, _ status: Int, _ state: MemoryServer.State
  ) -> HTTPExchangeResponse {
    guard let row else { return Self.status(404) }
    let value = value(name, row.fields, row.version, state.behaviour)
    return HTTPExchangeResponse(
      status: status, headers: [(name: "ETag", value: Self.tag(row))], body: body(value))
  }

  private static func tag(_ row: MemoryRow?) -> String {
    row.map { $0.fields == nil ? "" : "\"\($0.version.timestamp)\"" } ?? ""
  }

  // MARK: Lists

  private func list(
    _ request: HTTPExchangeRequest, _ target: MemoryTarget, _ state: MemoryServer.State
  ) -> HTTPExchangeResponse {
    let tag = "\"list-\(state.memory.epoch)-\(state.memory.commits)\""
    if request.header("if-none-match") == tag { return Self.status(304) }
    let collection = Array(target.collection.utf8)
    var records = state.memory.shown(to: nil, state.behaviour)
      .filter { $0.name.collection == collection }
    if let text = target.query[settings.sinceParameter] {
      guard let since = UInt64(text) ?? Timestamp(text)?.milliseconds else {
        return Self.status(400)
      }
      if !state.behaviour.contains(.repeatsEverything) {
        records = records.filter { $0.version.timestamp > since }
      }
    } else if let name = settings.clientIDField, let wanted = target.query[name] {
      records = records.filter { $0.fields?[name] == .string(wanted) }
    } else {
      records = records.filter { $0.fields != nil }
    }
    let offset = target.query["offset"].flatMap { Int($0) } ?? 0
    let rest = records.dropFirst(max(0, offset))
    let page = rest.prefix(pageSize)
    let values = page.map { value($0.name, $0.fields, $0.version, state.behaviour) }
    var headers = [(name: "ETag", value: tag)]
    if rest.count > page.count {
      let next = target.link(url, offset: offset + page.count)
      headers.append((name: "Link", value: "<\(next)>; rel=\"next\""))
    }
    return HTTPExchangeResponse(status: 200, headers: headers, body: body(.array(values)))
  }

  // MARK: Bodies

  private func value(_ request: HTTPExchangeRequest) -> Value? {
    guard let body = request.body, let text = String(validating: body, as: UTF8.self),
      let value = try? JSONText.parse(text)
    else { return nil }
    guard let envelope = settings.envelope else { return value }
    guard case .object(let members) = value else { return nil }
    return members[envelope]
  }

  private func fields(_ request: HTTPExchangeRequest) -> Fields? {
    guard case .object(var fields)? = value(request) else { return nil }
    for name in [settings.idField, settings.versionField, settings.deletedField] {
      fields[name] = .none
    }
    return fields
  }

  private func value(
    _ name: RecordName, _ fields: Fields?, _ version: ServerVersion, _ behaviour: FeedBehaviour
  ) -> Value {
    var shown = fields ?? Fields()
    shown[settings.idField] = .string(name.texts.key)
    shown[settings.versionField] = Self.stamp(version.timestamp, behaviour)
    if fields == nil { shown[settings.deletedField] = true }
    return .object(shown)
  }

  private static func stamp(_ time: UInt64, _ behaviour: FeedBehaviour) -> Value {
    if behaviour.contains(.floatStamps) { return .double(Double(time) + 0.5) }
    guard behaviour.contains(.leapSecondText) else { return Value(time) }
    let text = Timestamp(milliseconds: time).description
    let isLast = text.hasPrefix("T23:59:59.", at: 10)
    return .string(isLast ? text.prefix(17) + "60" + text.dropFirst(19) : text)
  }

  private func body(_ value: Value) -> [UInt8] {
    let whole = settings.envelope.map { .object([$0: value]) } ?? value
    return Array(JSONText.string(whole).utf8)
  }

  private static func status(_ status: Int) -> HTTPExchangeResponse {
    HTTPExchangeResponse(status: status, body: [])
  }
}

extension String {
  fileprivate func hasPrefix(_ prefix: String, at offset: Int) -> Bool {
    utf8.dropFirst(offset).starts(with: prefix.utf8)
  }
}

extension HTTPExchangeRequest {
  /// The value of the first header of that name, whatever its case.
  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name }?.value
  }
}
