import Foundation
import Projection
import TestKit
import Testing

@testable import Journal

/// Keys by id, as an app's key store has them.
struct Keys: Sendable {
  let keys: [EncryptionKey] = (0..<4).map { _ in EncryptionKey() }

  /// The keys of some ids, the current one first.
  func encryption(_ current: UInt32, also others: UInt32...) -> Journal.Encryption {
    let ids = [current] + others
    return Journal.Encryption(keyID: current) { id in
      ids.contains(id) ? keys[Int(id)] : nil
    }
  }

  func configuration(_ current: UInt32, also others: UInt32...) -> Journal.Configuration {
    let ids = [current] + others
    return Journal.Configuration(
      encryption: Journal.Encryption(keyID: current) { id in
        ids.contains(id) ? keys[Int(id)] : nil
      })
  }
}

/// The code of the error `body` throws.
func code<R>(_ body: () throws -> R) -> String? {
  do {
    _ = try body()
    return nil
  } catch {
    return (error as? JournalError)?.code ?? "\(error)"
  }
}

func asyncCode<R>(_ body: () async throws -> R) async -> String? {
  do {
    _ = try await body()
    return nil
  } catch {
    return (error as? JournalError)?.code ?? "\(error)"
  }
}

/// Rewrites rows of a closed journal as they are stored, with checksums and head row made right.
func tamper(_ path: String, _ body: (WriteTransaction) throws -> Void) throws {
  let environment = try Environment.open(directory: path)
  defer { environment.close() }
  try environment.write { transaction in
    try body(transaction)
    var head = try #require(try transaction.value(.meta, HeadRow.key))
    let row = HeadRow(
      transactionID: transaction.transactionID, fileBytes: try transaction.prepareCommit())
    head.replaceSubrange(0..<HeadRow.prefixBytes, with: row.prefix)
    try transaction.put(.meta, key: HeadRow.key, payload: head)
  }
}

/// The bytes of a closed journal's data file.
func dataFile(_ path: String) throws -> Data {
  try Data(contentsOf: URL(fileURLWithPath: path + "/data.mdb"))
}

extension SeededRandom {
  /// Random changes to a few records, the same for the same seed.
  mutating func edit(_ store: Store) async throws {
    let key = "r\(Int.random(in: 0..<9, using: &self))"
    let exists = try store.read { try $0.get("c", key) } != nil
    let number = Value.integer(Int64.random(in: 0..<100, using: &self))
    let text = String(repeating: "x", count: Int.random(in: 0..<3_000, using: &self))
    let choice = Int.random(in: 0..<4, using: &self)
    try await store.write(by: "mia") { tx in
      switch choice {
      case 0 where exists: try tx.delete("c", key)
      case 1 where exists: try tx.update("c", key, set: ["b": number], unset: ["a"])
      case 2 where !exists: try tx.create("c", key, ["a": number])
      default: try tx.put("c", key, ["a": number, "c": .string(text)])
      }
    }
  }
}
