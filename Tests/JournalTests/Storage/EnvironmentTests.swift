import Foundation
import TestKit
import Testing

@testable import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct EnvironmentTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func rowsComeBackAfterReopening() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { transaction throws in
      try transaction.append(.entries, sequence: 1, payload: [1, 2, 3])
      try transaction.put(.ids, key: [9], payload: [])
      #expect(try transaction.value(.entries, sequence: 1) == [1, 2, 3])
    }
    #expect(try environment.lastTransactionID() == 2)
    environment.close()
    let again = try Environment.open(directory: directory.path)
    try again.read { transaction throws in
      #expect(try transaction.value(.entries, sequence: 1) == [1, 2, 3])
      #expect(try transaction.value(.ids, [9]) == [])
      #expect(try transaction.value(.entries, sequence: 2) == nil)
      #expect(try transaction.count(.entries) == 1)
      #expect(transaction.transactionID == 2)
      #expect(try transaction.headRow()?.transactionID == 2)
    }
  }

  @Test func aThrowingWriteChangesNothing() throws {
    struct Stop: Error {}
    let environment = try Environment.create(directory: directory.path)
    #expect(throws: Stop.self) {
      try environment.write { transaction throws in
        try transaction.put(.entries, sequence: 1, payload: [1])
        throw Stop()
      }
    }
    #expect(try environment.read { try $0.count(.entries) } == 0)
  }

  @Test func appendRefusesAKeyThatIsNotTheLargest() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.write { transaction throws in
      try transaction.append(.entries, sequence: 5, payload: [5])
      for sequence: UInt64 in [5, 4] {
        let error = #expect(throws: JournalError.self) {
          try transaction.append(.entries, sequence: sequence, payload: [0])
        }
        #expect(error?.code == "damaged")
      }
      try transaction.append(.entries, sequence: 6, payload: [6])
    }
    #expect(try environment.read { try $0.count(.entries) } == 2)
  }

  @Test func putLastTakesKeysInAnyOrder() throws {
    let environment = try Environment.create(directory: directory.path)
    var random = SeededRandom(seed: 3)
    let sequences = (0..<500 as Range<UInt64>).shuffled(using: &random)
    try environment.write { transaction throws in
      for sequence in sequences {
        try transaction.putLast(.tree, key: sequence.sequenceKey, payload: [UInt8(sequence & 7)])
      }
      try transaction.putLast(.tree, key: UInt64(7).sequenceKey, payload: [99])
    }
    try environment.read { transaction throws in
      var found: [UInt64] = []
      try transaction.scan(.tree, from: nil) { key, _ in
        found.append(UInt64(sequenceKey: key) ?? .max)
        return true
      }
      #expect(found == Array(0..<500))
      #expect(try transaction.value(.tree, sequence: 7) == [99])
    }
  }

  @Test func fillWritesStraightIntoTheRow() throws {
    let environment = try Environment.create(directory: directory.path)
    let key = Array("key".utf8)
    try environment.write { transaction throws in
      try key.withUnsafeBytes { key in
        try transaction.put(.edits, key: key, length: 5000) { slot in
          for index in slot.indices { slot[index] = UInt8(truncatingIfNeeded: index) }
        }
      }
    }
    let value = try environment.read { try $0.value(.edits, key) }
    #expect(value == (0..<5000).map { UInt8(truncatingIfNeeded: $0) })
  }

  @Test func scansBeginAtTheNearestKey() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { transaction throws in
      for key: UInt8 in [10, 20, 30] { try transaction.put(.gaps, key: [key], payload: [key]) }
    }
    func check(_ reader: any StorageReader) throws {
      #expect(try keys(reader, from: nil) == [10, 20, 30])
      #expect(try keys(reader, from: [20]) == [20, 30])
      #expect(try keys(reader, from: [21]) == [30])
      #expect(try keys(reader, from: [31]) == [])
      #expect(try keys(reader, from: []) == [10, 20, 30])
      #expect(try keysBackward(reader, from: nil) == [30, 20, 10])
      #expect(try keysBackward(reader, from: [20]) == [20, 10])
      #expect(try keysBackward(reader, from: [20, 0]) == [20, 10])
      #expect(try keysBackward(reader, from: [9]) == [])
      #expect(try keysBackward(reader, from: [99]) == [30, 20, 10])
      #expect(try keysBackward(reader, from: []) == [])
      #expect(try reader.firstKey(.gaps) == [10])
      #expect(try reader.lastKey(.gaps) == [30])
      #expect(try reader.lastKey(.peers) == nil)
      #expect(try reader.contains(.gaps, [20]))
    }
    try environment.read { try check($0) }
    try environment.write { try check($0) }
    try check(try PagedReader.open(directory: directory.path))
  }

  @Test func deleteAndClearTellWhatWasThere() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { transaction throws in
      for sequence: UInt64 in 1...2000 {
        try transaction.append(.entries, sequence: sequence, payload: [1, 2, 3])
      }
    }
    try environment.commit { transaction throws in
      #expect(try transaction.delete(.entries, sequence: 7))
      #expect(try !transaction.delete(.entries, sequence: 7))
      #expect(try transaction.count(.entries) == 1999)
      try transaction.clear(.entries)
      #expect(try transaction.count(.entries) == 0)
      try transaction.append(.entries, sequence: 1, payload: [4])
    }
    #expect(try environment.read { try $0.value(.entries, sequence: 1) } == [4])
    #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
  }

  @Test func impossibleLengthsAreInvalidInput() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.write { transaction throws in
      for length in [0, 512] {
        let error = #expect(throws: JournalError.self) {
          try transaction.put(.ids, key: [UInt8](repeating: 1, count: length), payload: [])
        }
        #expect(error?.code == "invalid-input")
        #expect(try transaction.value(.ids, [UInt8](repeating: 1, count: length)) == nil)
      }
      try transaction.put(.ids, key: [UInt8](repeating: 1, count: 511), payload: [8])
      let large = #expect(throws: JournalError.self) {
        try transaction.put(.ids, key: [1], payload: [UInt8](repeating: 0, count: 16 << 20 + 1))
      }
      #expect(large?.code == "invalid-input")
    }
    #expect(try environment.read { try $0.count(.ids) } == 1)
  }

  @Test func aFullMapGrowsAndTheClosureRunsAgain() throws {
    let environment = try Environment.create(directory: directory.path, mapBytes: 1 << 20)
    var runs = 0
    try environment.commit { transaction throws in
      runs += 1
      for sequence: UInt64 in 1...1000 {
        try transaction.append(
          .entries, sequence: sequence, payload: [UInt8](repeating: 7, count: 8000))
      }
    }
    #expect(runs == 2)
    #expect(try environment.read { try $0.count(.entries) } == 1000)
  }

  @Test func concurrentReadersAndWritersAgree() async throws {
    let environment = try Environment.create(directory: directory.path, mapBytes: 4 << 20)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for writer: UInt64 in 0..<3 {
        group.addTask {
          for step: UInt64 in 0..<40 {
            try environment.commit { transaction throws in
              for table in [Table.entries, .edits] {
                try transaction.put(
                  table, sequence: writer << 32 | step,
                  payload: [UInt8](repeating: 1, count: 30_000))
              }
            }
          }
        }
      }
      for _ in 0..<3 {
        group.addTask {
          for _ in 0..<200 {
            try environment.read { transaction throws in
              let entries = try transaction.count(.entries)
              let edits = try transaction.count(.edits)
              #expect(entries == edits)
            }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try environment.read { try $0.count(.entries) } == 120)
    #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
  }

  @Test func anErrorSwallowedByTheClosureIsNotCommitted() throws {
    let environment = try Environment.create(directory: directory.path, mapBytes: 1 << 20)
    var runs = 0
    try environment.write { transaction throws in
      runs += 1
      try transaction.put(.entries, sequence: 1, payload: [UInt8(runs)])
      try? transaction.put(.entries, sequence: 2, payload: [UInt8](repeating: 1, count: 3 << 20))
    }
    #expect(runs == 2)
    #expect(try environment.read { try $0.value(.entries, sequence: 1) } == [2])
    #expect(try environment.read { try $0.count(.entries) } == 2)
  }

  @Test func aTransactionUsedAfterItsClosureTraps() async {
    await #expect(processExitsWith: .failure) {
      let directory = try StorageDirectory()
      let environment = try Environment.create(directory: directory.path)
      var kept: ReadTransaction?
      try environment.read { kept = $0 }
      _ = try kept?.value(.entries, sequence: 1)
    }
  }

  @Test func aCommitBeyondItsReservationIsFollowedByOneThatReservesMore() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.write { transaction throws in
      try transaction.putHead()
      for sequence: UInt64 in 1...200 {
        try transaction.put(
          .entries, sequence: sequence, payload: [UInt8](repeating: 1, count: 20_000))
      }
    }
    let reader = try PagedReader.open(directory: directory.path)
    let head = try #require(try reader.headRow())
    #expect(head.transactionID == reader.transactionID)
    #expect(head.fileBytes >= (reader.source.meta.lastPage + 1) * 4096)
    #expect(try reader.source.file.length() >= head.fileBytes)
    #expect(try environment.read { try $0.value(.meta, HeadRow.key) }?.count == 22)
  }

  @Test func aWriteInsideAWriteIsBusy() throws {
    let environment = try Environment.create(directory: directory.path)
    let error = #expect(throws: JournalError.self) {
      try environment.write { _ in
        _ = try environment.write { _ in 1 }
      }
    }
    #expect(error?.code == "busy")
    try environment.write { try $0.put(.entries, sequence: 1, payload: []) }
  }

  private func keys(_ reader: any StorageReader, from: [UInt8]?) throws -> [UInt8] {
    var found: [UInt8] = []
    try reader.scan(.gaps, from: from) { key, payload in
      #expect(Array(key) == Array(payload))
      found += key
      return true
    }
    return found
  }

  private func keysBackward(_ reader: any StorageReader, from: [UInt8]?) throws -> [UInt8] {
    var found: [UInt8] = []
    try reader.scanBackward(.gaps, from: from) { key, _ in
      found += key
      return true
    }
    return found
  }
}
