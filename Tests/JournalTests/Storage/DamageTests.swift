import Foundation
import TestKit
import Testing

@testable import Journal

@Suite struct DamageTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func thePagedReaderSeesWhatLMDBSees() throws {
    let environment = try Environment.create(directory: directory.path)
    for seed: UInt64 in 1...4 {
      try writeWorkload(environment, commits: 0, seed: seed)
      try environment.commit { try $0.clear(.entries) }
      try writeWorkload(environment, commits: 40, seed: seed)
      let expected = try environment.read { try $0.allRows() }
      let reader = try PagedReader.open(directory: directory.path)
      #expect(try reader.allRows() == expected)
      for table in Table.allCases {
        let count = try reader.count(table)
        #expect(count == UInt64(expected[table]?.count ?? 0))
        for row in expected[table] ?? [] { #expect(try reader.value(table, row[0]) == row[1]) }
      }
      var backward: [[[UInt8]]] = []
      try reader.scanBackward(.records, from: nil) { key, payload in
        backward.append([Array(key), Array(payload)])
        return true
      }
      #expect(backward.reversed() == expected[.records])
      #expect(reader.checkStructure() == [])
      let pages = try reader.reachableBytes / UInt64(environment.pageBytes)
      let free = try reader.freePages
      #expect(pages + free == reader.source.meta.lastPage + 1)
    }
  }

  @Test func aChangedByteFailsTheChecksumOfItsRow() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { transaction throws in
      try transaction.put(.records, key: Array("k".utf8), payload: Array("needle".utf8))
    }
    environment.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let place = try #require(bytes.range(of: Data("needle".utf8)))
    bytes[place.lowerBound] ^= 1
    try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
    let expected = JournalError.damaged("checksum of row 6b in records; run `journal verify`")
    let again = try Environment.open(directory: directory.path)
    #expect(throws: expected) { try again.read { try $0.value(.records, Array("k".utf8)) } }
    #expect(throws: expected) { try again.read { try $0.lastKey(.records) } }
    let reader = try PagedReader.open(directory: directory.path)
    #expect(throws: expected) { try reader.value(.records, Array("k".utf8)) }
    #expect(reader.checkStructure() == [expected.description])
  }

  @Test func anotherProcessesTransactionIDBroughtBackIsFound() throws {
    let environment = try Environment.create(directory: directory.path)
    try writeWorkload(environment, commits: 5, seed: 1)
    let newest = try environment.lastTransactionID()
    environment.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let place = Int(newest & 1) * environment.pageBytes + 144
    bytes[place] = UInt8(newest - 2)
    try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
    for open in [
      { _ = try Environment.open(directory: directory.path) },
      { _ = try PagedReader.open(directory: directory.path) },
    ] {
      let error = #expect(throws: JournalError.self) { try open() }
      #expect(error?.code == "damaged")
    }
  }

  /// `bytes` of the data file as LMDB leaves it when the meta page of the next commit cannot be
  /// written: the old last page and transaction id beside the new roots.
  private func afterFailedCommit(
    _ environment: Environment, _ body: (WriteTransaction) throws -> Void
  ) throws -> (bytes: Data, mark: FailedCommitMark) {
    let newest = try environment.lastTransactionID()
    let page = Int((newest - 1) & 1) * environment.pageBytes
    let before = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    try environment.commit(body)
    let head = try #require(try environment.read { try $0.value(.meta, HeadRow.key) })
    environment.close()
    var bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    bytes.replaceSubrange(page + 136..<page + 152, with: before[page + 136..<page + 152])
    try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
    return (bytes, FailedCommitMark(transactionID: newest + 1, head: head))
  }

  @Test func aFailedCommitThatEnlargedTheFileKeepsNobodyOut() throws {
    let environment = try Environment.create(directory: directory.path)
    try writeWorkload(environment, commits: 6, seed: 3)
    let expected = try environment.read { try $0.allRows() }
    let newest = try environment.lastTransactionID()
    _ = try afterFailedCommit(environment) {
      try $0.put(.records, key: [1], payload: [UInt8](repeating: 7, count: 100_000))
    }
    #expect(try PagedReader.open(directory: directory.path).allRows() == expected)
    let again = try Environment.open(directory: directory.path)
    #expect(try again.lastTransactionID() == newest)
    try again.commit { try $0.put(.records, key: [2], payload: [8]) }
    #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
  }

  @Test func aFailedCommitIsToldFromAFlippedIDByItsMark() throws {
    let environment = try Environment.create(directory: directory.path)
    // Rewriting one row over and over needs no more pages after a while.
    for number: UInt8 in 0..<20 {
      try environment.commit { try $0.put(.records, key: [1], payload: [number]) }
    }
    let expected = try environment.read { try $0.allRows() }
    let (bytes, mark) = try afterFailedCommit(environment) {
      try $0.put(.records, key: [1], payload: [99])
    }
    let error = #expect(throws: JournalError.self) {
      try PagedReader.open(directory: directory.path)
    }
    #expect(error?.code == "damaged")

    #expect(mark.write(in: directory.path))
    #expect(try PagedReader.open(directory: directory.path).allRows() == expected)
    let again = try Environment.open(directory: directory.path)
    #expect(FailedCommitMark.all(in: directory.path) == [mark])
    try again.commit { try $0.put(.records, key: [1], payload: [100]) }
    again.close()
    // The commit of that number has come about: the mark has had its time.
    let healed = try Environment.open(directory: directory.path)
    #expect(FailedCommitMark.all(in: directory.path) == [])
    healed.close()

    // A mark of another commit excuses nothing.
    try bytes.write(to: URL(fileURLWithPath: directory.dataFile))
    FailedCommitMark(transactionID: mark.transactionID, head: [1]).write(in: directory.path)
    #expect(throws: JournalError.self) { try PagedReader.open(directory: directory.path) }

    // Several attempts at one commit can fail: what the page is left with may be of any.
    #expect(mark.write(in: directory.path))
    for attempt: UInt8 in 2..<40 {
      FailedCommitMark(transactionID: mark.transactionID, head: [attempt]).write(in: directory.path)
    }
    mark.write(in: directory.path)
    #expect(FailedCommitMark.all(in: directory.path).count == 40)
    #expect(try PagedReader.open(directory: directory.path).allRows() == expected)
  }

  @Test func anAttemptAfterAFailedCommitMayBeCutShort() throws {
    let environment = try Environment.create(directory: directory.path)
    for number: UInt8 in 0..<20 {
      try environment.commit { try $0.put(.records, key: [1], payload: [number]) }
    }
    let expected = try environment.read { try $0.allRows() }
    let pageBytes = environment.pageBytes
    let (bytes, mark) = try afterFailedCommit(environment) {
      try $0.put(.records, key: [1], payload: [99])
    }
    #expect(mark.write(in: directory.path))
    // The commit that comes about takes the marks away; this name keeps them.
    let name = directory.path + "/" + FailedCommitMark.name
    #expect(link(name, name + "-kept") == 0)
    let again = try Environment.open(directory: directory.path)
    try again.commit(head: "another") { try $0.put(.records, key: [1], payload: [100]) }
    again.close()
    #expect(FailedCommitMark.all(in: directory.path) == [])

    // The power goes when its pages are written, and its meta page is not or has just failed.
    var cut = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let page = Int(mark.transactionID & 1) * pageBytes
    cut.replaceSubrange(page + 136..<page + 152, with: bytes[page + 136..<page + 152])
    try cut.write(to: URL(fileURLWithPath: directory.dataFile))
    #expect(rename(name + "-kept", name) == 0)
    #expect(try PagedReader.open(directory: directory.path).allRows() == expected)
    try Environment.open(directory: directory.path).close()
  }

  @Test func marksOfFailedCommitsDoNotGrowForEver() throws {
    let environment = try Environment.create(directory: directory.path)
    environment.close()
    var last = FailedCommitMark(transactionID: 9, head: [])
    for attempt in 0..<200 {
      last = FailedCommitMark(transactionID: 9, head: Array(String(attempt).utf8))
      #expect(last.write(in: directory.path))
      #expect(FailedCommitMark.all(in: directory.path).contains(last))
    }
    #expect(FailedCommitMark.all(in: directory.path).count == FailedCommitMark.maximumCount)
  }

  @Test func everyTruncationIsRefused() throws {
    let environment = try Environment.create(directory: directory.path)
    try writeWorkload(environment, commits: 12, seed: 2)
    environment.close()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    var lengths = Array(stride(from: 0, to: bytes.count, by: 1021))
    lengths += [1, 152, 4096, 8191, 8192, bytes.count - 1]
    for length in lengths {
      let copy = try directory.copy(bytes.prefix(length))
      let error = #expect(throws: JournalError.self) { try PagedReader.open(file: copy) }
      #expect(error?.code == "damaged")
      #expect(error?.description.contains("shorter than") == true)
    }
    _ = try PagedReader.open(file: try directory.copy(bytes))
  }

  @Test func theFileIsEnlargedAheadOfWhatACommitWrites() throws {
    let environment = try Environment.create(directory: directory.path)
    var random = SeededRandom(seed: 9)
    for _ in 0..<30 {
      try environment.commit { transaction throws in
        for _ in 0..<Int.random(in: 1...2000, using: &random) {
          try transaction.put(.ids, key: random.bytes(16), payload: random.bytes(20))
        }
        try transaction.put(.records, key: random.bytes(2), payload: random.bytes(100_000))
      }
      let reader = try PagedReader.open(directory: directory.path)
      let head = try #require(try reader.headRow())
      #expect(try head.fileBytes == reader.source.file.length())
      #expect(
        head.fileBytes >= (reader.source.meta.lastPage + 1) * UInt64(environment.pageBytes))
    }
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func flippedBitsAreFoundOrChangeNothing(_ seed: UInt64) throws {
    let environment = try Environment.create(directory: directory.path)
    try writeWorkload(environment, commits: 10, seed: seed)
    let expected = try environment.read { try $0.allRows() }
    environment.close()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let pages = 2 + bytes.count / 4096 / 4
    var random = SeededRandom(seed: seed)
    var found = 0
    for round in 0..<120 {
      var changed = bytes
      // Half of the flips hit headers of pages and meta pages, where they do the most.
      let place =
        switch round % 4 {
        case 0:
          4096 * Int.random(in: 0...1, using: &random) + Int.random(in: 0..<152, using: &random)
        case 1:
          4096 * Int.random(in: 2..<pages, using: &random) + Int.random(in: 0..<64, using: &random)
        default: Int.random(in: 0..<4096 * pages, using: &random)
        }
      let bit = UInt8.random(in: 0..<8, using: &random)
      changed[place] ^= 1 << bit
      let copy = try directory.copy(changed)
      do {
        let reader = try PagedReader.open(file: copy)
        if reader.checkStructure() == [] {
          #expect(try reader.allRows() == expected, "bit \(bit) of byte \(place)")
        } else {
          found += 1
        }
        _ = try? reader.reachableBytes
        _ = try? reader.freePages
        for table in Table.allCases { _ = try? reader.lastKey(table) }
      } catch {
        found += 1
      }
    }
    #expect(found > 20)
  }

  /// Free pages keep what older commits wrote, checksums and all.
  @Test func aPageNumberThatLeadsToWhatAnOlderCommitHeldIsFound() throws {
    let environment = try Environment.create(directory: directory.path)
    for commit: UInt8 in 0..<12 {
      try environment.commit { transaction throws in
        for key: UInt8 in 0..<8 { try transaction.put(.baseline, key: [key], payload: [commit]) }
      }
    }
    let expected = try environment.read { try $0.allRows() }
    environment.close()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    let reader = try PagedReader.open(file: directory.dataFile)
    let root = try reader.tree(.baseline).root
    var free: [UInt64] = []
    try FreeList(reader.source).forEachRecord { free += $0.pages }
    let place =
      try #require(
        bytes.range(
          of: Data("baseline".utf8), in: Int(reader.source.meta.mainTree.root) * 4096..<bytes.count)
      ).upperBound + 40
    #expect(bytes[place] == UInt8(root))
    var refused = 0
    for number in free {
      var changed = bytes
      withUnsafeBytes(of: number.littleEndian) {
        changed.replaceSubrange(place..<place + 8, with: $0)
      }
      let damaged = try PagedReader.open(file: try directory.copy(changed))
      #expect(throws: JournalError.self, "page \(number)") { try damaged.allRows() }
      if (try? PagedReader(
        damaged.source.file, damaged.source.meta, pin: nil, refusesFreePages: false
      )
      .allRows()).map({ $0 != expected }) == true {
        refused += 1
      }
    }
    #expect(refused > 0, "no free page was one of an older table: the test shows nothing")
  }

  @Test func garbageIsDamageAndNeverACrash() throws {
    var random = SeededRandom(seed: 5)
    for size in [0, 1, 4096, 8192, 70_000] {
      let copy = try directory.copy(Data(random.bytes(size)))
      let error = #expect(throws: JournalError.self) { try PagedReader.open(file: copy) }
      #expect(error?.code == "damaged")
    }
  }

  @Test func manyFlipsAtOnceNeverCrash() throws {
    let environment = try Environment.create(directory: directory.path)
    try writeWorkload(environment, commits: 10, seed: 77)
    environment.close()
    let file = try PageFile(path: directory.dataFile)
    let meta = try Commit.newest(of: file, headRows: .required)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: directory.dataFile))
    var random = SeededRandom(seed: 6)
    for _ in 0..<150 {
      var changed = bytes
      for _ in 0..<60 {
        let page = Int.random(in: 2...Int(meta.lastPage), using: &random)
        let offset = Int.random(in: 0..<96, using: &random)
        changed[page * 4096 + offset] = UInt8.random(in: 0...255, using: &random)
      }
      // Past the comparison with the head row, straight to the trees.
      let reader = PagedReader(try PageFile(path: try directory.copy(changed)), meta, pin: nil)
      #expect(reader.checkStructure() != [])
      for table in Table.allCases {
        try? reader.scan(table, from: nil) { _, _ in true }
        try? reader.scanBackward(table, from: nil) { _, _ in true }
        _ = try? reader.value(table, random.bytes(8))
      }
    }
  }
}
