public import Journal

/// A server of plain records: `GET`, `POST`, `PUT`, `PATCH` and `DELETE` on a URL per collection, and a
/// list that can be asked for what changed since a version.
///
/// What it answers counts as its feed: an accepted edit is settled by the state in its answer. Edits
/// are sent one by one in their order; of a group what follows a refused edit is refused as well, what
/// came before it stands, for such servers know no groups. Updates travel as JSON merge patches
/// (RFC 7396): a field that was taken away goes as null.
///
/// What is asked of the server is made from the sealed segment alone, and is the same on every attempt.
/// A create by `POST` whose answer was lost is looked for, where the server can be asked
/// (``RESTSettings/clientIDField``), and is set aside otherwise: it is never sent twice on a guess.
///
/// Safe to use from any thread; keeps nothing between calls.
public struct RESTServer: Remote {
  let url: String
  let collections: [String]
  let settings: RESTSettings
  let rules: AnswerRules
  private let exchange: any HTTPExchange
  private let authorization: @Sendable () async throws -> String?

  /// - Parameters:
  ///   - url: What the collections' names are appended to; `https`, or `http` on loopback.
  ///   - collections: Those to follow, as the remote's declaration names them.
  ///   - settings: What the server calls things.
  ///   - exchange: The HTTP client.
  ///   - rules: Which answers mean what.
  ///   - authorization: The value of the Authorization header, asked for at every request, once more
  ///     when it is not accepted, and stored nowhere.
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for a bad URL, and where no collection is
  ///   named.
  public init(
    url: String, collections: [String], settings: RESTSettings, exchange: any HTTPExchange,
    rules: AnswerRules = .standard,
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) throws(TransportError) {
    try RemoteURL.check(url)
    guard !collections.isEmpty else {
      throw .invalidConfiguration(
        "a remote of kind rest has to name its collections: add it with --collection for each")
    }
    self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    self.collections = collections
    self.settings = settings
    self.rules = rules
    self.exchange = exchange
    self.authorization = authorization
  }

  public var isWitness: Bool { false }

  /// Where the server gives ids, one: what refers to a record is sent when its id is known, and no two
  /// creates are in doubt at once.
  public var changesPerPush: Int { settings.creates == .post ? 1 : 100 }

  /// Asks for the first collection's headers: that the server is there, and takes the credentials.
  public func info(device: DeviceID) async throws -> RemoteInfo {
    let answer = try await send("HEAD", address(collections[0]))
    // There are servers that do not know the method.
    if answer.status == 501 { return RemoteInfo(epoch: Self.epoch, acknowledgedSize: 0) }
    switch rules.meaning(of: answer.status) {
    case .unauthorized: throw unauthorized(answer)
    case .later, .unknown: throw later(answer)
    case .done, .gone, .refused: break
    }
    return RemoteInfo(epoch: Self.epoch, acknowledgedSize: 0)
  }

  public func push(_ push: Push) async throws -> PushAnswer {
    let changes = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }
    var run = RESTPush(server: self, isRepeated: push.isRepeated)
    for change in changes { try await run.deliver(change) }
    if let failure = run.failure { return .interrupted(verdicts: run.verdicts, by: failure) }
    return .judged(verdicts: run.verdicts, size: 0)
  }

  public func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    var cursor = try RESTCursor(cursor)
    var changes: [FeedChange] = []
    for collection in collections {
      changes += try await RESTFeed(server: self, collection: collection).read(&cursor)
    }
    return FeedPage(
      epoch: Self.epoch, cursor: cursor.text, through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: false, changes: changes)
  }

  public func show(_ witness: Witness) async throws -> WitnessAnswer {
    .acknowledged(size: 0)
  }

  /// The server names no history; which one it is can only be seen in what it shows.
  static let epoch = "rest"
}

/// Requests.
extension RESTServer {
  func address(_ collection: String, _ key: String? = nil) -> String {
    "\(url)/\(RemoteURL.escape(collection))" + (key.map { "/" + RemoteURL.escape($0) } ?? "")
  }

  /// Sends a request; one whose credentials are not accepted once more with new ones.
  ///
  /// - Throws: ``TransportError`` where there is no answer; any status is one.
  func send(
    _ method: String, _ url: String, _ fields: Fields? = nil,
    headers extra: [(name: String, value: String)] = []
  ) async throws -> HTTPExchangeResponse {
    var headers = [(name: "Accept", value: "application/json")] + extra
    let body = fields.map { RESTCodec.encode($0, settings) }
    if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
    let credentials = try await authorization()
    let answer = try await send(method, url, headers, body, credentials)
    guard rules.meaning(of: answer.status) == .unauthorized,
      let fresh = try await authorization(), fresh != credentials
    else { return answer }
    return try await send(method, url, headers, body, fresh)
  }

  private func send(
    _ method: String, _ url: String, _ headers: [(name: String, value: String)], _ body: [UInt8]?,
    _ credentials: String?
  ) async throws -> HTTPExchangeResponse {
    var headers = headers
    if let credentials { headers.append((name: "Authorization", value: credentials)) }
    return try await exchange.send(
      HTTPExchangeRequest(method: method, url: url, headers: headers, body: body))
  }

  func unauthorized(_ answer: HTTPExchangeResponse) -> TransportError {
    .unauthorized(
      "\(url) answered with status \(answer.status). The remote needs --auth-env naming a variable "
        + "that holds the Authorization header's value")
  }

  func later(_ answer: HTTPExchangeResponse) -> TransportError {
    .unavailable("\(url) answered with status \(answer.status). Sync again later")
  }

  /// One record of an answer.
  func record(
    _ answer: HTTPExchangeResponse, at address: String
  ) throws(TransportError) -> RESTRecord {
    let value = try RESTCodec.decode(answer.body, from: address)
    return try RESTRecord(
      RESTCodec.unwrap(value, settings, at: address), settings, at: address)
  }
}
