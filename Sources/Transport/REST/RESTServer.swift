public import Journal

/// A server of plain records: `GET`, `POST`, `PUT`, `PATCH` and `DELETE` on a URL per collection, and a
/// list that can be asked for what changed since a version.
///
/// What it answers counts as its feed: an accepted edit is settled by the state in its answer. Edits
/// are sent one after the other in their order, those of one record that stand side by side as one; of a group what follows a refused edit is refused as well, what
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
  private let exchange: AuthorizedExchange

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
    guard !collections.contains("."), !collections.contains("..") else {
      throw .invalidConfiguration("a collection called \".\" or \"..\" leads elsewhere in a URL")
    }
    self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    self.collections = collections
    self.settings = settings
    self.rules = rules.treating(settings.laterStatuses, as: .later)
    self.exchange = AuthorizedExchange(exchange: exchange, authorization: authorization)
  }

  public var isWitness: Bool { false }
  public var requestedPause: RequestedPause? { exchange.pause }

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
    try await run.deliver(changes, known: push.knownVersions)
    return run.answer
  }

  public func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    var cursor = try RESTCursor(cursor)
    var page = FeedPage(
      epoch: Self.epoch, cursor: "", through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: false, changes: [])
    let reading = cursor.progress?.collection.utf8
    let first = collections.firstIndex { reading?.elementsEqual($0.utf8) == true }
    if first == nil { cursor.progress = nil }
    // A first answer that lacks a collection would pass for one that says it is empty.
    let isBegun = !cursor.isEmpty
    for (index, collection) in collections.enumerated().dropFirst(first ?? 0) {
      let before = (cursor, page)
      do {
        try await read(collection, &cursor, into: &page)
      } catch let error as TransportError where isBegun && !error.isAboutPlace {
        // One collection that cannot be read keeps nobody from the others; a server that cannot be reached does.
        guard error.isOfOneList || index > first ?? 0 else { throw error }
        (cursor, page) = before
        cursor.progress = nil
        page.failure = page.failure ?? error
        if !error.isOfOneList { break }
      }
      page.hasMore = cursor.progress != nil
      if page.hasMore { break }
    }
    page.cursor = cursor.text
    return page
  }

  private func read(
    _ collection: String, _ cursor: inout RESTCursor, into page: inout FeedPage
  ) async throws {
    let feed = RESTFeed(server: self, collection: collection)
    var isList = true
    repeat {
      let answer = try await feed.read(&cursor)
      page.changes += answer.changes
      isList = answer.isList
      guard !settings.completeLists || page.changes.count <= Self.maximumComplete else {
        throw TransportError.protocolViolation(
          "\(address(collection)) shows over \(Self.maximumComplete) records; lists that are complete "
            + "cannot be longer")
      }
      // A set that is taken as a whole has to be known as a whole.
    } while settings.completeLists && cursor.progress != nil
    if settings.completeLists, isList { page.complete.append(collection) }
  }

  public func show(_ witness: Witness) async throws -> WitnessAnswer {
    .acknowledged(size: 0)
  }

  /// A set that is compared as a whole is held as a whole.
  private static let maximumComplete = 100_000

  /// The server names no history; which one it is can only be seen in what it shows.
  static let epoch = "rest"
}

/// Requests.
extension RESTServer {
  /// Scheme, host and port.
  var origin: String { Origin(url)?.origin ?? url }

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
    try await sendKeepingSecrets(method, url, fields, headers: extra).answer
  }

  /// The same, with what is to be taken out of what is kept of a success.
  func sendKeepingSecrets(
    _ method: String, _ url: String, _ fields: Fields? = nil,
    headers extra: [(name: String, value: String)] = []
  ) async throws -> (answer: HTTPExchangeResponse, secrets: Secrets) {
    var headers = [(name: "Accept", value: "application/json")] + extra
    let body = fields.map { RESTCodec.encode($0, settings) }
    if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
    let (answer, secrets) = try await exchange.sendKeepingSecrets(
      HTTPExchangeRequest(method: method, url: url, headers: headers, body: body)
    ) { rules.meaning(of: $0.status) == .unauthorized }
    try answer.checkNotForPeople(at: url)
    guard (300...399).contains(answer.status), answer.status != 304,
      rules.meaning(of: answer.status) == .refused
    else { return (answer, secrets) }
    throw TransportError.protocolViolation(
      "\(url) answered with status \(answer.status), a redirect; redirects are refused: if the server "
        + "moved, add the remote with its new address")
  }

  func unauthorized(_ answer: HTTPExchangeResponse) -> TransportError {
    .unauthorized(
      "\(url) answered with status \(answer.status). The remote needs --auth-env naming a variable "
        + "that holds the Authorization header's value")
  }

  /// What an answer in place of the one that was asked for says, for people.
  func said(_ answer: HTTPExchangeResponse) -> String {
    "\(url) answered with status \(answer.status)"
  }

  func later(_ answer: HTTPExchangeResponse) -> TransportError {
    .unavailable(
      "\(said(answer)). Sync again later",
      retryAfterMilliseconds: answer.retryAfterMilliseconds)
  }

  /// One record of an answer.
  func record(
    _ answer: HTTPExchangeResponse, at address: String
  ) throws(TransportError) -> RESTRecord {
    let value = try RESTCodec.decode(answer.body, from: address)
    return try RESTRecord(
      RESTCodec.unwrap(value, settings.envelope, at: address), settings, at: address)
  }
}
