#if HTTPClient && canImport(AsyncHTTPClient)
  import AsyncHTTPClient
  import NIOCore
  import NIOHTTP1
  import NIOPosix

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #elseif canImport(Darwin)
    import Darwin
  #endif

  /// Exchanges over AsyncHTTPClient. Close it with ``shutdown()``.
  public final class AsyncHTTPExchange: HTTPExchange {
    private let client: HTTPClient

    public init() {
      var configuration = HTTPClient.Configuration()
      configuration.redirectConfiguration = .disallow
      configuration.decompression = .disabled
      configuration.timeout = .init(
        connect: .seconds(HTTPLimits.connectSeconds), read: .seconds(30), write: .seconds(30))
      // When to try again is for the caller to decide: a refused connection is an answer.
      configuration.connectionPool.retryConnectionEstablishment = false
      client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
      var outgoing = HTTPClientRequest(url: request.url)
      outgoing.method = HTTPMethod(rawValue: request.method)
      for header in request.headers {
        outgoing.headers.add(name: header.name, value: header.value)
      }
      if let body = request.body { outgoing.body = .bytes(ByteBuffer(bytes: body)) }
      do {
        let response = try await client.execute(
          outgoing, timeout: .seconds(HTTPLimits.totalSeconds))
        let body = try await response.body.collect(upTo: HTTPLimits.responseBytes)
        return HTTPExchangeResponse(
          status: Int(response.status.code),
          headers: response.headers.map { (name: $0.name, value: $0.value) },
          body: [UInt8](body.readableBytesView))
      } catch is NIOTooManyBytesError {
        throw TransportError.protocolViolation("the server's answer is over 8 MiB")
      } catch {
        let reason = Self.reason(error)
        throw TransportError.unreachable(
          "no answer from \(request.url): \(reason)\(reason.hasSuffix("?") ? "" : ".") "
            + "What was recorded is safe here; sync again later")
      }
    }

    private static let failedHandshake = "TLS handshake failed: is it an https address?"

    /// Why there is no answer. The client's errors may quote the request: of those that are not
    /// known only the type is passed on.
    private static func reason(_ error: any Error) -> String {
      switch error {
      case let error as HTTPClientError: return reason(error)
      case let error as NIOConnectionError: return reason(error)
      case let error as IOError: return String(cString: strerror(error.errnoCode)).lowercased()
      case let error as ChannelError:
        if case .connectTimeout = error { return "timed out" }
        return "the connection broke"
      case is SocketAddressError.UnknownHost: return "the host's name is not known"
      default:
        // The TLS library's types are not among this module's dependencies.
        let name = String(describing: type(of: error))
        return name.contains("SSL") ? failedHandshake : name
      }
    }

    private static func reason(_ error: HTTPClientError) -> String {
      let timeouts: [HTTPClientError] = [
        .connectTimeout, .readTimeout, .writeTimeout, .deadlineExceeded,
        .getConnectionFromPoolTimeout,
      ]
      if timeouts.contains(error) { return "timed out" }
      if error == .tlsHandshakeTimeout { return failedHandshake }
      if error == .remoteConnectionClosed { return "the server closed the connection" }
      return error.shortDescription
    }

    private static func reason(_ error: NIOConnectionError) -> String {
      let place = "cannot connect to \(error.host):\(error.port)"
      if let first = error.connectionErrors.first { return "\(place): \(reason(first.error))" }
      return error.dnsAError != nil || error.dnsAAAAError != nil
        ? "\(place): the host's name is not known" : place
    }

    /// Closes idle connections and ends the client.
    public func shutdown() async throws {
      try await client.shutdown()
    }
  }
#endif
