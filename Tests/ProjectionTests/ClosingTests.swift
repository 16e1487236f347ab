import Dispatch
import Journal
import Synchronization
import TestKit
import Testing

@testable import Projection

@Suite struct `A store that is closed` {
  /// The first release of an app, and one that has given up an index.
  private struct First: Record {
    static let schema = Schema<First>("notes", .index(Index("by-a", on: \First.a)))
    var id: RecordID<First>
    var a: Int?
  }

  private struct Second: Record {
    static let schema = Schema<Second>("notes", version: 2)
    var id: RecordID<Second>
    var a: Int?
  }

  @Test func `opens again at once, whatever it read of its own accord`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [First.self])
    try await store.write { tx in
      for number in 0..<200 { try tx.create("notes", "\(number)", ["a": .integer(1)]) }
    }
    let (isReading, isWaiting) = (AsyncStream<Void>.makeStream(), AsyncStream<Void>.makeStream())
    let never = AsyncStream<Void>.makeStream()
    defer { never.continuation.finish() }
    let closing = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      try? store.readOfItself { reader in
        isReading.continuation.finish()
        closing.wait()
        // Goes on for a while after closing has begun.
        for _ in 0..<500 {
          try reader.storage.scan(.records, from: []) { _, _ in true }
        }
      }
    }
    for await _ in isReading.stream {}
    // What the store does in the background is told first that it closes.
    let background = Task {
      await withTaskCancellationHandler {
        isWaiting.continuation.finish()
        for await _ in never.stream {}
      } onCancel: {
        closing.signal()
      }
    }
    store.background.withLock { $0 = background }
    for await _ in isWaiting.stream {}
    store.close()
    let again = try Store.open(at: scratch("j"))
    defer { again.close() }
    #expect(try again.read { try $0.query(Query("notes")).count } == 200)
    #expect(throws: JournalError.self) { try store.readOfItself { $0.head.lastSequence } }
  }

  @Test func `opens again at once while indexes come and go`() async throws {
    let scratch = try Scratch()
    var store = try Store.create(at: scratch("j"), label: "laptop", records: [First.self])
    try await store.write { tx in
      for number in 0..<20 { try tx.create("notes", "\(number)", ["a": .integer(1)]) }
    }
    for round in 0..<40 {
      store.close()
      store = try Store.open(
        at: scratch("j"), records: round.isMultiple(of: 2) ? [Second.self] : [First.self])
    }
    try await store.buildIndexes()
    #expect(try store.problems() == [])
    store.close()
  }
}
