import Foundation
import TestKit
import Testing

@testable import Journal

@Suite struct RowTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func theChecksumCoversTableKeyAndPayload() {
    func checksum(_ table: Table, _ key: [UInt8], _ payload: [UInt8]) -> UInt32 {
      key.withUnsafeBytes { key in
        payload.withUnsafeBytes { Row.checksum(table, key, $0) }
      }
    }
    let expected = checksum(.records, [1, 2], [3, 4])
    #expect(checksum(.edits, [1, 2], [3, 4]) != expected)
    #expect(checksum(.records, [1, 3], [3, 4]) != expected)
    #expect(checksum(.records, [1, 2], [3, 5]) != expected)
  }

  /// One row's payload is changed on disk; each way to read it has to notice.
  @Test func noWayToReadAChangedRowLendsIt() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.records, key: [7], payload: Array("needle".utf8)) }
    environment.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let place = try #require(bytes.range(of: Data("needle".utf8)))
    bytes[place.lowerBound] ^= 1
    try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
    let mapped = try Environment.open(directory: directory.path)
    let expected = JournalError.damaged("checksum of row 07 in records; run `journal verify`")
    func check(_ reader: any StorageReader) {
      #expect(throws: expected) { try reader.value(.records, [7]) }
      #expect(throws: expected) { try reader.contains(.records, [7]) }
      #expect(throws: expected) { try reader.scan(.records, from: nil) { _, _ in true } }
      #expect(throws: expected) { try reader.scan(.records, from: [7]) { _, _ in true } }
      #expect(throws: expected) { try reader.scanBackward(.records, from: nil) { _, _ in true } }
      #expect(throws: expected) { try reader.scanBackward(.records, from: [9]) { _, _ in true } }
    }
    try mapped.read { check($0) }
    try mapped.write { check($0) }
    check(try PagedReader.open(directory: directory.path))
  }

  @Test func pagesThatCommitsFreeAreUsedAgainThoughReadersComeAndGo() throws {
    let environment = try Environment.create(directory: directory.path)
    func churn(_ commits: Int) throws -> UInt64 {
      for round in 0..<commits {
        try environment.commit { transaction throws in
          for key: UInt64 in 0..<50 {
            let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: 700)
            try transaction.put(.records, key: key.sequenceKey, payload: payload)
          }
        }
      }
      return try PagedReader.open(directory: directory.path).source.meta.lastPage
    }
    _ = try churn(20)
    // Three readers at once, which are gone before the next commit.
    try environment.read { _ in try environment.read { _ in try environment.read { _ in } } }
    let before = try churn(20)
    #expect(try churn(200) <= before + before / 2)
  }
}
