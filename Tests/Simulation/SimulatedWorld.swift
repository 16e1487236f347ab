import Foundation
import Journal
import Projection
import TestKit
import Transport

/// One run: a server, devices, and the steps of a plan, one after the other.
@Simulated final class SimulatedWorld: World {
  private let scratch: Scratch
  private let plan: Plan
  private let time = TrueTime()
  let server: SimulatedServer
  private(set) var devices: [SimulatedDevice] = []
  private var made = 0
  private var disk: FailingDisk?

  init(_ plan: Plan, scratch: Scratch) throws {
    self.plan = plan
    self.scratch = scratch
    var salts = SeededRandom(seed: plan.seed &+ 0x5A17)
    let words = MachineRandom(seed: salts.next())
    if SimulationTests.isAlone { RandomPool.shared.follow { words.next() } }
    server = try SimulatedServer(path: scratch("server"), time: time, seed: plan.seed &+ 1_000_003)
  }

  func close() {
    for device in devices { device.close() }
    server.close()
    if SimulationTests.isAlone { RandomPool.shared.follow(nil) }
  }

  var stores: [Store] { devices.map(\.store) + [server.store] }
  var editCount: Int { server.history.count }
  var remainder: String { "" }

  /// Carries everything out; throws what a checker or the library found wrong.
  func run() async throws {
    for _ in 0..<plan.deviceCount { try await addDevice() }
    for (index, step) in plan.steps.enumerated() {
      time.advance(by: 7 + UInt64(index) % 3 * 1_000)
      do { try await carryOut(step) } catch {
        throw Violation(
          (error as? Violation)?.check ?? "error",
          "\((error as? Violation)?.text ?? "\(error)") (in step \(index + 1): \(step))")
      }
    }
    try await settle()
  }

  // MARK: Steps

  private func device(_ number: Int) -> SimulatedDevice { devices[number % devices.count] }

  private func addDevice() async throws {
    let name = nextName()
    devices.append(
      try await SimulatedDevice.create(
        name: name, path: scratch(name), time: time, seed: plan.seed &* 31 &+ UInt64(made),
        incarnation: server.incarnation))
  }

  private func nextName() -> String {
    made += 1
    return "d\(made)"
  }

  private func carryOut(_ step: Step) async throws {
    switch step {
    case .write(let number, let intents): try await device(number).write(intents)
    case .brokenWrite(let number, let intents, let after, let failing):
      try await device(number).writeBroken(intents, after: after, failing: failing)
    case .sync(let number, let plan): try await sync(device(number), plan)
    case .restart(let number):
      try await device(number).restart()
      try await Checks.check(device(number), server)
    case .upgrade(let number, let version):
      device(number).version = version
      try await device(number).restart()
      try await Checks.check(device(number), server)
    case .rebuild(let number):
      try await device(number).store.rebuild()
      try await Checks.check(device(number), server)
    case .compact(let number, let count):
      device(number).hasTrimmed = true
      server.isSomeDeviceTrimmed = true
      _ = try await device(number).store.compact(keeping: count == 0 ? .nothing : .newest(count))
      try Checks.checkTrimmed(device(number), server)
      try await Checks.check(device(number), server)
    case .clock(let number, let change): device(number).clock.apply(change)
    case .serverClock(let change): server.clock.apply(change)
    case .copy(let number): try await device(number).copyFiles()
    case .restore(let number): try await device(number).restore()
    case .fork(let number):
      guard devices.count < 5 else { return }
      let name = nextName()
      let fork = try device(number).fork(
        name: name, path: scratch(name), time: time, seed: plan.seed &* 37 &+ UInt64(made))
      if let fork { devices.append(fork) }
    case .newDevice: if devices.count < 5 { try await addDevice() }
    case .retry(let number, let choice, let isAll):
      try await device(number).retry(choice: choice, isAll: isAll)
      try await Checks.check(device(number), server)
    case .discard(let number, let choice):
      try await device(number).discard(choice: choice)
      try await Checks.check(device(number), server)
    case .serverRules(let areStrict): server.isStrict = areStrict
    case .foreignWrite, .foreignBegin, .foreignCommit: break
    case .serverRestart: try server.restart()
    case .serverTrim(let isBold): try await server.trim(isBold: isBold)
    case .serverBackup: try server.backUp()
    case .serverRestore: try server.restore()
    case .serverReplace: try server.replace()
    }
  }

  private func sync(_ device: SimulatedDevice, _ plan: SyncPlan) async throws {
    var isDown = false
    let network = SimulatedNetwork(
      server, device, plan,
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
      journal: device.store.journal, remote: "server", over: network, pageLimit: plan.pageLimit)
    var isComplete = false
    do {
      _ = try await engine.sync(
        plan.direction.engines, plan.isFullState ? [.fullState] : [])
      isComplete = plan.direction == .both
    } catch let error as Violation {
      throw error
    } catch is SimulatedNetwork.Crash {
      isDown = true
    } catch let error as TransportError {
      guard network.hasStruck else {
        throw Violation("error", "\(device.name) cannot sync: \(error.code): \(error)")
      }
    } catch let error as JournalError {
      guard isDown else { throw Violation("error", "\(device.name) cannot sync: \(error)") }
    }
    if let violation = network.violation { throw violation }
    disk?.end()
    disk = nil
    if isDown {
      try await device.restart()
      isComplete = false
    }
    if isComplete, let late = device.late, let witness = late.witness {
      device.late = nil
      await server.receive(late, witness)
    }
    try server.capture()
    try await Checks.check(device, server, isComplete: isComplete)
  }

  // MARK: The end

  /// A poll that shows nothing new appends nothing, also where it shows old changes again.
  private func pollAgain(_ device: SimulatedDevice) async throws {
    // What came after this device's last sync is news.
    try await sync(device, SyncPlan())
    let last = try device.store.journal.lastSequence
    var plan = SyncPlan()
    plan.faults = (0..<6).map { PlannedFault(request: $0, fault: .overlap(pages: 1 + $0 % 3)) }
    try await sync(device, plan)
    guard try device.store.journal.lastSequence == last else {
      throw Violation("poll", "\(device.name) appends entries where nothing is new")
    }
  }

  /// Nothing goes wrong any more: everybody syncs twice, a newcomer once, and all are compared.
  private func settle() async throws {
    server.isStrict = false
    for _ in 0..<2 {
      for device in devices {
        time.advance(by: 1_000)
        try await device.retry(choice: 0, isAll: true)
        do { try await sync(device, SyncPlan()) } catch {
          throw Violation(
            (error as? Violation)?.check ?? "error",
            "\((error as? Violation)?.text ?? "\(error)") (while settling)")
        }
      }
    }
    try await addDevice()
    try await sync(devices[devices.count - 1], SyncPlan())
    for device in devices { try await pollAgain(device) }
    let givenUp = devices.reduce(into: Set<String>()) { $0.formUnion($1.everDiscarded) }
    for device in devices { try await Checks.checkSettled(device, server, givenUp: givenUp) }
    try Checks.check(server)
  }
}

extension Direction {
  var engines: SyncEngine.Direction {
    switch self {
    case .both: .both
    case .push: .pushOnly
    case .pull: .pullOnly
    }
  }
}
