import Foundation
import Journal
import Projection
import TestKit
import Testing

/// What is shown or sent is durable first, also where an append does not wait for the disk.
@Suite struct DurabilityTests {
  let scratch: Scratch
  let store: Store

  init() throws {
    scratch = try Scratch()
    store = try Store.create(
      at: scratch("j"), label: "laptop",
      configuration: .init(durability: .pinnedSnapshot(interval: .seconds(3600))))
  }

  /// What a power cut would leave: the snapshot's bytes tell one state from another.
  private func snapshot() throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: scratch("j") + "/snapshot"))
  }

  private func write(_ key: String) async throws {
    try await store.write { try $0.put("notes", key, ["n": 1]) }
  }

  @Test func appendingDoesNotWaitForTheDiskAndFlushingDoes() async throws {
    try await write("a")
    let before = try snapshot()
    try await write("b")
    #expect(try snapshot() == before)
    try store.journal.flush()
    let after = try snapshot()
    #expect(after != before)
    try store.journal.flush()
    #expect(try snapshot() == after)
    #expect(try store.problems() == [])
  }

  @Test func aCheckpointIsShownOnlyOfWhatIsDurable() async throws {
    try await write("a")
    let before = try snapshot()
    _ = try store.journal.checkpoint()
    #expect(try snapshot() != before)
  }

  @Test func whatIsSentIsMadeDurableFirst() async throws {
    try await write("a")
    let before = try snapshot()
    try await store.journal.ensureDurable()
    #expect(try snapshot() != before)
  }

  @Test func closingLeavesAJournalThatNeedsNoSnapshot() async throws {
    try await write("a")
    store.close()
    #expect(!FileManager.default.fileExists(atPath: scratch("j") + "/snapshot"))
    let again = try Store.open(at: scratch("j"))
    #expect(try again.read { try $0.get("notes", "a") } != nil)
    again.close()
  }
}
