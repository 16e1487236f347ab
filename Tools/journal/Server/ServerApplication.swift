import Hummingbird
import Journal
import Logging
import NIOCore
import Transport

/// The HTTP face of the server: routes to the accounts' journals, bodies in CBOR.
struct ServerApplication {
  static let maximumPage = 10_000

  let accounts: Accounts
  var troubles = ServerTroubles()

  func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("/v1/info") { request, _ in
      var response = try await answer(request) { journal in
        guard let device = try device(request) else {
          throw ServerError.badRequest("`device` is missing")
        }
        return FeedCodec.encode(try journal.info(device: device))
      }
      // What requests may be encoded in (RFC 7694).
      response.headers[.acceptEncoding] = "deflate"
      return response
    }
    router.get("/v1/feed") { request, _ in
      try await answer(request) { journal in
        let limit = try limit(request)
        let cursor = request.uri.queryParameters["cursor"].map { String($0) }
        return FeedCodec.encode(
          try await journal.feed(
            after: cursor, limit: limit, filters: filters(request), device: device(request)))
      }
    }
    router.post("/v1/push") { request, _ in
      try await respond(request) { journal in
        let (witness, segment) = try await body(request)
        guard let segment else { throw ServerError.badRequest("the segment is missing") }
        switch try await journal.push(witness, segment: segment) {
        case .judged(let verdicts, let size):
          return (.ok, PushCodec.encode(verdicts, size: size))
        case .interrupted(_, let error): throw error
        case .failed(let failure): throw ServerError.unavailable(failure.message)
        case .sizeDiffers(let size): return (.preconditionFailed, FeedCodec.encode(size: size))
        case .forked: return (.conflict, Self.forked)
        }
      }
    }
    router.post("/v1/checkpoint") { request, _ in
      try await respond(request) { journal in
        let (witness, _) = try await body(request)
        switch try await journal.show(witness) {
        case .acknowledged(let size, let cosigned):
          return (.ok, FeedCodec.encode(size: size, cosigned: cosigned))
        case .sizeDiffers(let size): return (.preconditionFailed, FeedCodec.encode(size: size))
        case .forked: return (.conflict, Self.forked)
        }
      }
    }
    addDigests(to: router)
    router.get("/v1/health") { _, _ in
      Self.response(.ok, FeedCodec.encode(code: "ok", message: "serving"))
    }
    return router
  }

  private static let forked = FeedCodec.encode(
    code: "forked",
    message: "this journal is a copy or was restored: it does not extend what the server knows")

  func answer(
    _ request: Request, _ body: (AccountJournal) async throws -> [UInt8]
  ) async throws -> Response {
    try await respond(request) { (.ok, try await body($0)) }
  }

  private func respond(
    _ request: Request,
    _ body: (AccountJournal) async throws -> (HTTPResponse.Status, [UInt8])
  ) async throws -> Response {
    do {
      let journal = try await accounts.journal(authorization: request.headers[.authorization])
      let (status, bytes) = try await body(journal)
      return Self.response(status, bytes)
    } catch let error as ServerError {
      return Self.response(
        HTTPResponse.Status(code: error.status),
        FeedCodec.encode(code: error.code, message: error.message))
    } catch let error as JournalError {
      troubles.note(error)
      return Self.response(
        .serviceUnavailable,
        FeedCodec.encode(
          code: "unavailable",
          message: "the server's journal cannot be used now: \(error.code); its log says why"))
    }
  }

  private static func response(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
    Response(
      status: status, headers: [.contentType: "application/cbor"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }

  private func body(_ request: Request) async throws -> (witness: Witness, segment: [UInt8]?) {
    let buffer: ByteBuffer
    do {
      buffer = try await request.body.collect(upTo: HTTPLimits.requestBytes)
    } catch is NIOTooManyBytesError {
      throw ServerError.tooLarge
    }
    do {
      guard let plain = try Self.decoded(buffer, request.headers[.contentEncoding]) else {
        throw ServerError.tooLarge
      }
      return try plain.withUnsafeBytes { try PushCodec.decode($0) }
    } catch let error as JournalError {
      throw ServerError.badRequest("the request cannot be read: \(error)")
    }
  }

  /// A body as it was before it was encoded; nil where that is longer than a request may be.
  private static func decoded(_ buffer: ByteBuffer, _ encoding: String?) throws -> [UInt8]? {
    let bytes = [UInt8](buffer.readableBytesView)
    switch encoding?.lowercased() {
    case nil, "", "identity": return bytes
    case "deflate": return try Deflate.decompress(bytes, atMost: HTTPLimits.requestBytes)
    default: throw ServerError.unsupportedEncoding
    }
  }

  private func device(_ request: Request) throws -> DeviceID? {
    guard let text = request.uri.queryParameters["device"] else { return nil }
    guard let device = DeviceID(String(text)) else {
      throw ServerError.badRequest("`device` is not a UUID")
    }
    return device
  }

  /// Which records are asked for; none where that is all of them.
  func filters(_ request: Request) throws -> [RemoteFilter] {
    guard let text = request.uri.queryParameters["filter"] else { return [] }
    guard let bytes = Hex.decode(String(text)) else {
      throw ServerError.badRequest("`filter` is CBOR in hexadecimal digits")
    }
    do {
      return try bytes.withUnsafeBytes { bytes throws(JournalError) in
        try RemoteFilter.decode(bytes)
      }
    } catch {
      throw ServerError.badRequest("`filter`: \(error)")
    }
  }

  func limit(_ request: Request) throws -> Int {
    guard let text = request.uri.queryParameters["limit"] else { return 1_000 }
    guard let limit = Int(text), (1...Self.maximumPage).contains(limit) else {
      throw ServerError.badRequest("`limit` is 1 to 10,000")
    }
    return limit
  }
}
