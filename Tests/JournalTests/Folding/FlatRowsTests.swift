import Foundation
import TestKit
import Testing

@testable import Journal

@Suite("Rows in memory")
struct FlatRowsTests {
  @Test("they hold what a dictionary holds, through growth and replacement")
  func agreesWithADictionary() throws {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    let rows = FlatRows()
    var expected: [[UInt8]: [UInt8]] = [:]
    for _ in 0..<20_000 {
      let key = [UInt8]("k\(random.next() % 3_000)".utf8)
      if random.next() % 4 == 0 {
        #expect(rows[key] == expected[key], "seed \(seed)")
        continue
      }
      let length = random.next() % 2_000 == 0 ? 1_100_000 : Int(random.next() % 300)
      let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: length)
      key.withUnsafeBytes { key in payload.withUnsafeBytes { rows.put(key, $0) } }
      expected[key] = payload
    }
    #expect(rows.count == expected.count, "seed \(seed)")
    #expect(Set(rows.keys) == Set(expected.keys), "seed \(seed)")
    var sorted: [[UInt8]] = []
    rows.forEachSorted { key, payload in
      sorted.append([UInt8](key))
      return payload.elementsEqual(expected[[UInt8](key)] ?? [0])
    }
    #expect(sorted.count == expected.count, "a payload differs, seed \(seed)")
    #expect(sorted == sorted.sorted { $0.lexicographicallyPrecedes($1) }, "seed \(seed)")
  }

  @Test("a prefix chooses the rows whose key begins with it")
  func prefix() {
    let rows = FlatRows()
    for key in ["ab", "a", "b", "abc", ""] {
      Array(key.utf8).withUnsafeBytes { key in rows.put(key, key) }
    }
    var found: [String] = []
    rows.forEachSorted(prefix: Array("a".utf8)) { key, _ in
      found.append(String(decoding: key, as: UTF8.self))
      return found.count < 2
    }
    #expect(found == ["a", "ab"])
  }
}

@Suite("Open edits in memory")
struct OpenEditsTests {
  @Test("they hold what a dictionary holds, whatever their state")
  func agreesWithADictionary() {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    var edits = OpenEdits()
    var expected: [SequenceNumber: EditState] = [:]
    for step in 0..<20_000 {
      // Mostly the next sequence, as a fold has it; sometimes one long gone.
      let next = SequenceNumber(step) + 1
      let sequence = random.next() % 3 == 0 ? 1 + random.next() % next : next
      let state = random.next() % 4 == 0 ? nil : Self.state(&random)
      edits[sequence] = state
      expected[sequence] = state
      let other = 1 + random.next() % next
      #expect(edits[other] == expected[other], "seed \(seed)")
    }
    #expect(edits.count == expected.count, "seed \(seed)")
    var all: [SequenceNumber] = []
    edits.visit { sequence, state in
      all.append(sequence)
      #expect(expected[sequence] == state, "seed \(seed)")
    }
    #expect(all == expected.keys.sorted(), "seed \(seed)")
  }

  @Test("a state's row comes back as it was")
  func encoding() throws {
    let seed = testSeed()
    var random = SeededRandom(seed: seed)
    for _ in 0..<1_000 {
      let state = Self.state(&random)
      let bytes = state.encoded
      #expect(bytes.count == state.encodedBytes, "seed \(seed)")
      #expect(try bytes.withUnsafeBytes { try EditState($0) } == state, "seed \(seed)")
    }
  }

  private static func state(_ random: inout SeededRandom) -> EditState {
    func sequence() -> UInt64 { random.next() >> 16 }
    var state = EditState()
    let version = ServerVersion(timestamp: random.next(), tieBreak: random.next())
    state.previousOpen = sequence()
    switch random.next() % 5 {
    case 0: state.delivery = .inFlight(sent: sequence())
    case 1: state.delivery = .accepted(version, absorbed: random.next() % 2 == 0, sent: sequence())
    case 2: state.delivery = .parked(by: sequence())
    default: break
    }
    switch random.next() % 3 {
    case 0: state.base = .version(version)
    case 1: state.base = .earlierEdit
    default: break
    }
    state.isInDoubt = random.next() % 4 == 0
    if random.next() % 5 == 0 { state.decision = max(1, sequence()) }
    return state
  }
}

/// The seed of a random test: `SEED` of the environment, else a fixed one.
private func testSeed() -> UInt64 {
  ProcessInfo.processInfo.environment["SEED"].flatMap(UInt64.init) ?? 20_261_121
}
