import Journal
import Projection
import Synchronization
import TestKit
import Testing

@testable import Transport

/// Servers that keep records, not entries, and what a policy makes of their conflicts.
@Suite struct `A policy at a server of records` {
  private static func expected(
    _ policy: ConflictPolicy, _ status: EditStatus, _ here: Fields?, _ there: Value?
  ) {
    let comment: Comment = "\(policy.name)"
    if policy.isStrict {
      #expect(status == .superseded, comment)
      #expect(here?["a"] == "theirs" && there == "theirs", comment)
    } else {
      #expect(status == .settled, comment)
      #expect(here?["a"] == "mine" && there == "mine", comment)
    }
  }

  @Test(arguments: [RESTSettings.Preconditions.none, .version, .etag])
  func `is asked before the other side's change is overwritten`(
    _ preconditions: RESTSettings.Preconditions
  ) async throws {
    for policy in [ConflictPolicy.serverWins, .clientWins, .rebase] {
      var settings = `A server of plain records`.puts
      settings.preconditions = preconditions
      let server = PlainServer(settings)
      server.state.withLock { $0.hasETags = true }
      server.write("c", "1", ["a": 1, "b": 1])
      let device = try await RecordDevice(server)
      try await device.store.declarePolicy(policy, of: "c")
      try await device.sync()
      try await device.store.write { try $0.update("c", "1", set: ["a": "mine"]) }
      let edit = try device.store.journal.lastSequence
      server.write("c", "1", ["a": "theirs"])
      try await device.sync()
      let report = try await device.sync()
      #expect(report.pending == 0)
      let there = server.state.withLock { $0.records["c"]?["1"]?.fields["a"] }
      Self.expected(policy, try device.store.status(of: edit), try device.get("1"), there)
      #expect(try device.store.problems() == [])
    }
  }

  @Test func `is asked when Kinto says that a record has moved on`() async throws {
    for policy in [ConflictPolicy.serverWins, .clientWins, .rebase] {
      let server = KintoDouble()
      server.write("c", "1", ["a": 1, "b": 1])
      let device = try await RecordDevice(server)
      try await device.store.declarePolicy(policy, of: "c")
      try await device.sync()
      try await device.store.write { try $0.update("c", "1", set: ["a": "mine"]) }
      let edit = try device.store.journal.lastSequence
      server.write("c", "1", ["a": "theirs", "b": 1])
      try await device.sync()
      let report = try await device.sync()
      #expect(report.pending == 0)
      Self.expected(
        policy, try device.store.status(of: edit), try device.get("1"), server.fields("1")?["a"])
      #expect(try device.store.problems() == [])
    }
  }
}
