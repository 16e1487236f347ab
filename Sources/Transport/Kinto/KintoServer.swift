public import Journal
import Synchronization

/// A Kinto server: collections of records in a bucket.
///
/// What it answers counts as its feed, as with ``RESTServer``. Edits of one record within a push travel as one
/// request; every request names the version it stands on, so that none is carried out twice and none
/// writes over what was not seen. Its answers are not believed further than they can be: a conflict
/// between the server's own transactions within a batch makes the whole batch unknown, and the feed is
/// read again some way behind the newest timestamp.
///
/// Safe to use from any thread; remembers how many requests the server takes at once and nothing else.
public struct KintoServer: Remote {
  let url: String
  let collections: [String]
  let settings: KintoSettings
  private let exchange: AuthorizedExchange
  private let limits = KintoLimits()

  /// - Parameters:
  ///   - url: The server's root with its version, such as `https://kinto.example.com/v1`; `https`, or `http`
  ///     on loopback.
  ///   - collections: Those to follow, as the remote's declaration names them. They have to be there.
  ///   - settings: The bucket, and how far the feed is read again.
  ///   - exchange: The HTTP client.
  ///   - authorization: The value of the Authorization header (`Basic …` for accounts, `Bearer …`), asked for at
  ///     every request, once more when it is not accepted, and stored nowhere.
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for a bad URL, a name Kinto does not take, and where no
  ///   collection is named.
  public init(
    url: String, collections: [String], settings: KintoSettings, exchange: any HTTPExchange,
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) throws(TransportError) {
    try RemoteURL.check(url)
    try settings.check()
    guard !collections.isEmpty else {
      throw .invalidConfiguration(
        "a remote of kind kinto has to name its collections: add it with --collection for each")
    }
    for name in collections where !KintoName.isValid(name) {
      throw .invalidConfiguration(
        "Kinto takes no collection called \"\(name)\": letters, digits, - and _")
    }
    self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    self.collections = collections
    self.settings = settings
    self.exchange = AuthorizedExchange(exchange: exchange, authorization: authorization)
  }

  public var isWitness: Bool { false }
  public var requestedPause: RequestedPause? { exchange.pause }

  /// A batch of the size servers take unless told otherwise: each is written down when it is answered, so that a
  /// process that never lives long gets on.
  public var changesPerPush: Int { 25 }

  /// Asks the server what it is.
  ///
  /// - Throws: ``TransportError/protocolViolation(_:)`` where it is no Kinto server.
  public func info(device: DeviceID) async throws -> RemoteInfo {
    let answer = try await send("GET", url + "/").answer
    switch answer.status {
    case 200: break
    case 401: throw unauthorized(answer)
    case 429, 500...: throw later(answer)
    default: throw noKinto
    }
    guard case .object(let hello) = try KintoCodec.decode(answer.body, from: url),
      case .string = hello["http_api_version"] ?? .null
    else { throw noKinto }
    if case .object(let settings) = hello["settings"] ?? .null,
      case .integer(let most) = settings["batch_max_requests"] ?? .null, most > 0
    {
      limits.note(batch: Int(min(most, 100)))
    }
    return RemoteInfo(epoch: Self.epoch, acknowledgedSize: 0)
  }

  private var noKinto: TransportError {
    .protocolViolation(
      "\(url) does not answer as a Kinto server does; its URL ends with the version, as in …/v1")
  }

  public func push(_ push: Push) async throws -> PushAnswer {
    let changes = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }
    var run = try KintoPush(server: self, changes: changes, batch: limits.batch)
    try await run.deliver()
    return run.answer
  }

  public func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    var cursor = try KintoCursor(cursor)
    var changes: [FeedChange] = []
    var failure: TransportError?
    // A first answer that lacks a collection would pass for one that says it is empty.
    let isBegun = !cursor.marks.isEmpty || cursor.walk != nil
    let start = cursor.walk.flatMap { collections.firstIndex(of: $0.collection) } ?? 0
    for index in start..<collections.count {
      let feed = KintoFeed(server: self, collection: collections[index])
      let before = (cursor, changes)
      do {
        guard try await feed.read(&cursor, limit: limit, into: &changes) else { break }
      } catch let error as TransportError where isBegun && !error.isAboutPlace {
        // One collection that cannot be read keeps nobody from the others; a server that cannot be reached does.
        guard error.isOfOneList || index > start else { throw error }
        (cursor, changes) = before
        failure = failure ?? error
        if !error.isOfOneList {
          cursor.walk = nil
          break
        }
      }
      let isLast = index == collections.count - 1
      cursor.walk = isLast ? nil : KintoCursor.Walk(collection: collections[index + 1])
      if changes.count >= limit { break }
    }
    var page = FeedPage(
      epoch: Self.epoch, cursor: cursor.text, through: ServerVersion(timestamp: 0, tieBreak: 0),
      hasMore: cursor.walk != nil, changes: changes)
    page.failure = failure
    return page
  }

  public func show(_ witness: Witness) async throws -> WitnessAnswer {
    .acknowledged(size: 0)
  }

  /// The server names no history; whether it is still the known one is told by its timestamps.
  static let epoch = "kinto"
}

/// What the server said of its limits.
private final class KintoLimits: Sendable {
  private let most = Mutex(25)

  var batch: Int { most.withLock { $0 } }
  func note(batch: Int) { most.withLock { $0 = batch } }
}

/// Requests.
extension KintoServer {
  /// The path of a collection or a record of it, behind the version.
  func path(_ collection: String, _ key: String? = nil) -> String {
    "/buckets/\(settings.bucket)/collections/\(collection)" + (key.map { "/records/\($0)" } ?? "")
  }

  /// Sends a request; one whose credentials are not accepted once more with new ones.
  ///
  /// - Parameter isRefused: Whether an answer says that it does not take the credentials.
  /// - Returns: The answer, and what is to be taken out of what is kept of a success.
  /// - Throws: ``TransportError`` where there is no answer; any status is one.
  func send(
    _ method: String, _ url: String, headers extra: [(name: String, value: String)] = [],
    body: [UInt8]? = nil, isRefused: (HTTPExchangeResponse) -> Bool = { $0.status == 401 }
  ) async throws -> (answer: HTTPExchangeResponse, secrets: Secrets) {
    var headers = [(name: "Accept", value: "application/json")] + extra
    if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
    return try await exchange.sendKeepingSecrets(
      HTTPExchangeRequest(method: method, url: url, headers: headers, body: body),
      isRefused: isRefused)
  }

  func unauthorized(_ answer: HTTPExchangeResponse) -> TransportError {
    .unauthorized(
      "\(url) does not take the credentials. The remote needs --auth-env naming a variable that holds "
        + "the Authorization header's value")
  }

  func later(_ answer: HTTPExchangeResponse) -> TransportError {
    later(answer.status, retryAfterMilliseconds: answer.retryAfterMilliseconds)
  }

  func later(_ status: Int, retryAfterMilliseconds: UInt64?) -> TransportError {
    .unavailable(
      "\(url) answered with status \(status). Sync again later",
      retryAfterMilliseconds: retryAfterMilliseconds)
  }

  func missing(_ collection: String) -> TransportError {
    .protocolViolation(
      "bucket \"\(settings.bucket)\" at \(url) has no collection \"\(collection)\", or does not show "
        + "it to these credentials: make it there, or give them the right to read it")
  }
}
