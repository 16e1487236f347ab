import Journal
import Projection
import TestKit
import Transport
import TransportTesting

/// One run with a server of plain records: devices, somebody who writes without a journal, and the steps
/// of a plan.
@Simulated final class PlainWorld: World {
  private static let url = "https://memory.test/api"
  static let collections = ["lists", "notes"]

  private let scratch: Scratch
  private let plan: Plan
  private let kind: PlainServerPlan
  private let time = TrueTime()
  private let serverClock: MachineClock
  private let server: MemoryServer
  private var backup: MemoryServer.Backup?
  private var transaction: MemoryTransaction?
  private var uncommitted: [Intent] = []
  private var oracle = PlainOracle()
  /// Over HTTP nobody is told of it.
  private var hasPurged = false
  private(set) var devices: [SimulatedDevice] = []
  private var disk: FailingDisk?

  init(_ plan: Plan, _ kind: PlainServerPlan, scratch: Scratch) {
    (self.plan, self.kind, self.scratch) = (plan, kind, scratch)
    serverClock = MachineClock(time)
    server = MemoryServer(
      kind.behaviour, clock: ManualClock(time.milliseconds),
      overlapMilliseconds: PlainServerPlan.overlapMilliseconds, seed: plan.seed)
    var salts = SeededRandom(seed: plan.seed &+ 0x5A17)
    let words = MachineRandom(seed: salts.next())
    if SimulationTests.isAlone { RandomPool.shared.follow { words.next() } }
  }

  func close() {
    for device in devices { device.close() }
    if SimulationTests.isAlone { RandomPool.shared.follow(nil) }
  }

  var stores: [Store] { devices.map(\.store) }
  var editCount: Int { devices.reduce(0) { $0 + $1.ledger.count } }
  var remainder: String { records.description }

  /// What the server has.
  private var records: Records {
    var records = Records()
    for collection in Self.collections {
      for (key, fields) in server.records(collection) {
        records.live["\(collection)/\(key)"] = Intent.fields(fields)
      }
    }
    return records
  }

  func run() async throws {
    for _ in 0..<plan.deviceCount { try await addDevice() }
    for (index, step) in plan.steps.enumerated() {
      advance(by: 7 + UInt64(index) % 3 * 1_000)
      do { try await carryOut(step) } catch {
        throw Violation(
          (error as? Violation)?.check ?? "error",
          "\((error as? Violation)?.text ?? "\(error)") (in step \(index + 1): \(step))")
      }
    }
    try await settle()
  }

  private func advance(by milliseconds: UInt64) {
    time.advance(by: milliseconds)
    server.clock.setTimeOfDay(serverClock.now.milliseconds)
  }

  // MARK: Steps

  private func device(_ number: Int) -> SimulatedDevice { devices[number % devices.count] }

  private func addDevice() async throws {
    let name = "d\(devices.count + 1)"
    let declaration = try RemoteDeclaration(
      name: "server", kind: "rest", url: Self.url, collections: Self.collections,
      options: kind.settings.options)
    devices.append(
      try await SimulatedDevice.create(
        name: name, path: scratch(name), time: time,
        seed: plan.seed &* 31 &+ UInt64(devices.count), incarnation: 0, remote: declaration))
  }

  private func carryOut(_ step: Step) async throws {
    switch step {
    case .write(let number, let intents): try await device(number).write(intents)
    case .brokenWrite(let number, let intents, let after, let failing):
      try await device(number).writeBroken(intents, after: after, failing: failing)
    case .sync(let number, let plan): try await sync(device(number), plan)
    case .restart(let number): try await device(number).restart()
    case .upgrade(let number, let version):
      device(number).version = version
      try await device(number).restart()
    case .rebuild(let number): try await device(number).store.rebuild()
    case .compact(let number, let count):
      _ = try await device(number).store.compact(keeping: count == 0 ? .nothing : .newest(count))
    case .clock(let number, let change): device(number).clock.apply(change)
    case .serverClock(let change): moveServerClock(change)
    case .retry(let number, let choice, let isAll):
      try await device(number).retry(choice: choice, isAll: isAll)
    case .discard(let number, let choice):
      try await device(number).discard(choice: choice, isPlain: true)
    case .newDevice: if devices.count < 5 { try await addDevice() }
    case .serverRules(let areStrict): apply(rules: areStrict)
    case .foreignWrite(let intent): write(intent)
    case .foreignBegin(let intents): begin(intents)
    case .foreignCommit: commit()
    case .serverTrim:
      server.purgeDeletions()
      hasPurged = true
    case .serverBackup: backup = server.backup()
    case .serverRestore:
      guard let backup else { return }
      server.restore(backup)
      oracle.wentBack()
    case .serverReplace:
      server.replaceDatabase()
      oracle.wentBack()
    case .copy, .restore, .fork, .serverRestart: break
    }
    for device in devices { try oracle.check(device, among: devices) }
  }

  /// No further than the overlap reaches.
  private func moveServerClock(_ change: ClockChange) {
    if case .by(let milliseconds) = change {
      serverClock.apply(.by(milliseconds: min(max(milliseconds, -5_000), 5_000)))
    } else {
      serverClock.apply(change)
    }
    advance(by: 0)
  }

  private func apply(rules areStrict: Bool) {
    guard areStrict else { return server.refuse(nil) }
    let refusals = oracle.refusals
    server.refuse { collection, key, fields in
      guard fields?["c"] == .string(Ill.refused.rawValue) else { return nil }
      refusals.note("\(collection)/\(key)")
      return (code: "422", message: "not taken")
    }
  }

  // MARK: Somebody else

  private func write(_ intent: Intent) {
    let whole = PlainOracle.whole(intent)
    oracle.foreign(whole)
    server.write(whole.collection, whole.key, whole.kind == .delete ? nil : whole.values)
  }

  private func begin(_ intents: [Intent]) {
    commit()
    let transaction = server.beginTransaction()
    for whole in intents.map(PlainOracle.whole) {
      uncommitted.append(whole)
      transaction.write(whole.collection, whole.key, whole.kind == .delete ? nil : whole.values)
    }
    self.transaction = transaction
  }

  private func commit() {
    transaction?.commit()
    transaction = nil
    // It waited for the rows that others wrote meanwhile.
    for whole in uncommitted { oracle.foreign(whole) }
    uncommitted = []
  }

  // MARK: Sync

  private func remote(_ interference: Interference, _ plan: SyncPlan) throws -> any Remote {
    guard kind.isHTTP else {
      return InterferedRemote(
        server: server, interference: interference, changesPerPush: plan.segmentLimit)
    }
    return try RESTServer(
      url: Self.url, collections: Self.collections, settings: kind.settings,
      exchange: InterferedExchange(
        inner: server.exchange(
          url: Self.url, settings: kind.settings, pageSize: kind.pageSize ?? .max),
        interference: interference))
  }

  private func sync(_ device: SimulatedDevice, _ plan: SyncPlan) async throws {
    var isDown = false
    let interference = Interference(
      plan.faults,
      .init(
        write: { try await device.write($0) },
        syncOther: { [self] number in
          let other = self.device(number)
          if other !== device { try await sync(other, SyncPlan()) }
        },
        failDisk: { [self] passing in
          isDown = true
          disk = try FailingDisk(device.path, passing: passing)
        }))
    let engine = SyncEngine(
      journal: device.store.journal, remote: "server", over: try remote(interference, plan),
      // A run of equal stamps has to fit.
      pageLimit: plan.pageLimit)
    do {
      _ = try await engine.sync(
        plan.direction.engines, plan.isFullState ? [.fullState, .confirmingDeletions] : [])
    } catch let error as Violation {
      throw error
    } catch let error as TransportError {
      guard interference.hasStruck else {
        throw Violation("error", "\(device.name) cannot sync: \(error.code): \(error)")
      }
    } catch let error as JournalError {
      guard isDown else { throw Violation("error", "\(device.name) cannot sync: \(error)") }
    }
    if let violation = interference.violation { throw violation }
    device.wasCut = device.wasCut || interference.hasStruck
    disk?.end()
    disk = nil
    if isDown { try await device.restart() }
    try oracle.check(device, among: devices)
    guard plan.direction != .push else { return }
    // A list that was cut is read on, and what changed behind its back is told the next time.
    if device.hasRead, !interference.hasStruck, isToldEverything {
      try oracle.checkTold(device, records)
    }
    device.hasRead = !interference.hasStruck
  }

  // MARK: The end

  /// Whether the server's lists leave nothing out, however late it comes up: a comparison with the full state has nothing
  /// to add.
  private var isToldEverything: Bool {
    kind.isHTTP && !hasPurged && oracle.isOfOneHistory
  }

  /// Nothing goes wrong any more; what a feed cannot tell a comparison with the full state does.
  private func settle() async throws {
    commit()
    apply(rules: false)
    var complete = SyncPlan()
    complete.isFullState = true
    var reading = SyncPlan()
    reading.direction = .pull
    for plan in [SyncPlan(), SyncPlan(), reading, complete, SyncPlan()] {
      for device in devices {
        advance(by: 1_000)
        do {
          try await device.retry(choice: 0, isAll: true)
          try await sync(device, plan)
        } catch {
          throw Violation(
            (error as? Violation)?.check ?? "error",
            "\((error as? Violation)?.text ?? "\(error)") (while settling)")
        }
      }
    }
    try await addDevice()
    try await sync(devices[devices.count - 1], SyncPlan())
    for device in devices { try await oracle.checkSettled(device, records) }
    try oracle.checkRegisters(records, devices)
    if !kind.isHTTP, !kind.behaviour.contains(.forgetsEdits) {
      let carriedOut = server.carriedOut
      guard Set(carriedOut).count == carriedOut.count else {
        throw Violation("duplicate", "the server has carried an edit out twice")
      }
    }
  }
}
