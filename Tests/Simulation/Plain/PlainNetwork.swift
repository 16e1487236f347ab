import Journal
import Transport
import TransportTesting

/// What happens to a device's requests to a server of plain records during one sync.
@Simulated final class Interference {
  private let faults: [PlannedFault]
  private let surroundings: SimulatedNetwork.Surroundings
  private var requests = 0
  private(set) var hasStruck = false
  private(set) var hasCrashed = false
  private(set) var violation: Violation?

  init(_ faults: [PlannedFault], _ surroundings: SimulatedNetwork.Surroundings) {
    (self.faults, self.surroundings) = (faults, surroundings)
  }

  func exchange<R: Sendable>(_ carryOut: () async throws -> R) async throws -> R {
    guard !hasCrashed else { throw TransportError.unreachable("the process has ended") }
    let request = requests
    requests += 1
    let here = faults.filter { $0.request == request }.map(\.fault)
    if !here.isEmpty { hasStruck = true }
    for fault in here { try await strike(fault, isAnswered: false) }
    if here.contains(.twice) { _ = try await carryOut() }
    let answer = try await carryOut()
    for fault in here { try await strike(fault, isAnswered: true) }
    return answer
  }

  private func strike(_ fault: Fault, isAnswered: Bool) async throws {
    switch fault {
    case .lost where !isAnswered, .late where !isAnswered:
      throw TransportError.unreachable("the request was lost")
    case .answerLost where isAnswered: throw TransportError.unreachable("the answer was lost")
    case .busy where !isAnswered: throw TransportError.unavailable("the server is busy")
    case .crash(isAnswered):
      // Nothing is booked any more.
      hasCrashed = true
      try surroundings.failDisk(0)
      throw TransportError.unreachable("the process has ended")
    case .diskFails(let passing) where !isAnswered: try surroundings.failDisk(passing)
    case .edits(let intents, isAnswered): try await noting { try await surroundings.write(intents) }
    case .otherSync(let other) where !isAnswered:
      try await noting { try await surroundings.syncOther(other) }
    default: break
    }
  }

  private func noting(_ body: () async throws -> Void) async throws {
    do { try await body() } catch let found as Violation {
      violation = found
      throw found
    }
  }
}

/// A server of plain records without HTTP between.
struct InterferedRemote: Remote {
  let server: MemoryServer
  let interference: Interference
  let changesPerPush: Int

  var isWitness: Bool { false }

  func info(device: DeviceID) async throws -> RemoteInfo {
    try await interference.exchange { try await server.info(device: device) }
  }

  func push(_ push: Push) async throws -> PushAnswer {
    try await interference.exchange { try await server.push(push) }
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await interference.exchange {
      try await server.changes(after: cursor, limit: limit, device: device)
    }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer { .acknowledged(size: 0) }
}

/// The HTTP between a device and a server of plain records.
struct InterferedExchange: HTTPExchange {
  let inner: MemoryExchange
  let interference: Interference

  func send(_ request: HTTPExchangeRequest) async throws -> HTTPExchangeResponse {
    try await interference.exchange { try await inner.send(request) }
  }
}
