import Foundation
import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

extension World {
  /// Copies the server's journal, as an operator's backup does.
  func backUp() throws {
    let copy = scratch("backup")
    if FileManager.default.fileExists(atPath: copy) {
      try FileManager.default.removeItem(atPath: copy)
    }
    try FileManager.default.copyItem(atPath: scratch("server"), toPath: copy)
  }

  /// Stops the server, puts the copy in its journal's place, and starts it again.
  func restored() throws -> World {
    server.close()
    try FileManager.default.removeItem(atPath: scratch("server"))
    try FileManager.default.copyItem(atPath: scratch("backup"), toPath: scratch("server"))
    return try World(reopened: self)
  }

  /// Puts an empty server in the place of this one.
  func replaced() throws -> World {
    server.close()
    try FileManager.default.removeItem(atPath: scratch("server"))
    return try World(reopened: self)
  }

  /// Trims everything the server's journal may let go, as an operator who waits for no device.
  func trimmed() async throws -> World {
    server.close()
    let store = try Store.open(at: scratch("server"))
    _ = try await store.journal.trim(keeping: .nothing, folder: RecordFolder())
    store.close()
    return try World(reopened: self)
  }

  /// Many pushes and pulls of each device, until nothing is left to exchange.
  func settle(_ devices: [Device]) async throws {
    for _ in 0..<3 { for device in devices { try await device.sync() } }
  }
}

extension Device {
  /// The same device, talking to another server.
  func now(_ world: World, pageLimit: Int = 1_000) -> Device {
    Device(opened: store, world.remote, pageLimit: pageLimit)
  }

  func counts() throws -> FoldCounts { try store.journal.read { try $0.counts() } }

  func cursor() throws -> RemoteCursor? { try store.journal.read { try $0.cursor(of: "server") } }

  /// The cursor entries that begin a generation, by their reasons.
  func beginnings() throws -> [String] {
    try store.journal.read { reader in
      var reasons: [String] = []
      try reader.scanEntries(from: 1) { entry in
        guard entry.header.kind == .cursor else { return true }
        let reason = try entry.plainBody.withUnsafeBytes { try Body($0).text(.reason) }
        if let reason { reasons.append(reason) }
        return true
      }
      return reasons
    }
  }

  /// That nothing waits, that the stored fold is what its entries give, and also when made anew.
  func expectSound() async throws {
    let counts = try counts()
    #expect(counts.pending == 0 && counts.inFlight == 0 && counts.accepted == 0)
    #expect(try cursor()?.isTaking != true)
    #expect(try store.problems() == [])
    let picture = try store.picture()
    try await store.rebuild()
    #expect(try store.problems() == [])
    #expect(try store.picture() == picture)
  }
}

/// A server whose connection breaks at one request, counted from the first; the others go through.
final class CutRemote: Remote {
  private let inner: Loopback
  private let isCarriedOut: Bool
  private let left: Mutex<Int>

  init(_ inner: Loopback, after requests: Int, isCarriedOut: Bool) {
    self.inner = inner
    self.isCarriedOut = isCarriedOut
    left = Mutex(requests)
  }

  private func exchange<R>(_ body: () async throws -> R) async throws -> R {
    let isCut = left.withLock { left in
      left -= 1
      return left == -1
    }
    if isCut, !isCarriedOut { throw TransportError.unreachable("cut before") }
    let answer = try await body()
    if isCut { throw TransportError.unreachable("cut behind") }
    return answer
  }

  var wasCut: Bool { left.withLock { $0 < 0 } }

  func info(device: DeviceID) async throws -> RemoteInfo {
    try await exchange { try await inner.info(device: device) }
  }

  func push(_ push: Push) async throws -> PushAnswer {
    try await exchange { try await inner.push(push) }
  }

  func changes(after cursor: String?, limit: Int, device: DeviceID) async throws -> FeedPage {
    try await exchange { try await inner.changes(after: cursor, limit: limit, device: device) }
  }

  func show(_ witness: Witness) async throws -> WitnessAnswer {
    try await exchange { try await inner.show(witness) }
  }
}
