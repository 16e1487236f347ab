import Foundation
import TestKit
import Testing

@testable import Journal

/// A directory of its own for one test, removed with it.
final class StorageDirectory {
  let path: String
  var dataFile: String { path + "/data.mdb" }

  init() throws {
    path = NSTemporaryDirectory() + "storage-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// A file beside the data file with other bytes.
  func copy(_ bytes: Data, name: String = "copy.mdb") throws -> String {
    let copy = path + "/" + name
    try bytes.write(to: URL(fileURLWithPath: copy))
    return copy
  }
}

extension SeededRandom {
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}

extension WriteTransaction {
  /// Ends a transaction like the journal does.
  func putHead(_ rest: String = "opaque", estimatedDirtyBytes: Int = 0) throws {
    let fileBytes = try prepareCommit(estimatedDirtyBytes: estimatedDirtyBytes)
    let head = HeadRow(transactionID: transactionID, fileBytes: fileBytes)
    try put(.meta, key: HeadRow.key, payload: head.prefix + Array(rest.utf8))
  }
}

extension Environment {
  /// A new file in a map that is soon full.
  static func create(directory: String, mapBytes: Int) throws -> Environment {
    var settings = StorageSettings()
    settings.mapBytes = mapBytes
    return try create(directory: directory, settings: settings)
  }

  /// A write transaction with a head row, which ends with `head`.
  func commit(head: String = "opaque", _ body: (WriteTransaction) throws -> Void) throws {
    try write { transaction throws in
      try body(transaction)
      try transaction.putHead(head)
    }
  }
}

extension StorageReader {
  /// Every row of every table, in order.
  func allRows() throws -> [Table: [[[UInt8]]]] {
    var all: [Table: [[[UInt8]]]] = [:]
    for table in Table.allCases {
      var rows: [[[UInt8]]] = []
      try scan(table, from: nil) { key, payload in
        rows.append([Array(key), Array(payload)])
        return true
      }
      all[table] = rows
    }
    return all
  }
}

/// Some commits of entries, ids and large records with updates and deletes between them.
func writeWorkload(_ environment: Environment, commits: Int, seed: UInt64) throws {
  var random = SeededRandom(seed: seed)
  var sequence: UInt64 = 0
  for _ in 0..<commits {
    try environment.commit { transaction throws in
      for _ in 0..<Int.random(in: 1...40, using: &random) {
        sequence += 1
        let size = Int.random(in: 0...400, using: &random)
        try transaction.append(.entries, sequence: sequence, payload: random.bytes(size))
        try transaction.put(
          .ids, key: random.bytes(16), payload: Array(sequence.sequenceKey))
      }
      for _ in 0..<4 {
        let key = Array("record \(Int.random(in: 0..<60, using: &random))".utf8)
        if Int.random(in: 0..<4, using: &random) == 0 {
          try transaction.delete(.records, key: key)
        } else {
          let size = Int.random(in: 0...12_000, using: &random)
          try transaction.put(.records, key: key, payload: random.bytes(size))
        }
      }
      if sequence % 5 == 0 { try transaction.delete(.entries, sequence: sequence / 2) }
    }
  }
}
