import Synchronization
public import Transport

/// A server that is a table of answers: an HTTP exchange for tests, without a network.
///
/// ```swift
/// let stub = StubExchange([
///   .get("https://example.com/users?by_first_name=Guy", body: #"[{"id":1}]"#),
///   .post("https://example.com/users", body: #"{"id":2}"#)
///     .failing(2, with: .unreachable("no network")),
/// ])
/// let remote = try JournalServer(url: "https://example.com", exchange: stub)
/// ```
///
/// A rule is found by its method and its whole URL, query included; a request no rule fits is an error
/// that names both. Answers take no time unless a rule says so, and then that of the clock it was made
/// with. Safe to use from any thread.
public final class StubExchange: HTTPExchange {
  private struct State {
    var rules: [StubRule]
    /// How often each rule has failed.
    var failures: [Int]
    /// How often each rule has answered.
    var answers: [Int]
    var requests: [HTTPExchangeRequest] = []
    var unmatched: [HTTPExchangeRequest] = []
  }

  private let state: Mutex<State>
  private let clock: any Clock<Duration>

  /// A server with these answers.
  ///
  /// - Parameters:
  ///   - rules: Of two for one method and URL the later counts.
  ///   - clock: Passes the time that ``StubRule/taking(_:)`` asks for; a test's own clock need not
  ///     wait.
  public init(_ rules: [StubRule] = [], clock: any Clock<Duration> = ContinuousClock()) {
    let none = rules.map { _ in 0 }
    state = Mutex(State(rules: rules, failures: none, answers: none))
    self.clock = clock
  }

  /// Adds a rule; it counts before those there are.
  public func add(_ rule: StubRule) {
    state.withLock { state in
      state.rules.append(rule)
      state.failures.append(0)
      state.answers.append(0)
    }
  }

  /// Every request so far, in order, those that failed included.
  public var requests: [HTTPExchangeRequest] { state.withLock { $0.requests } }

  /// The requests no rule fitted.
  public var unmatched: [HTTPExchangeRequest] { state.withLock { $0.unmatched } }

  /// Answers by the rule that fits.
  ///
  /// - Throws: The rule's failure; `TransportError.invalidConfiguration` where no rule fits.
  public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let found = state.withLock { state -> (rule: StubRule, failure: StubRule.Failure?, Int)? in
      state.requests.append(request)
      guard let index = state.rules.lastIndex(where: { $0.fits(request) }) else {
        state.unmatched.append(request)
        return nil
      }
      let rule = state.rules[index]
      guard let failure = rule.failure, state.failures[index] < rule.failures else {
        state.answers[index] += 1
        return (rule, nil, state.answers[index] - 1)
      }
      state.failures[index] += 1
      return (rule, failure, 0)
    }
    guard let found else {
      throw TransportError.invalidConfiguration(
        "no rule of the stub fits \(request.method) \(request.url); its URL counts as a whole, with "
          + "the query")
    }
    if let latency = found.rule.latency { try await clock.sleep(for: latency) }
    switch found.failure {
    case .error(let error): throw error
    case .status(let status): return HTTPExchangeResponse(status: status, body: [])
    case nil: return found.rule.answer(after: found.2)
    }
  }
}
