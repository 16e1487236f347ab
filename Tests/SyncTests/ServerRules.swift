import Foundation
import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `The server` {
  /// A device as only the server sees it.
  final class Peer {
    var world: World
    let store: Store
    private var sequence: UInt64 = 0

    init(_ world: World, _ name: String) throws {
      self.world = world
      store = try Store.create(at: world.scratch(name), label: name)
    }

    func change(
      _ change: EditDraft.Change, key: String, id: EntryID? = nil, base: SegmentChange.Base = .none,
      isStrict: Bool = false, moreOfGroup: Bool = false, sequence: UInt64? = nil
    ) throws -> SegmentChange {
      self.sequence += 1
      let draft = try EditDraft().draft(change, collection: "c", key: key)
      return SegmentChange(
        sequence: sequence ?? self.sequence,
        id: id ?? EntryID(high: UInt64.random(in: 0...UInt64.max) & ~0xF000 | 0x4000, low: 1 << 63),
        kind: draft.kind, schema: 0, time: .now, moreOfGroup: moreOfGroup, base: base,
        isStrict: isStrict, body: draft.body)
    }

    func push(_ changes: [SegmentChange]) async throws -> PushAnswer {
      let witness = try store.journal.read { reader in
        Witness(
          device: reader.identity.current.id, label: "peer",
          verifierKey: reader.identity.current.verifierKey,
          checkpoint: try Journal.checkpoint(of: reader, path: store.journal.path),
          fromSize: 0, proof: [])
      }
      var answer = try await world.server.push(witness, segment: SegmentCodec.encode(changes))
      if case .sizeDiffers(let size) = answer {
        var again = witness
        again.fromSize = size
        answer = try await world.server.push(again, segment: SegmentCodec.encode(changes))
      }
      return answer
    }

    func verdicts(_ changes: SegmentChange...) async throws -> [Verdict] {
      guard case .judged(let verdicts, _) = try await push(changes) else {
        Issue.record("the push was not judged")
        return []
      }
      return verdicts
    }
  }

  static let one: [UInt8] = [0xA1, 0x61, 0x61, 0x01]

  @Test func `gives strictly increasing versions in commit order`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    var last = ServerVersion(timestamp: 0, tieBreak: 0)
    for number in 0..<20 {
      let verdicts = try await peer.verdicts(
        peer.change(.put(fields: Self.one), key: "\(number)"))
      guard case .accepted(let version, _) = verdicts.first else {
        Issue.record("not accepted")
        return
      }
      #expect(version > last)
      last = version
    }
  }

  @Test func `absorbs what has no effect and accepts the rest`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    func isAbsorbed(_ change: EditDraft.Change, _ key: String) async throws -> Bool? {
      switch try await peer.verdicts(peer.change(change, key: key)).first {
      case .accepted: false
      case .absorbed: true
      default: nil
      }
    }
    #expect(try await isAbsorbed(.update(set: Self.one, unset: []), "1") == true)
    #expect(try await isAbsorbed(.delete, "1") == true)
    #expect(try await isAbsorbed(.create(fields: Self.one), "1") == false)
    #expect(try await isAbsorbed(.create(fields: Self.one), "1") == false)
    #expect(try await isAbsorbed(.update(set: Self.one, unset: []), "1") == false)
    #expect(try await isAbsorbed(.put(fields: Self.one), "1") == false)
    #expect(try await isAbsorbed(.delete, "1") == false)
    #expect(try await isAbsorbed(.delete, "1") == true)
    #expect(try await isAbsorbed(.update(set: Self.one, unset: []), "1") == true)
    #expect(try await isAbsorbed(.put(fields: Self.one), "1") == false)
  }

  @Test func `remembers its verdict by entry id, whoever sends it`() async throws {
    let world = try World()
    let (peer, other) = (try Peer(world, "p"), try Peer(world, "q"))
    let change = try peer.change(.put(fields: Self.one), key: "1")
    let first = try await peer.verdicts(change)
    #expect(try await peer.verdicts(change) == first)
    #expect(try await other.verdicts(change) == first)
    let changed = try peer.change(.delete, key: "1", id: change.id, sequence: change.sequence)
    guard case .refused(let code, _) = try await peer.verdicts(changed).first else {
      Issue.record("other content under a known id was not refused")
      return
    }
    #expect(code == "id-reused")
    #expect(try world.serverEdits().count == 1)
  }

  @Test func `remembers its verdict once the entry is trimmed`() async throws {
    var world = try World()
    let peer = try Peer(world, "p")
    var ids = EntryIDGenerator(random: { 7 })
    // A v7 id of another time, one of a clock that is far ahead, and one that names no time.
    let changes = [
      try peer.change(.put(fields: Self.one), key: "1", id: ids.next(milliseconds: 1_000)),
      try peer.change(.delete, key: "none", id: ids.next(milliseconds: 1 << 47)),
      try peer.change(.update(set: Self.one, unset: []), key: "1"),
      try peer.change(.delete, key: "gone"),
    ]
    guard case .judged(let verdicts, _) = try await peer.push(changes) else {
      Issue.record("the push was not judged")
      return
    }
    guard case .accepted = verdicts[0], case .absorbed = verdicts[1],
      case .accepted = verdicts[2], case .absorbed = verdicts[3]
    else {
      Issue.record("not the verdicts to be remembered: \(verdicts)")
      return
    }
    world.server.close()
    let store = try Store.open(at: world.scratch("server"))
    let report = try await store.journal.trim(keeping: .nothing, folder: RecordFolder())
    #expect(report.trimmed >= 4)
    #expect(try store.problems() == [])
    store.close()
    world = try World(reopened: world)
    peer.world = world
    guard case .judged(let again, _) = try await peer.push(changes) else {
      Issue.record("the push was not judged again")
      return
    }
    #expect(again == verdicts)
    // The version of another server looks like a trimmed one of this: the edit is taken all the same.
    let elsewhere = try peer.change(
      .put(fields: [0xA0]), key: "elsewhere",
      base: .version(ServerVersion(timestamp: 1, tieBreak: 1)))
    guard case .accepted = try await peer.verdicts(elsewhere).first else {
      Issue.record("an edit made on a version of another server was not accepted")
      return
    }
    // A trimmed change still stands for the version it was accepted at.
    let strict = try peer.change(.delete, key: "1", base: .entry(changes[2].id), isStrict: true)
    guard case .accepted = try await peer.verdicts(strict).first else {
      Issue.record("a strict change at the record's version was not accepted")
      return
    }
  }

  @Test func `calls an unknown id under a known device and sequence forked`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    _ = try await peer.verdicts(peer.change(.put(fields: Self.one), key: "1", sequence: 7))
    let answer = try await peer.push([
      peer.change(.put(fields: Self.one), key: "2", sequence: 8),
      peer.change(.put(fields: Self.one), key: "3", sequence: 7),
    ])
    #expect(answer == .forked)
    #expect(try world.serverEdits().count == 1)
  }

  @Test func `judges a strict change by its base`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    let first = try peer.change(.put(fields: Self.one), key: "1", isStrict: true)
    guard case .accepted(let version, _) = try await peer.verdicts(first).first else { return }
    // The id of the writer's earlier change stands for the version it was accepted at.
    let second = try peer.change(
      .update(set: Self.one, unset: []), key: "1", base: .entry(first.id), isStrict: true)
    guard case .accepted = try await peer.verdicts(second).first else {
      Issue.record("a strict change at the record's version was not accepted")
      return
    }
    let stale = try peer.change(.delete, key: "1", base: .version(version), isStrict: true)
    guard case .conflict(let state) = try await peer.verdicts(stale).first else {
      Issue.record("a strict change at an old version was not in conflict")
      return
    }
    #expect(state.state == .live(Self.one) && state.version > version)
  }

  @Test func `takes a group whole or not at all`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    let big =
      [UInt8]([0xA1, 0x61, 0x61, 0x5A, 0x00, 0x07, 0xFF, 0x00])
      + [UInt8](repeating: 1, count: 0x07FF00)
    let merged =
      [UInt8]([0xA1, 0x61, 0x62, 0x5A, 0x00, 0x08, 0x20, 0x00])
      + [UInt8](repeating: 1, count: 0x082000)
    let verdicts = try await peer.verdicts(
      peer.change(.put(fields: big), key: "1", moreOfGroup: true),
      peer.change(.update(set: merged, unset: []), key: "1"))
    for verdict in verdicts {
      guard case .refused(let code, _) = verdict else {
        Issue.record("a group over the limit was not refused")
        return
      }
      #expect(code == "too-large")
    }
    #expect(try world.serverEdits() == [])
  }

  @Test func `refuses malformed changes and keeps serving`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    var broken = try peer.change(.put(fields: Self.one), key: "1")
    broken.body = [0xFF, 0x00]
    var odd = try peer.change(.put(fields: Self.one), key: "2")
    odd.kind = .opened
    var forged = try peer.change(.put(fields: Self.one), key: "3")
    forged.body = [0xA4] + forged.body.dropFirst() + [0x0B, 0x83, 0x40, 0x00, 0x00]
    let good = try peer.change(.put(fields: Self.one), key: "4")
    let verdicts = try await peer.verdicts(broken, odd, forged, good)
    let codes = verdicts.map { verdict -> String in
      switch verdict {
      case .refused(let code, _): code
      case .accepted: "accepted"
      default: "other"
      }
    }
    #expect(codes == ["malformed", "kind", "malformed", "accepted"])
    // Also under an id that is known.
    for body in [[0x00], [], [0xFF]] as [[UInt8]] {
      var again = good
      again.body = body
      guard case .refused = try await peer.verdicts(again).first else {
        Issue.record("a malformed body under a known id was not refused")
        return
      }
    }
  }

  @Test func `knows a cursor from a lost future`() async throws {
    let world = try World()
    let peer = try Peer(world, "p")
    _ = try await peer.verdicts(peer.change(.put(fields: Self.one), key: "1"))
    let page = try await world.server.feed(after: nil, limit: 10, device: nil)
    #expect(page.changes.count == 1 && !page.hasMore)
    for cursor in [
      page.cursor.replacingOccurrences(of: ".2.", with: ".9."),
      String(page.cursor.dropLast()) + (page.cursor.hasSuffix("0") ? "1" : "0"),
      "e." + EntryID(high: 1, low: 2).description + ".1.00", "nonsense", "",
    ] {
      await #expect(throws: ServerError.self) {
        try await world.server.feed(after: cursor, limit: 10, device: nil)
      }
    }
  }
}
