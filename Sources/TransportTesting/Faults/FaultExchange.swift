import Synchronization
public import Transport

/// What a ``FaultExchange`` does to one request.
public enum ExchangeFault: Sendable, Hashable {
  /// It goes through.
  case none
  /// It does not arrive.
  case requestLost
  /// The server acts, its answer does not arrive.
  case answerLost
  /// The server acts, the connection breaks within the answer's body: to an exchange that hands out whole
  /// answers that is an answer lost.
  case reset
  /// The answer's body ends after so many bytes, without anybody noticing.
  case truncated(Int)
  /// The server gets it twice; the second answer counts.
  case duplicated
  /// It does not arrive now, but behind the next one: the caller sees it fail.
  case reordered
  /// It takes so long, of the clock's time.
  case delayed(Duration)
}

/// Another exchange with faults in it: decided by a script, a seed, or both.
///
/// ```swift
/// let faults = FaultExchange(server, script: [.answerLost, .none, .duplicated])
/// let random = FaultExchange(server, seed: 4, rate: 0.2)
/// ```
///
/// The script's faults come first, one for each request; then each request has a fault at random, where
/// a seed is given. The same seed and the same requests give the same faults. To break the bytes
/// of a connection put a ``FaultProxy`` between. Safe to use from any thread.
public final class FaultExchange: HTTPExchange {
  private struct State {
    var script: ArraySlice<ExchangeFault>
    var random: SeededWords?
    var rate: Double
    var applied: [ExchangeFault] = []
    var held: [HTTPExchangeRequest] = []
  }

  private let inner: any HTTPExchange
  private let clock: any Clock<Duration>
  private let state: Mutex<State>

  /// An exchange with faults.
  ///
  /// - Parameters:
  ///   - inner: What carries requests out.
  ///   - script: What happens to the first requests.
  ///   - seed: What faults are drawn with after the script; without one there are none.
  ///   - rate: How many of the requests have a fault then, 0 to 1.
  ///   - clock: What delays pass on.
  public init(
    _ inner: any HTTPExchange, script: [ExchangeFault] = [], seed: UInt64? = nil,
    rate: Double = 0.25, clock: any Clock<Duration> = ManualClock(advancesBySleeping: true)
  ) {
    self.inner = inner
    self.clock = clock
    state = Mutex(
      State(script: script[...], random: seed.map { SeededWords(state: $0) }, rate: rate))
  }

  /// What happened to each request so far.
  public var applied: [ExchangeFault] { state.withLock { $0.applied } }

  /// What happens to the next requests, before anything else.
  public func failNext(_ faults: ExchangeFault...) {
    state.withLock { $0.script = faults[...] }
  }

  /// Whether faults are drawn at random from now on: 0 ends them.
  public func setRate(_ rate: Double) {
    state.withLock { $0.rate = rate }
  }

  public func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    let (fault, held) = state.withLock { state in
      let fault = state.script.popFirst() ?? Self.drawn(&state)
      state.applied.append(fault)
      defer { state.held = fault == .reordered ? [request] : [] }
      return (fault, state.held)
    }
    if fault == .requestLost { throw TransportError.unreachable("the request was lost") }
    if case .delayed(let duration) = fault { try await clock.sleep(for: duration) }
    let isSent = fault != .reordered
    let answer = isSent ? try await inner.send(request) : nil
    // What was held back arrives now; nobody waits for what it is answered.
    for late in held { _ = try? await inner.send(late) }
    guard var answer else {
      throw TransportError.unreachable("the request is on its way and was given up")
    }
    switch fault {
    case .answerLost: throw TransportError.unreachable("the answer was lost")
    case .reset: throw TransportError.unreachable("the connection broke within the answer")
    case .truncated(let count): answer.body = Array(answer.body.prefix(max(0, count)))
    case .duplicated: answer = try await inner.send(request)
    case .none, .requestLost, .reordered, .delayed: break
    }
    return answer
  }

  /// Delivers a request that is still held back.
  public func deliverHeld() async {
    let held = state.withLock { state in
      defer { state.held = [] }
      return state.held
    }
    for late in held { _ = try? await inner.send(late) }
  }

  private static func drawn(_ state: inout State) -> ExchangeFault {
    guard var random = state.random else { return .none }
    defer { state.random = random }
    guard Double.random(in: 0..<1, using: &random) < state.rate else { return .none }
    switch Int.random(in: 0..<7, using: &random) {
    case 0: return .requestLost
    case 1: return .answerLost
    case 2: return .reset
    case 3: return .truncated(Int.random(in: 0..<200, using: &random))
    case 4: return .duplicated
    case 5: return .reordered
    default: return .delayed(.milliseconds(Int.random(in: 1..<60_000, using: &random)))
    }
  }
}
