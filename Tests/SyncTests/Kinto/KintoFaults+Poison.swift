import Journal
import Projection
import Synchronization
import TestKit
import Testing
import Transport

extension `A Kinto server that cannot be believed` {
  /// Syncs until one succeeds; how many failed before.
  private func failures(_ device: RecordDevice, most: Int = 15) async throws -> Int {
    for count in 0..<most {
      do {
        try await device.sync()
        return count
      } catch let error as TransportError { #expect(error.code == "unavailable") }
    }
    return most
  }

  @Test(arguments: [0, 7, 60], [500, 502])
  func `fails for one edit every time: that one is set aside, and the others arrive`(
    _ place: Int, _ status: Int
  ) async throws {
    let server = KintoDouble()
    server.state.withLock { state in
      state.refusing = { _, _, fields in fields["bad"] == nil ? nil : status }
    }
    let device = try await RecordDevice(server)
    for number in 0..<80 {
      let fields: Fields = number == place ? ["bad": 1] : ["n": 1]
      try await device.store.write { try $0.create("c", "r\(number)", fields) }
    }
    try await device.store.write { try $0.update("c", "r\(place)", set: ["n": 2]) }
    #expect(try await failures(device) < 8)
    try await device.sync()
    #expect(try device.store.parked().map(\.code).contains(ParkedEdit.poison))
    #expect(
      try device.store.parked().map(\.key).allSatisfy { $0 == "r\(place)" },
      "the update falls with the record")
    #expect(try device.counts.pending == 0 && device.counts.inFlight == 0)
    #expect(server.ids.count == 79)
    server.state.withLock { $0.refusing = { _, _, _ in nil } }
    try await device.store.retry(device.store.parked().map(\.sequence))
    try await device.sync()
    #expect(server.fields("r\(place)") == ["bad": 1, "n": 2])
    #expect(try device.counts.parked == 0 && device.store.problems() == [])
  }

  @Test func `fails for everything: nothing is set aside`() async throws {
    let server = KintoDouble()
    server.state.withLock { state in state.refusing = { _, _, _ in 500 } }
    let device = try await RecordDevice(server)
    for key in ["1", "2", "3"] {
      try await device.store.write { try $0.create("c", key, ["n": 1]) }
    }
    #expect(try await failures(device) == 15)
    #expect(try device.counts.parked == 0)
    server.state.withLock { $0.refusing = { _, _, _ in nil } }
    try await device.sync()
    #expect(server.ids == ["1", "2", "3"])
    #expect(try device.store.problems() == [])
  }
}
