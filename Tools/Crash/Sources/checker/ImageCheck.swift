import Foundation
import Journal
import Projection

/// What an app would do with one journal after a crash: open it, read it, verify it, go on writing.
struct ImageCheck {
  let directory: String
  /// Also closes it, opens it again and verifies what was appended.
  let isThorough: Bool

  /// What was found, `step` naming where it failed when it did.
  func run() async -> Value {
    var answer: Fields = ["directory": .string(directory)]
    var step = "open"
    do {
      let store = try Store.open(at: directory)
      do {
        try await examine(store, &answer, &step)
      } catch {
        store.close()
        throw error
      }
      store.close()
      if isThorough { try reopen(&answer, &step) }
      answer["ok"] = true
    } catch {
      answer["ok"] = false
      answer["step"] = .string(step)
      answer["error"] = .string("\(error)")
    }
    return .object(answer)
  }

  private func examine(_ store: Store, _ answer: inout Fields, _ step: inout String) async throws {
    step = "export"
    let (export, last) = try store.read { snapshot in
      (try Self.digest(of: snapshot), snapshot.reader.head.lastSequence)
    }
    answer["export"] = .string(export)
    answer["last"] = Value(last)
    answer["horizon"] = Value(try store.read { $0.reader.horizon.sequence })

    step = "verify"
    let report = try store.verify()
    guard report.isSound else { throw Broken("\(report.problems.prefix(3))") }
    guard report.size == last else { throw Broken("verify saw \(report.size) of \(last) entries") }

    step = "checkpoint"
    _ = try store.journal.checkpoint()

    step = "append"
    let receipt = try await store.write(by: "checker") { changes in
      try changes.put("checker", "after the crash", ["n": Value(last)])
    }
    // A trim that was cut short goes on at the next opening; it appends nothing more.
    guard receipt.sequences == [last + 1] else {
      throw Broken("after \(last) the next entry became \(receipt.sequences)")
    }
    step = "read back"
    guard try store.read({ try $0.get("checker", "after the crash") }) == ["n": Value(last)] else {
      throw Broken("the appended record reads as another")
    }
    answer["appended"] = Value(last + 1)
  }

  private func reopen(_ answer: inout Fields, _ step: inout String) throws {
    step = "open again"
    let store = try Store.open(at: directory)
    defer { store.close() }
    guard case .some(let appended) = answer["appended"],
      Value(try store.journal.lastSequence) == appended
    else { throw Broken("what was appended is gone after closing") }
    step = "verify again"
    let report = try store.verify()
    guard report.isSound else { throw Broken("\(report.problems.prefix(3))") }
  }

  /// FNV-1a over the lines of `journal export`.
  private static func digest(of snapshot: Snapshot) throws -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    try snapshot.scan { rowKey, fields in
      var line: [UInt8] = []
      let names = try RecordAddress.names(inRowKey: rowKey)
      line.append(contentsOf: #"{"collection":"#.utf8)
      JSONText.writeString(names.collection, into: &line)
      line.append(contentsOf: #","fields":"#.utf8)
      try fields.withUnsafeBytes { try JSONText.write(cbor: $0, into: &line) }
      line.append(contentsOf: #","id":"#.utf8)
      JSONText.writeString(names.key, into: &line)
      line.append(contentsOf: "}\n".utf8)
      for byte in line { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      return true
    }
    return String(hash, radix: 16)
  }
}

/// A promise that did not hold.
struct Broken: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
