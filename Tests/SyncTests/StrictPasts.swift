import Journal
import Projection
import TestKit
import Testing
import Transport

@testable import JournalTool

@Suite struct `The past of a record that a strict change asks about` {
  private let world: World
  private let peer: `The server`.Peer

  init() throws {
    world = try World()
    peer = try `The server`.Peer(world, "p")
  }

  /// `{ "a": 1 }`, and the same of another field.
  private static func field(_ name: Character) -> [UInt8] {
    [0xA1, 0x61, name.asciiValue ?? 0, 0x01]
  }

  /// The versions a record had, one for each of so many updates of its field `a`.
  private func versions(_ count: Int) async throws -> [ServerVersion] {
    var changes = [try peer.change(.put(fields: Self.field("a")), key: "1")]
    for _ in 1..<count {
      changes.append(try peer.change(.update(set: Self.field("a"), unset: []), key: "1"))
    }
    var versions: [ServerVersion] = []
    for start in stride(from: 0, to: count, by: 500) {
      let answer = try await peer.push(Array(changes[start..<min(start + 500, count)]))
      guard case .judged(let verdicts, _) = answer else { break }
      for case .accepted(let version, _) in verdicts { versions.append(version) }
    }
    #expect(versions.count == count)
    return versions
  }

  private func strict(_ field: Character, on base: ServerVersion) throws -> SegmentChange {
    try peer.change(
      .update(set: Self.field(field), unset: []), key: "1", base: .version(base), isStrict: true)
  }

  private func isConflict(_ verdict: Verdict?) -> Bool? {
    switch verdict {
    case .accepted: false
    case .conflict: true
    default: nil
    }
  }

  @Test func `is looked at as far as the request's size allows`() async throws {
    let reach = StrictBudget.entries + StrictBudget.entriesPerChange
    let versions = try await versions(reach + 10)
    // Nobody else touched the field: what is seen of the past does not contest it.
    let within = try await peer.verdicts(strict("b", on: versions[versions.count - 1 - reach]))
    #expect(isConflict(within.first) == false)
    // One entry more has come meanwhile; what is not looked at counts as touched.
    let beyond = try await peer.verdicts(strict("c", on: versions[versions.count - 1 - reach]))
    #expect(isConflict(beyond.first) == true)
    // Standing on the state it was shown, the change goes through.
    guard case .conflict(let state) = beyond.first else { return }
    #expect(try await isConflict(peer.verdicts(strict("c", on: state.version)).first) == false)
  }

  @Test func `is one allowance for all changes of a request`() async throws {
    let versions = try await versions(500)
    let changes = try "bcdefghi".map { try strict($0, on: versions[0]) }
    guard case .judged(let verdicts, _) = try await peer.push(changes) else {
      Issue.record("the push was not judged")
      return
    }
    let allowance = StrictBudget.entries + StrictBudget.entriesPerChange * changes.count
    // Each looks past those that were accepted before it as well.
    let expected = (0..<changes.count).map { number in
      (0...number).reduce(0) { $0 + 499 + $1 } > allowance
    }
    #expect(expected.contains(true) && expected.contains(false))
    #expect(verdicts.map { isConflict($0) } == expected)
    // Another request has its own.
    #expect(try await isConflict(peer.verdicts(strict("z", on: versions[0])).first) == false)
  }

  @Test func `costs more the longer its bodies are`() {
    let short = StrictBudget(changes: 0)
    let long = StrictBudget(changes: 0)
    var (entries, longEntries) = (0, 0)
    while entries < 100_000, short.spend(100) { entries += 1 }
    while longEntries < 100_000, long.spend(1 << 20) { longEntries += 1 }
    #expect(entries == StrictBudget.entries && longEntries == 1)
  }
}
