import Foundation
import TestKit
import Testing

@testable import Journal

@Suite struct ReaderTests {
  let directory: StorageDirectory
  let time = ManualTime()

  init() throws {
    directory = try StorageDirectory()
  }

  private func append(_ environment: Environment, _ sequences: ClosedRange<UInt64>) throws {
    for sequence in sequences {
      try environment.commit { transaction throws in
        try transaction.append(
          .entries, sequence: sequence, payload: [UInt8](repeating: 7, count: 200))
      }
    }
  }

  private func fileBytes() throws -> UInt64 {
    let reader = try PagedReader.open(directory: directory.path)
    defer { reader.close() }
    return (reader.source.meta.lastPage + 1) * 4096
  }

  @Test func aForgottenReaderStopsHoldingPagesAfterItsDeadline() throws {
    var settings = time.settings
    // Two syncs for each of these commits say nothing here.
    settings.durability = .pinnedSnapshot(interval: .milliseconds(1))
    try Environment.create(directory: directory.path).close()
    let environment = try Environment.open(directory: directory.path, settings: settings)
    try append(environment, 1...2000)
    try environment.read { stuck throws in
      #expect(try stuck.count(.entries) == 2000)
      time.advance(seconds: 6)
      let before = try fileBytes()
      for first in stride(from: UInt64(2001), through: 22_000, by: 20) {
        try append(environment, first...(first + 19))
        time.advance(seconds: 0.02)
      }
      // What 20,000 entries take by themselves, twice over.
      #expect(try fileBytes() < before + 2 * 20_000 * 260 + 64 << 10)
      let error = #expect(throws: JournalError.self) { try stuck.count(.entries) }
      #expect(error?.code == "read-expired")
    }
    #expect(try environment.read { try $0.count(.entries) } == 22_000)
  }

  @Test func aReaderWithinItsDeadlineKeepsItsState() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...10)
    try environment.read { reader throws in
      time.advance(seconds: 4.9)
      try append(environment, 11...30)
      #expect(try reader.count(.entries) == 10)
      #expect(try environment.oldestReaderLag() == 20)
      time.advance(seconds: 0.2)
      #expect(try reader.count(.entries) == 10)
      try append(environment, 31...31)
      #expect(throws: JournalError.self) { try reader.value(.entries, sequence: 1) }
      #expect(try environment.oldestReaderLag() == 0)
    }
  }

  @Test func aLongReadHasNoDeadline() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...10)
    try environment.read(span: .long) { reader throws in
      time.advance(seconds: 600)
      try append(environment, 11...40)
      #expect(try reader.count(.entries) == 10)
      #expect(try environment.oldestReaderLag() == 30)
    }
  }

  @Test func rowsAreNeverTakenAwayWhileTheyAreLent() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...10)
    try environment.read { reader throws in
      try reader.withValue(.entries, sequence: 3) { payload throws in
        time.advance(seconds: 60)
        try append(environment, 11...200)
        #expect(payload.allSatisfy { $0 == 7 })
        // An access inside another one.
        #expect(try reader.count(.entries) == 10)
      }
      try append(environment, 201...201)
      #expect(throws: JournalError.self) { try reader.count(.entries) }
    }
  }

  @Test func aScanThatStaysTooLongIsEndedBetweenTwoRows() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...500)
    var seen = 0
    let error = #expect(throws: JournalError.self) {
      try environment.read { reader throws in
        try reader.scan(.entries, from: nil) { _, _ in
          seen += 1
          if seen == 10 { time.advance(seconds: 6) }
          if seen % 10 == 0 { try environment.commit { try $0.put(.ids, key: [1], payload: []) } }
          return true
        }
      }
    }
    #expect(error?.code == "read-expired")
    #expect(seen < 500)
    #expect(try environment.read { try $0.count(.entries) } == 500)
  }

  @Test func aReaderOfAProcessThatOnlyReadsIsEndedByTheNextRead() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...3)
    try environment.read { stuck throws in
      try append(environment, 4...5)
      time.advance(seconds: 6)
      _ = try environment.read { try $0.count(.entries) }
      #expect(throws: JournalError.self) { try stuck.count(.entries) }
    }
  }

  @Test func anEndedReaderDoesNotKeepTheFileOpen() throws {
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try append(environment, 1...3)
    try environment.read { stuck throws in
      time.advance(seconds: 6)
      try append(environment, 4...4)
      environment.close()
      let again = try Environment.open(directory: directory.path)
      #expect(try again.read { try $0.count(.entries) } == 4)
      #expect(throws: JournalError.self) { try stuck.count(.entries) }
    }
  }

  @Test func aThreadMayHoldManyReadersAndAProcessNoMoreThanItsShare() throws {
    let environment = try Environment.create(directory: directory.path)
    try append(environment, 1...2)
    func nest(_ depth: Int) throws -> Int {
      try environment.read { reader throws in
        #expect(try reader.count(.entries) == 2)
        do {
          return try nest(depth + 1)
        } catch let error as JournalError where error.code == "busy" {
          return depth + 1
        }
      }
    }
    #expect(try nest(0) == TransactionGate.maximumReaders)
    #expect(try nest(0) == TransactionGate.maximumReaders)
    try append(environment, 3...3)
  }

  @Test func everyAddressOfARowWillDo() throws {
    let environment = try Environment.create(directory: directory.path)
    var random = SeededRandom(seed: 11)
    let rows = (0..<200).map { index in
      (key: [UInt8(index)] + random.bytes(index % 9), payload: random.bytes(40 + index % 13))
    }
    try environment.write { transaction throws in
      for row in rows { try transaction.put(.meta, key: row.key, payload: row.payload) }
    }
    try environment.read { reader throws in
      var remainders: Set<Int> = []
      for row in rows {
        try reader.withValue(.meta, row.key) { payload in
          remainders.insert(Int(bitPattern: payload.baseAddress) % 8)
          #expect(Array(payload) == row.payload)
          #expect(
            HeadRow(payload: payload)?.transactionID
              == row.payload[..<8].reduce(0) { $0 << 8 | UInt64($1) })
        }
      }
      #expect(remainders.count > 3)
    }
  }
}
