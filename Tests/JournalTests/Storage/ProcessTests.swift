import Foundation
import Testing

@testable import Journal

/// Several processes on one file; each that could hang ends itself after four seconds.
@Suite struct ProcessTests {
  let directory: StorageDirectory

  init() throws {
    directory = try StorageDirectory()
  }

  @Test func aKilledWriterDoesNotBlockTheNextOne() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.entries, sequence: 1, payload: [1]) }
    // The file stays open here, so that the lock of the killed one is not made anew.
    let holder = try Probe("hold-writer", directory.path)
    #expect(holder.line() == "holding")
    holder.kill()
    #expect(try Probe.run("commit", directory.path, "5") == ["done"])
    try environment.commit { try $0.put(.entries, sequence: 2, payload: [2]) }
    try environment.read { reader throws in
      #expect(try reader.value(.entries, sequence: 999_999) == nil)
      #expect(try reader.count(.entries) == 7)
    }
  }

  @Test func theSlotOfAKilledReaderIsGivenBackAfterAMinuteOfWriting() throws {
    let time = ManualTime()
    let environment = try Environment.create(directory: directory.path, settings: time.settings)
    try environment.commit { try $0.put(.entries, sequence: 1, payload: [1]) }
    let holder = try Probe("hold-reader", directory.path)
    #expect(holder.line() == "holding")
    holder.kill()
    for sequence: UInt64 in 2...6 {
      try environment.commit { try $0.put(.entries, sequence: sequence, payload: [1]) }
    }
    #expect(try environment.oldestReaderLag() == 5)
    time.advance(seconds: 61)
    try environment.commit { try $0.put(.entries, sequence: 7, payload: [1]) }
    #expect(try environment.oldestReaderLag() == 0)
  }

  @Test func theMapOfAnotherProcessIsTakenOverWhileReadersRun() async throws {
    let environment = try Environment.create(directory: directory.path, mapBytes: 1 << 20)
    try environment.commit { try $0.put(.ids, key: [1], payload: [1]) }
    let filler = try Probe("fill", directory.path, "\(24 << 20)")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          for _ in 0..<5_000_000 {
            if try environment.read({ try $0.count(.entries) }) == 24 { return }
            #expect(try environment.read { try $0.value(.ids, [1]) } == [1])
          }
          Issue.record("the rows of the other process were never seen")
        }
      }
      try await group.waitForAll()
    }
    #expect(filler.line() == "done")
    try environment.commit { try $0.put(.ids, key: [2], payload: [2]) }
    #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
  }

  @Test func processesMayOpenAndCloseAtTheSameTime() throws {
    let environment = try Environment.create(directory: directory.path)
    try environment.commit { try $0.put(.entries, sequence: 1, payload: [1]) }
    environment.close()
    let others = try (0..<3).map { _ in try Probe("open-close", directory.path, "60") }
    for other in others { #expect(other.line() == "done") }
    let again = try Environment.open(directory: directory.path)
    try again.commit { try $0.put(.entries, sequence: 2, payload: [1]) }
  }

  @Test func aForkedChildIsRefusedAndHarmsNobody() throws {
    try Environment.create(directory: directory.path).close()
    #expect(
      try Probe.run("fork", directory.path) == [
        "child read cannot-open", "child write cannot-open", "child reopened done",
        "child status 0", "parent done", "rows [1, 3, 4]",
      ])
  }

  #if os(Linux)
    @Test(arguments: [16_384, 32_768])
    func aFileWithOtherPagesIsReadAndWritten(_ pageBytes: Int) throws {
      #expect(
        try Probe.run("create-with-pages", directory.path, "\(pageBytes)") == [
          "pages \(pageBytes)"
        ])
      let reader = try PagedReader.open(directory: directory.path)
      #expect(reader.checkStructure() == [])
      #expect(try reader.count(.entries) == 500)
      #expect(try reader.value(.entries, sequence: 400)?.count == 8000)
      reader.close()
      let environment = try Environment.open(directory: directory.path)
      #expect(environment.pageBytes == pageBytes)
      try environment.commit { transaction throws in
        for sequence: UInt64 in 501...900 {
          try transaction.append(
            .entries, sequence: sequence, payload: [UInt8](repeating: 1, count: 3000))
        }
        for sequence: UInt64 in 1...300 { try transaction.delete(.entries, sequence: sequence) }
      }
      #expect(try environment.read { try $0.count(.entries) } == 600)
      #expect(try PagedReader.open(directory: directory.path).checkStructure() == [])
    }
  #endif
}
