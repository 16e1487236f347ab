import Foundation
import Journal
import Projection
import TestKit
import Testing

/// Journals written by released formats; every later release opens them.
@Suite struct `A journal of format 1` {
  static let root = "VuXMGnSxXPvTcorzFUQOEQ8CrAoKInWQAcYqvKPftTg="

  private func fixture() throws -> (scratch: Scratch, expected: String) {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let folder = here.deletingLastPathComponent().appendingPathComponent("Fixtures/format-1")
    let scratch = try Scratch()
    let files = FileManager.default
    try files.createDirectory(
      atPath: scratch("j"), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try files.copyItem(
      atPath: folder.appendingPathComponent("data.mdb").path, toPath: scratch("j/data.mdb"))
    try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: scratch("j/data.mdb"))
    let expected = try String(
      contentsOf: folder.appendingPathComponent("export.ndjson"), encoding: .utf8)
    return (scratch, expected)
  }

  @Test func `verifies and shows its records`() async throws {
    let (scratch, expected) = try fixture()
    let report = try Verifier.verify(directory: scratch("j"), folder: RecordFolder())
    #expect(report.problems == [])
    #expect(report.root.description == Self.root)
    let store = try Store.open(at: scratch("j"))
    defer { store.close() }
    var lines = ""
    try store.read { snapshot in
      try snapshot.scan { rowKey, fields in
        let names = try RecordAddress.names(inRowKey: rowKey)
        let record: Fields = [
          "collection": .string(names.collection), "id": .string(names.key),
          "fields": .object(try Snapshot.decode(fields)),
        ]
        lines += JSONText.string(.object(record)) + "\n"
        return true
      }
    }
    #expect(lines == expected)
    try await store.write { try $0.put("p", "later", ["n": 1]) }
    #expect(try store.problems() == [])
  }
}
