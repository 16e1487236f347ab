import Foundation
import Projection
import TestKit
import Testing

@testable import Journal

@Suite("Rebuilding")
struct RebuildTests {
  @Test(
    "rows written anew are the rows that were there, in one slice or in many",
    arguments: [
      RebuildState.sliceBytes, 1 << 20,
    ])
  func sameRows(sliceBytes: Int) async throws {
    let seed = ProcessInfo.processInfo.environment["SEED"].flatMap(UInt64.init) ?? 7
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    try await Self.fill(store, seed: seed)
    let before = try Self.rows(store)
    try await store.journal.transact { try $0.rebuildFold(slicedBy: sliceBytes) }
    let after = try Self.rows(store)
    #expect(before.count == after.count, "seed \(seed)")
    #expect(before == after, "seed \(seed)")
    #expect(try store.problems() == [], "seed \(seed)")
  }

  /// Edits of every kind, over enough bytes that small slices are many.
  private static func fill(_ store: Store, seed: UInt64) async throws {
    var random = SeededRandom(seed: seed)
    let text = String(repeating: "long ", count: 400)
    for _ in 0..<6 {
      let steps = (0..<400).map { _ in (random.next() % 700, random.next() % 6) }
      for chunk in [steps.prefix(200), steps.suffix(200)] {
        try await store.write(by: "mia") { tx in
          for (index, step) in chunk.enumerated() {
            let (number, kind) = step
            let key = "k\(number)"
            try tx.put("notes", key, ["text": .string(text), "n": .integer(Int64(index))])
            switch kind {
            case 0: try tx.delete("notes", key)
            case 1: try tx.update("notes", key, set: ["more": true], unset: ["n"])
            case 2: try tx.update("notes", key, set: ["text": "short"])
            default: break
            }
          }
        }
      }
    }
  }

  /// Every row of the tables a rebuild writes, as it is stored.
  private static func rows(_ store: Store) throws -> [[[UInt8]]] {
    try store.journal.read { reader in
      var rows: [[[UInt8]]] = []
      for table in [Table.records, .edits] {
        try reader.storage.scan(table, from: nil) { key, payload in
          rows.append([[table.rawValue], [UInt8](key), [UInt8](payload)])
          return true
        }
      }
      rows.append([[], [], try reader.counts().encoded])
      return rows
    }
  }
}
