#if canImport(Darwin) || (HTTPClient && canImport(AsyncHTTPClient))
  /// The platform's HTTP client.
  public enum HTTPExchanges {
    /// Lends the platform's client to a closure and closes it afterwards.
    ///
    /// AsyncHTTPClient on Linux, because URLSession there passes credentials on to other origins
    /// and inflates answers without limit; URLSession on Apple's platforms.
    ///
    /// - Parameter proxy: What `https` requests are tunnelled through; on Apple's platforms the system's
    ///   settings say so.
    public static func withDefault<R>(
      proxy: HTTPProxy? = nil,
      _ body: (any HTTPExchange) async throws -> R
    ) async throws -> R {
      #if canImport(Darwin)
        return try await body(URLSessionExchange())
      #else
        let exchange = AsyncHTTPExchange(proxy: proxy)
        let result: Result<R, any Error>
        do { result = .success(try await body(exchange)) } catch { result = .failure(error) }
        try await exchange.shutdown()
        return try result.get()
      #endif
    }
  }
#endif
