import Journal
import Synchronization
import TestKit
import Testing

@testable import Projection

@Suite struct `A write by request` {
  struct Guy: Record, Equatable {
    static let schema = Schema<Guy>("guys")
    var id = RecordID<Guy>()
    var name: String
    var age = 0
  }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "a")
    defer { store.close() }
    try await body(store)
    #expect(try store.problems() == [])
  }

  private func add(_ names: [String], to store: Store) async throws {
    try await store.write { tx in
      for (age, name) in names.enumerated() {
        try tx.create(Guy(id: RecordID(name), name: name, age: age))
      }
    }
  }

  @Test func `S-BR-09 deletes all, and all except some`() async throws {
    try await withStore { store in
      try await add(["GuyDelete", "GuyDelete2"], to: store)
      let count = Mutex(0)
      try await store.write { tx in
        let deleted = try tx.delete(Guy.where(\.name != "GuyDelete2"))
        count.withLock { $0 = deleted }
      }
      #expect(count.withLock { $0 } == 1)
      #expect(try store.read { try $0.all(Guy.self) }.map(\.name) == ["GuyDelete2"])
      try await store.write { tx in
        let deleted = try tx.deleteAll(Guy.self)
        count.withLock { $0 = deleted }
      }
      #expect(count.withLock { $0 } == 1)
      #expect(try store.read { try $0.all(Guy.self) }.isEmpty)
    }
  }

  @Test func `is one group`() async throws {
    try await withStore { store in
      try await add(["a", "b", "c"], to: store)
      let receipt = try await store.write { try $0.delete(Guy.where(\.age > 0)) }
      #expect(receipt.sequences == [5, 6])
      let groups = try store.journal.read { reader in
        try receipt.sequences.map { try reader.entry($0)?.header.group }
      }
      #expect(groups == [5, 5])
    }
  }

  @Test func `changes each record by what the closure changed`() async throws {
    try await withStore { store in
      try await add(["a", "b", "c", "d"], to: store)
      let count = Mutex(0)
      try await store.write { tx in
        let changed = try tx.update(Guy.where(\.age > 0)) { guy in
          if guy.name != "c" { guy.age += 10 }
        }
        count.withLock { $0 = changed }
      }
      #expect(count.withLock { $0 } == 2)
      #expect(try store.read { try $0.all(Guy.self) }.map(\.age) == [0, 11, 2, 13])
      let entry = try #require(try store.read { try $0.entries(about: "guys", "b") }.last)
      #expect(entry.members["set"] == ["age": 11])
    }
  }

  @Test func `sees the earlier changes of its write, in the request's order`() async throws {
    try await withStore { store in
      try await add(["a", "b", "c"], to: store)
      try await store.write { tx in
        try tx.create(Guy(id: "d", name: "d", age: 9))
        try tx.update(Guy.self, "a") { $0.age = 8 }
        try tx.delete(Guy.self, "b")
        // Of d 9, a 8 and c 2.
        let two = Request<Guy>().sorted(by: .descending(\.age)).limit(2)
        let changed = try tx.update(two) { $0.name += "!" }
        #expect(changed == 2)
        let deleted = try tx.delete(Guy.where(\.age > 8))
        #expect(deleted == 1)
      }
      #expect(try store.read { try $0.all(Guy.self) }.map(\.name) == ["a!", "c"])
    }
  }

  @Test func `is made again where a record it means was changed meanwhile`() async throws {
    try await withStore { store in
      try await add(["a", "b"], to: store)
      let attempts = Mutex(0)
      let other = Mutex<Task<Void, any Error>?>(nil)
      let isChanged = Gate()
      try await store.write { tx in
        let deleted = try tx.delete(Guy.where(\.age == 1))
        let attempt = attempts.withLock { count in
          count += 1
          return count
        }
        guard attempt == 1 else {
          #expect(deleted == 0)
          try tx.put("log", "1", ["deleted": .integer(Int64(deleted))])
          return
        }
        #expect(deleted == 1)
        other.withLock {
          $0 = Task {
            try await store.write { try $0.update(Guy.self, "b") { $0.age = 5 } }
            isChanged.open()
          }
        }
        isChanged.wait()
      }
      try await other.withLock { $0 }?.value
      #expect(attempts.withLock { $0 } == 2)
      #expect(try store.read { try $0.fetch(Guy.self, "b") }?.age == 5)
    }
  }

  @Test func `of everything has to be said, and of more than a group is refused`() async throws {
    try await withStore { store in
      let error = await #expect(throws: JournalError.self) {
        try await store.write { try $0.delete(Request<Guy>()) }
      }
      #expect(error?.description.contains("deleteAll") == true)
      for half in 0..<2 {
        try await store.write { tx in
          for number in 0..<501 {
            try tx.create(Guy(id: RecordID("\(half)-\(number)"), name: "x", age: half))
          }
        }
      }
      let tooMany = await #expect(throws: JournalError.self) {
        try await store.write { try $0.deleteAll(Guy.self) }
      }
      #expect(tooMany?.code == "invalid-input")
      #expect(tooMany?.description.contains("give it a limit") == true)
      #expect(try store.read { try $0.count(Request<Guy>()) } == 1_002)
      // As the message says.
      let left = Mutex(1)
      while left.withLock({ $0 }) > 0 {
        try await store.write { tx in
          let deleted = try tx.delete(Request<Guy>().limit(1_000))
          left.withLock { $0 = deleted }
        }
      }
      #expect(try store.read { try $0.count(Request<Guy>()) } == 0)
    }
  }
}
