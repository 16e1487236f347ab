import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `An erasure` {
  private static let seed =
    ProcessInfo.processInfo.environment["TEST_SEED"].flatMap { UInt64($0) }
    ?? UInt64.random(in: 0..<1_000_000)

  /// What a change, a trim or an erasure left behind must be what a fold from nothing gives.
  @Test(arguments: [true, false])
  func `leaves a sound journal, whatever came before`(isLocal: Bool) async throws {
    for round in 0..<12 {
      let seed = Self.seed &+ UInt64(round)
      var random = SeededRandom(seed: seed)
      let scratch = try Scratch()
      let clock = ManualClock()
      let store = try Store.create(
        at: scratch("j"), label: "laptop", isLocal: isLocal, configuration: clock.configuration)
      defer { store.close() }
      for step in 0..<40 {
        clock.advance(by: 1_000)
        let key = "k\(random.next() % 5)"
        switch random.next() % 10 {
        case 0..<6: try await Self.change(store, key, step, &random)
        case 6:
          let keep = random.next() % 20
          _ = try await store.compact(keeping: keep == 0 ? .nothing : .newest(keep))
        default:
          let before = try store.picture()
          let root = try store.verify().root
          let erased = try await store.erase("c", key, because: "asked to")
          if erased != nil { #expect(try store.verify().root != root) }
          let after = before.split(separator: "\n").filter { !$0.hasPrefix("c/\(key) ") }
          #expect(
            try store.picture().split(separator: "\n") == after, "seed \(seed), step \(step)")
        }
        #expect(try store.problems() == [], "seed \(seed), step \(step)")
      }
      let picture = try store.picture()
      try await store.rebuild()
      #expect(try store.picture() == picture, "seed \(seed)")
      #expect(try store.problems() == [], "seed \(seed)")
    }
  }

  private static func change(
    _ store: Store, _ key: String, _ step: Int, _ random: inout SeededRandom
  ) async throws {
    let isGroup = random.next() % 3 == 0
    let isDelete = random.next() % 5 == 0
    let exists = try store.read { try $0.get("c", key) } != nil
    try await store.write { tx in
      if isDelete, exists {
        try tx.delete("c", key)
      } else {
        try tx.put("c", key, ["n": .integer(Int64(step))])
      }
      if isGroup { try tx.put("c", "k0", ["group": .integer(Int64(step))]) }
    }
  }

  @Test func `keeps every leaf, root and proof`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    for number in 0..<9 {
      try await store.write { try $0.put("c", "k\(number % 3)", ["n": .integer(Int64(number))]) }
    }
    func leaves() throws -> [[UInt8]] {
      try store.journal.read { reader in
        var leaves: [[UInt8]] = []
        try reader.scanEntries(from: 1) { entry in
          leaves.append(entry.header.leaf)
          return true
        }
        return leaves
      }
    }
    let (before, note) = (try leaves(), try store.journal.checkpoint())
    #expect(try await store.erase("c", "k1", because: "asked to") == 3)
    #expect(try Array(leaves().prefix(before.count)) == before)
    let key = try VerifierKey(store.journal.verifierKey)
    let report = try Verifier.verify(
      directory: store.journal.path, against: [OutsideCheckpoint(note: note, keys: [key])],
      folder: RecordFolder())
    #expect(report.isSound && report.undecided.isEmpty)
    #expect(try await store.erase("c", "k1", because: "again") == nil)
  }

  @Test func `destroys bodies and salts`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    try await store.write { try $0.put("c", "k", ["n": 1]) }
    try await store.erase("c", "k", because: "asked to")
    let entry = try #require(try store.journal.read { try $0.entry(2) })
    #expect(entry.encoding == StoredEntry.erasedEncoding)
    #expect(entry.body == [] && entry.salt == Salt(high: 0, low: 0) && entry.previous == 0)
  }

  @Test func `takes an erased edit that is repeated for known`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    let draft = try EditDraft(id: .computed([UInt8](repeating: 7, count: 32)))
      .draft(.put(fields: [0xA0]), collection: "c", key: "k")
    let first = try await store.journal.transact { try $0.append(draft) }
    try await store.erase("c", "k", because: "asked to")
    let again = try await store.journal.transact { try $0.append(draft) }
    #expect(first == .new(2) && again == .known(2))
    #expect(try store.problems() == [])
  }

  @Test func `begins a trim anew that was writing its baseline`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
    defer { store.close() }
    try await store.write { try $0.put("c", "k", ["n": 1]) }
    try await store.journal.transact { try $0.putMeta(MetaKey.nextBaseline, [1]) }
    try await store.erase("c", "k", because: "asked to")
    #expect(try store.journal.read { try $0.meta(MetaKey.nextBaseline) } == nil)
  }
}
