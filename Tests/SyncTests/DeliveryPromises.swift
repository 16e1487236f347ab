import Foundation
import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

@Suite struct `A promise of delivery` {
  private func sync(_ device: Device, _ remote: AlteredRemote) async throws {
    let engine = SyncEngine(journal: device.store.journal, remote: "server", over: remote)
    _ = try await engine.sync()
  }

  @Test func `a group is in one segment, however full that is`() async throws {
    let world = try World()
    let device = try await world.device("a")
    let large = Value.bytes([UInt8](repeating: 1, count: 350_000))
    for group in 0..<3 {
      try await device.store.write { tx in
        for number in 0..<2 { try tx.put("c", "\(group)-\(number)", ["large": large]) }
      }
    }
    try await device.sync()
    let counts = try world.remote.segments.map { segment in
      try segment.withUnsafeBytes { try SegmentCodec.decode($0).count }
    }
    #expect(counts == [4, 2])
    #expect(try device.pending == 0)
  }

  @Test func `every answer is booked for the edit it is about`() async throws {
    let world = try World()
    let device = try await world.device("a")
    for number in 0..<5 { try await device.put("\(number)", ["n": 1]) }
    try await device.sync(.pushOnly)
    let page = try await world.server.feed(after: nil, limit: 100, device: nil)
    try device.store.journal.read { reader in
      #expect(page.changes.count == 5)
      for change in page.changes {
        let id = try #require(change.originID)
        let sequence = try #require(try reader.remembered(id)).sequence
        guard case .accepted(let version, false, _) = try reader.edit(sequence)?.delivery else {
          Issue.record("edit \(sequence) is not accepted")
          continue
        }
        #expect(version == change.version)
      }
    }
  }

  @Test func `the cursor never passes a page that could not be taken in`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    for number in 0..<3 { try await a.put("\(number)", ["n": 1]) }
    try await a.sync()
    let broken = AlteredRemote(
      world.remote,
      page: { page in
        var page = page
        if !page.changes.isEmpty {
          page.changes[page.changes.count - 1].key = String(repeating: "k", count: 500)
        }
        return page
      })
    await #expect(throws: TransportError.self) { try await sync(b, broken) }
    #expect(try b.store.picture() == "")
    try await b.sync()
    #expect(try a.store.picture() == b.store.picture())
    #expect(try b.store.problems() == [])
  }

  @Test func `an own edit that comes back is neither a change nor a conflict`() async throws {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    try await device.sync(.pushOnly)
    try await device.update("1", ["n": 2])
    let report = try await device.sync(.pullOnly)
    #expect(report.pulled == 0)
    #expect(report.conflicts == 0)
    #expect(try device.count(.conflict) == 0)
    #expect(try device.get("1") == ["n": 2])
    try await device.sync()
    #expect(try device.get("1") == ["n": 2])
    #expect(try device.store.problems() == [])
  }

  @Test func `an older change seen again does not undo a deletion`() async throws {
    let world = try World()
    let (a, b) = (try await world.device("a"), try await world.device("b"))
    try await a.put("1", ["n": 1])
    try await a.sync()
    let first = try await world.server.feed(after: nil, limit: 100, device: nil)
    try await a.delete("1")
    try await a.sync()
    let second = try await world.server.feed(after: first.cursor, limit: 100, device: nil)
    let intake = Intake(remote: "server", epoch: first.epoch)
    for page in [first, second, first, second] {
      _ = try await b.store.journal.transact { try intake.append(page, $0) }
      #expect(try b.get("1") == (page == first && b.count(.remoteChange) == 1 ? ["n": 1] : nil))
    }
    #expect(try b.count(.remoteChange) == 2)
    #expect(try b.store.problems() == [])
  }

  @Test func `nothing a witness has not seen is trimmed`() async throws {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    try await device.sync()
    for number in 2..<6 { try await device.put("\(number)", ["n": 1]) }
    // Everything is settled, but the checkpoint over it does not arrive.
    await #expect(throws: TransportError.self) {
      try await sync(
        device,
        AlteredRemote(world.remote, show: { _, _ in throw TransportError.unreachable("no answer") })
      )
    }
    let seen = try #require(try device.store.journal.read { try $0.witnessedSize(of: "server") })
    let last = try device.store.journal.lastSequence
    #expect(seen < last)
    let report = try await device.store.compact()
    #expect(report.horizon <= seen + 1)
    try await device.sync()
    // A journal that could not prove its way on from there would have become another device.
    #expect(try device.count(.deviceChanged) == 0)
    #expect(try device.pending == 0)
    #expect(try device.store.problems() == [])
  }

  @Test func `a journal put back to an earlier state goes on as another device`() async throws {
    let world = try World()
    let device = try await world.device("a")
    try await device.put("1", ["n": 1])
    try await device.sync()
    let files = FileManager.default
    try files.copyItem(atPath: world.scratch("a"), toPath: world.scratch("backup"))
    try await device.put("2", ["n": 2])
    try await device.sync()
    let before = try device.store.journal.device
    device.store.close()
    try files.removeItem(atPath: world.scratch("a"))
    try files.moveItem(atPath: world.scratch("backup"), toPath: world.scratch("a"))
    let restored = try world.open("a")
    try await restored.put("3", ["n": 3])
    try await restored.sync()
    #expect(try restored.store.journal.device != before)
    #expect(try restored.count(.deviceChanged) == 1)
    // What had been delivered before the files were put back comes from the server again.
    #expect(try restored.store.picture() == "c/1 {\"n\":1}\nc/2 {\"n\":2}\nc/3 {\"n\":3}\n")
    #expect(try restored.pending == 0)
    #expect(try restored.store.problems() == [])
  }

  @Test func `a checkpoint that is no extension of the known one is forked`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("a"), label: "a")
    defer { store.close() }
    for number in 0..<9 { try await store.write { try $0.put("c", "\(number)", ["n": 1]) } }
    try store.journal.read { reader in
      let tree = JournalTree(reader)
      let device = reader.identity.current
      for size in 1..<reader.head.lastSequence {
        let witness = Witness(
          device: device.id, label: "a", verifierKey: device.verifierKey,
          checkpoint: try Journal.checkpoint(of: reader, path: store.journal.path), fromSize: size,
          proof: try MerkleTree.consistencyProof(from: size, to: 10, in: tree))
        let checkpoint = try WitnessRule.open(witness)
        var known = WitnessRule.row(witness, checkpoint, known: nil)
        known.size = size
        known.root = try tree.root(size: size)
        #expect(WitnessRule.judge(witness, checkpoint, known: known) == .extends(checkpoint))
        known.root = TreeHash.node(known.root, known.root)
        #expect(WitnessRule.judge(witness, checkpoint, known: known) == .forked, "size \(size)")
      }
    }
  }
}
