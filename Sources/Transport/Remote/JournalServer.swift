public import Journal

/// Our own server, over HTTP.
public struct JournalServer: Remote {
  private let url: String
  private let exchange: AuthorizedExchange
  private let coding = RequestCoding()
  /// What is asked for.
  fileprivate let filter: FilterQuery

  /// - Parameters:
  ///   - url: The server's address; `https`, or `http` on loopback.
  ///   - exchange: The HTTP client.
  ///   - filters: Those of the remote's declaration: the server leaves out what lies outside of them.
  ///   - authorization: The value of the Authorization header, asked for at every request, once more
  ///     when it is not accepted, and stored nowhere.
  /// - Throws: ``TransportError/invalidConfiguration(_:)``.
  public init(
    url: String, exchange: any HTTPExchange, filters: [RemoteFilter] = [],
    authorization: @escaping @Sendable () async throws -> String? = { nil }
  ) throws(TransportError) {
    try RemoteURL.check(url)
    do {
      filter = try FilterQuery(filters)
    } catch {
      throw .invalidConfiguration("the filters cannot be sent: \(error)")
    }
    self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    self.exchange = AuthorizedExchange(exchange: exchange, authorization: authorization)
  }

  public var requestedPause: RequestedPause? { exchange.pause }

  public func info(device: DeviceID) async throws -> RemoteInfo {
    let answer = try await send("GET", "/v1/info?device=\(device)")
    coding.learn(from: answer)
    return try decode(answer, FeedCodec.decodeInfo)
  }

  public func push(_ push: Push) async throws -> PushAnswer {
    guard let witness = push.witness else {
      throw TransportError.invalidConfiguration("a push to our server carries a checkpoint")
    }
    let body = PushCodec.encode(witness, segment: push.segment)
    let statuses = [400, 409, 412, 413, 422, 500]
    var (answer, secrets): (HTTPExchangeResponse, Secrets)
    if let shorter = coding.compress(body) {
      (answer, secrets) = try await sendKeepingSecrets(
        "POST", "/v1/push", shorter, coding: RequestCoding.name, alsoAllowing: statuses + [415])
      // Something between here and the server, or one put back to an older release.
      if answer.status == 415 {
        coding.forget()
        (answer, secrets) = try await sendKeepingSecrets(
          "POST", "/v1/push", body, alsoAllowing: statuses)
      }
    } else {
      (answer, secrets) = try await sendKeepingSecrets(
        "POST", "/v1/push", body, alsoAllowing: statuses)
    }
    switch answer.status {
    case 413, 422: return .failed(failure(answer, .request))
    case 400, 500: return .failed(failure(answer, .unknown))
    case 409: return .forked
    case 412: return .sizeDiffers(size: try decode(answer, FeedCodec.decodeSize))
    default:
      let (verdicts, size) = try decode(answer, PushCodec.decodeVerdicts)
      return .judged(verdicts: verdicts.map(secrets.masked), size: size)
    }
  }

  public func changes(
    after cursor: String?, limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    let query = cursor.map { "&cursor=\(RemoteURL.escape($0))" } ?? ""
    let answer = try await ask("/v1/feed?device=\(device)&limit=\(limit)\(query)")
    return try decode(answer, FeedCodec.decode)
  }

  public func show(_ witness: Witness) async throws -> WitnessAnswer {
    let answer = try await send(
      "POST", "/v1/checkpoint", PushCodec.encode(witness), alsoAllowing: [409, 412])
    switch answer.status {
    case 409: return .forked
    case 412: return .sizeDiffers(size: try decode(answer, FeedCodec.decodeSize))
    default:
      let (size, cosigned) = try decode(answer, FeedCodec.decodeAcknowledgement)
      return .acknowledged(size: size, cosigned: cosigned)
    }
  }

  fileprivate func decode<R>(
    _ answer: HTTPExchangeResponse, _ decode: (UnsafeRawBufferPointer) throws -> R
  ) throws -> R {
    do {
      return try answer.body.withUnsafeBytes(decode)
    } catch {
      throw TransportError.protocolViolation("\(url) answered what cannot be read: \(error)")
    }
  }

  /// Asks for some of the server's records, and for all of them where it will not have the filter: what lies outside
  /// goes at the device.
  fileprivate func ask(_ path: String) async throws -> HTTPExchangeResponse {
    guard let query = filter.query(for: path) else { return try await send("GET", path) }
    let answer = try await send("GET", path + query, alsoAllowing: FilterQuery.refusals)
    if answer.status == 200 { return answer }
    let whole = try await send("GET", path, alsoAllowing: FilterQuery.refusals)
    // Where this is refused too, the filter was not the reason.
    guard whole.status == 200 else { throw error(answer) }
    filter.leaveOut(of: path)
    return whole
  }

  private func send(
    _ method: String, _ path: String, _ body: [UInt8]? = nil, alsoAllowing allowed: [Int] = []
  ) async throws -> HTTPExchangeResponse {
    try await sendKeepingSecrets(method, path, body, alsoAllowing: allowed).answer
  }

  private func sendKeepingSecrets(
    _ method: String, _ path: String, _ body: [UInt8]?, coding: String? = nil,
    alsoAllowing allowed: [Int]
  ) async throws -> (answer: HTTPExchangeResponse, secrets: Secrets) {
    var headers = [(name: "Accept", value: "application/cbor")]
    if body != nil { headers.append((name: "Content-Type", value: "application/cbor")) }
    if let coding { headers.append((name: "Content-Encoding", value: coding)) }
    let (answer, secrets) = try await exchange.sendKeepingSecrets(
      HTTPExchangeRequest(method: method, url: url + path, headers: headers, body: body))
    if answer.status == 200 || allowed.contains(answer.status) { return (answer, secrets) }
    throw error(answer)
  }

  private func failure(
    _ answer: HTTPExchangeResponse, _ blame: PushFailure.Blame
  ) -> PushFailure {
    PushFailure(
      code: "http-\(answer.status)", message: said(answer).message, blame: blame,
      retryAfterMilliseconds: answer.retryAfterMilliseconds)
  }

  /// What an answer that is no success says, for people, and its code where it is one of ours.
  private func said(_ answer: HTTPExchangeResponse) -> (message: String, code: String?) {
    switch answer.body.withUnsafeBytes({ bytes in Result { try FeedCodec.decodeError(bytes) } }) {
    case .success(let said): ("\(url) says: \(said.message) (\(said.code))", said.code)
    case .failure: ("\(url) answered with status \(answer.status)", nil)
    }
  }

  private func error(_ answer: HTTPExchangeResponse) -> TransportError {
    let (message, code) = said(answer)
    if answer.status == 410, code == "resync-required" { return .resyncRequired(message) }
    return switch answer.status {
    case 401, 403:
      .unauthorized(
        "\(message). The remote needs --auth-env naming a variable that holds `Bearer TOKEN`")
    case 410: .cursorUnknown(message)
    case 429, 500...599:
      .unavailable(
        "\(message). Sync again later", retryAfterMilliseconds: answer.retryAfterMilliseconds)
    case 300...399: .protocolViolation("\(message); redirects are refused")
    default: .protocolViolation(message)
    }
  }
}

/// Rules for the addresses of remotes.
package enum RemoteURL {
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for anything that is not http or https,
  ///   for http to another machine, and for an address with credentials in it.
  package static func check(_ url: String) throws(TransportError) {
    let rest: Substring
    let isSecure: Bool
    if url.hasPrefix("https://") {
      rest = url.dropFirst(8)
      isSecure = true
    } else if url.hasPrefix("http://") {
      rest = url.dropFirst(7)
      isSecure = false
    } else {
      throw .invalidConfiguration("a remote's URL begins with https:// or http://, not \"\(url)\"")
    }
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.isEmpty, !authority.contains("@"),
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else {
      throw .invalidConfiguration(
        "a remote's URL names a host and carries no credentials: use --auth-env")
    }
    let host =
      authority.hasPrefix("[")
      ? String(authority.prefix { $0 != "]" }.dropFirst())
      : String(authority.prefix { $0 != ":" })
    guard isSecure || isLoopback(host) else {
      throw .invalidConfiguration("http is allowed to this machine only; use https for \(host)")
    }
  }

  /// Whether a host is this machine by its name or address.
  package static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127"
      && parts.allSatisfy { part in
        (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
          && UInt8(part) != nil
      }
  }

  /// Percent-encodes what is not unreserved in a query's value.
  static func escape(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return escaped
  }
}

extension JournalServer: ReconcilingRemote {
  public var reconciling: (any ReconcilingRemote)? { self }

  public func digests(
    at cursor: String, device: DeviceID
  ) async throws -> [CollectionDigest] {
    let path = "/v1/digest?device=\(device)&cursor=\(RemoteURL.escape(cursor))"
    return try decode(try await ask(path), DigestCodec.decodeCollections).digests
  }

  public func digest(
    of collection: String, bits: Int, at cursor: String, device: DeviceID
  ) async throws -> [UInt8] {
    let path =
      "/v1/digest?device=\(device)&cursor=\(RemoteURL.escape(cursor))"
      + "&collection=\(RemoteURL.escape(collection))&bits=\(bits)"
    return try decode(try await ask(path), DigestCodec.decodeBuckets).buckets
  }

  public func records(
    of collection: String, in buckets: [UInt16], bits: Int, at cursor: String, from place: String?,
    limit: Int, device: DeviceID
  ) async throws -> FeedPage {
    let path =
      "/v1/records?device=\(device)&cursor=\(RemoteURL.escape(cursor))"
      + "&collection=\(RemoteURL.escape(collection))&bits=\(bits)"
      + "&buckets=\(DigestCodec.text(buckets))&limit=\(limit)"
      + (place.map { "&place=\(RemoteURL.escape($0))" } ?? "")
    return try decode(try await ask(path), FeedCodec.decode)
  }
}
