#if HTTPClient && canImport(AsyncHTTPClient)
  import AsyncHTTPClient
  import NIOCore
  import NIOHTTP1
  import NIOPosix

  /// Exchanges over AsyncHTTPClient. Close it with ``shutdown()``.
  public final class AsyncHTTPExchange: HTTPExchange {
    private let client: HTTPClient

    public init() {
      var configuration = HTTPClient.Configuration()
      configuration.redirectConfiguration = .disallow
      configuration.decompression = .disabled
      configuration.timeout = .init(
        connect: .seconds(HTTPLimits.connectSeconds), read: .seconds(30), write: .seconds(30))
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
          status: Int(response.status.code), body: [UInt8](body.readableBytesView))
      } catch is NIOTooManyBytesError {
        throw TransportError.protocolViolation("the server's answer is over 8 MiB")
      } catch {
        // The client's errors may quote the request: only their kind is passed on.
        throw TransportError.unreachable(
          "no answer from \(request.url): \(String(describing: type(of: error))) "
            + "\(Self.reason(error)). What was recorded is safe here; sync again later")
      }
    }

    private static func reason(_ error: any Error) -> String {
      switch error {
      case let error as HTTPClientError: error.shortDescription
      case let error as NIOConnectionError: "cannot connect to \(error.host):\(error.port)"
      default: ""
      }
    }

    /// Closes idle connections and ends the client.
    public func shutdown() async throws {
      try await client.shutdown()
    }
  }
#endif
