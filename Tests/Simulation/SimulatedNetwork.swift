import Journal
import Projection
import Transport

@testable import JournalTool

/// What lies between one device and the server during one sync: the faults its plan names.
@Simulated final class SimulatedNetwork: Remote {
  /// The end of the process that was syncing.
  struct Crash: Error {}

  /// What faults reach outside of the exchange for.
  struct Surroundings {
    var write: @Simulated ([Intent]) async throws -> Void
    var syncOther: @Simulated (Int) async throws -> Void
    var failDisk: @Simulated (Int) throws -> Void
  }

  private let server: SimulatedServer
  private let device: SimulatedDevice
  private let faults: [PlannedFault]
  nonisolated let changesPerPush: Int
  private let surroundings: Surroundings
  private var requests = 0
  private(set) var hasStruck = false
  /// What a violation was found in the middle of an exchange; the engine must not hide it.
  private(set) var violation: Violation?

  init(
    _ server: SimulatedServer, _ device: SimulatedDevice, _ plan: SyncPlan,
    _ surroundings: Surroundings
  ) {
    self.server = server
    self.device = device
    faults = plan.faults
    changesPerPush = plan.segmentLimit
    self.surroundings = surroundings
  }

  private func exchange<R: Sendable>(
    late: Push? = nil, garble: (R) -> R, overlap: (R, Int) -> R = { page, _ in page },
    carryOut: () async throws -> R
  ) async throws -> R {
    let request = requests
    requests += 1
    let here = faults.filter { $0.request == request }.map(\.fault)
    if !here.isEmpty { hasStruck = true }
    for fault in here { try await strike(before: fault, late) }
    if here.contains(.twice) { _ = try await translated(carryOut) }
    var answer = try await translated(carryOut)
    try server.capture()
    for fault in here {
      switch fault {
      case .answerLost: throw TransportError.unreachable("the answer was lost")
      case .crash(answered: true): throw Crash()
      case .edits(let intents, answered: true):
        try await noting { try await surroundings.write(intents) }
      case .garbled: answer = garble(answer)
      case .overlap(let pages): answer = overlap(answer, pages)
      default: break
      }
    }
    return answer
  }

  private func strike(before fault: Fault, _ push: Push?) async throws {
    switch fault {
    case .lost: throw TransportError.unreachable("the request was lost")
    case .late:
      device.late = push ?? device.late
      throw TransportError.unreachable("the request takes its time")
    case .busy: throw TransportError.unavailable("the server is busy")
    case .crash(answered: false): throw Crash()
    case .diskFails(let passing): try surroundings.failDisk(passing)
    case .edits(let intents, answered: false):
      try await noting { try await surroundings.write(intents) }
    case .otherSync(let other): try await noting { try await surroundings.syncOther(other) }
    case .serverTrims(let isBold): try await noting { try await server.trim(isBold: isBold) }
    default: break
    }
  }

  private func noting(_ body: () async throws -> Void) async throws {
    do { try await body() } catch let found as Violation {
      violation = found
      throw found
    }
  }

  /// The server's own errors as the client of HTTP tells them.
  private func translated<R>(_ body: () async throws -> R) async throws -> R {
    do { return try await body() } catch let error as ServerError {
      if case .cursorUnknown(let code, _) = error {
        throw code == "resync-required"
          ? TransportError.resyncRequired(code) : TransportError.cursorUnknown(code)
      }
      throw TransportError.protocolViolation(error.message)
    }
  }

  // MARK: Remote

  func info(device: DeviceID) async throws -> RemoteInfo {
    try await exchange(garble: { $0 }, carryOut: { try server.core.info(device: device) })
  }

  func push(_ push: Push) async throws -> PushAnswer {
    guard let witness = push.witness else {
      throw Violation("protocol", "\(device.name) pushes without its checkpoint")
    }
    try checkSealed(push, of: witness.device)
    let answer = try await exchange(
      late: push,
      garble: { answer in
        guard case .judged(let verdicts, let size) = answer else { return answer }
        return .judged(verdicts: Array(verdicts.dropLast()), size: size)
      },
      carryOut: { try await server.take(push, witness) })
    if case .failed = answer { hasStruck = true }
    device.inFlight = nil
    return answer
  }

  /// Edits that were sent are sent again in the same bytes, until there is an answer.
  private func checkSealed(_ push: Push, of id: DeviceID) throws {
    let ids = try push.segment.withUnsafeBytes { try SegmentCodec.decode($0) }.map(\.id)
    // Of another server nothing is known, and another device is not bound by what this one sealed: it is made anew.
    if let sealed = device.inFlight, sealed.incarnation == server.incarnation, sealed.device == id,
      sealed.bytes != push.segment
    {
      let before = try sealed.bytes.withUnsafeBytes { try SegmentCodec.decode($0) }.map(\.id)
      if !Set(before).isDisjoint(with: ids) {
        let found = Violation(
          "sealed", "\(device.name) sends \(ids.count) edits in other bytes than before")
        violation = found
        throw found
      }
    }
    device.inFlight = (server.incarnation, id, push.segment)
  }

  func changes(after cursor: String?, limit: Int, device id: DeviceID) async throws -> FeedPage {
    // Within a full state an older page would show what is gone since.
    let isEntries = cursor?.hasPrefix("e.") == true
    if !isEntries { device.pages = [] }
    let before = device.pages
    await awaitBooking(through: cursor)
    let none = ServerVersion(timestamp: 0, tieBreak: 0)
    let booked = try device.store.journal.read { try $0.cursor(of: "server")?.through } ?? none
    return try await exchange(
      garble: { page in
        var page = page
        if var last = page.changes.last {
          last.key = ""
          page.changes[page.changes.count - 1] = last
        }
        return page
      },
      overlap: { page, pages in
        var page = page
        if isEntries, let old = before.suffix(pages).first, old.incarnation == server.incarnation {
          // What this device has not booked would be news before its time.
          page.changes = old.changes.filter { $0.version <= booked } + page.changes
        }
        return page
      },
      carryOut: {
        // Through the codec, as over HTTP.
        let page = try await server.core.feed(after: cursor, limit: limit, device: id)
        let read = try FeedCodec.encode(page).withUnsafeBytes { try FeedCodec.decode($0) }
        if isEntries, !read.changes.isEmpty {
          device.pages = device.pages.suffix(2) + [(server.incarnation, read.changes)]
        }
        return read
      })
  }

  /// Within a full state the next page is asked for while the last one is booked: here it waits for that,
  /// so that what happens meanwhile happens behind it in every run.
  private func awaitBooking(through cursor: String?) async {
    guard let cursor, cursor.hasPrefix("s.") || cursor.hasPrefix("x.") else { return }
    // A page that cannot be booked leaves the cursor where it was.
    for _ in 0..<20_000 {
      let booked = try? device.store.journal.read { try $0.cursor(of: "server") }?.cursor
      if booked == cursor { return }
      await Task.yield()
    }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    try await exchange(
      garble: { answer in
        guard case .acknowledged(let size, let note) = answer else { return answer }
        return .acknowledged(size: size + 1_000_000, cosigned: note)
      },
      carryOut: { try await server.core.show(witness) })
  }
}
