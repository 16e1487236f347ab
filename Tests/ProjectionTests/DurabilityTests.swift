#if os(Linux)
  import Foundation
  import Glibc
  import Journal
  import Projection
  import TestKit
  import Testing

  @Suite struct `What is on stable storage` {
    @Test func `is every write that has returned`() async throws {
      let scratch = try Scratch()
      let store = try Store.create(at: scratch("j"), label: "laptop")
      defer { store.close() }
      let probe = try SyncProbe(scratch("j"))
      for number in 1...3 {
        try await store.write { try $0.put("c", "r", ["n": .integer(Int64(number))]) }
        #expect(probe.synced == Array(repeating: "data.mdb", count: number))
      }
    }

    @Test func `is no write whose commit failed, which is said, and the handle goes on`()
      async throws
    {
      let scratch = try Scratch()
      let store = try Store.create(at: scratch("j"), label: "laptop")
      try await store.write { try $0.put("c", "kept", ["n": 1]) }
      let probe = try SyncProbe(scratch("j"))
      probe.failNext()
      await #expect {
        try await store.write { try $0.put("c", "lost", ["n": 2]) }
      } throws: { ($0 as? JournalError)?.code == "storage" }
      #expect(try store.journal.lastSequence == 2)
      #expect(try store.read { try $0.get("c", "lost") } == nil)
      try await store.write { try $0.put("c", "later", ["n": 3]) }
      store.close()
      let again = try Store.open(at: scratch("j"))
      defer { again.close() }
      #expect(try again.picture() == "c/kept {\"n\":1}\nc/later {\"n\":3}\n")
      #expect(try again.problems() == [])
    }

    @Test func `is no write for which the disk was full, and the handle goes on`() async throws {
      let scratch = try Scratch()
      let store = try Store.create(at: scratch("j"), label: "laptop")
      defer { store.close() }
      let probe = try SyncProbe(scratch("j"))
      probe.failNext(code: ENOSPC)
      await #expect {
        try await store.write { try $0.put("c", "lost", ["n": 1]) }
      } throws: { ($0 as? JournalError)?.code == "storage" }
      #expect(try store.journal.lastSequence == 1)
      try await store.write { try $0.put("c", "kept", ["n": 2]) }
      #expect(try store.picture() == "c/kept {\"n\":2}\n")
      #expect(try store.problems() == [])
    }

    @Test func `is a trim that was cut short, which goes on when the journal is opened again`()
      async throws
    {
      let scratch = try Scratch()
      let store = try Store.create(at: scratch("j"), label: "laptop", isLocal: true)
      for round in 0..<5 {
        try await store.write { tx in
          for number in 0..<900 { try tx.put("c", "\(number % 20)", ["n": .integer(Int64(round))]) }
        }
      }
      let picture = try store.picture()
      let probe = try SyncProbe(scratch("j"))
      // Stored are the claim, an empty half, the baseline's one slice, the trim's own entry and one
      // batch.
      probe.failNext(after: 5)
      await #expect(throws: JournalError.self) { try await store.compact() }
      store.close()
      let again = try Store.open(at: scratch("j"))
      defer { again.close() }
      var writes = 0
      while try !again.journal.read({ $0.horizon.isTrimComplete }), writes < 100 {
        // Stands in the writer's queue behind the batch that is under way.
        try await again.write { try $0.put("later", "x", ["n": 1]) }
        writes += 1
      }
      #expect(writes > 0)
      #expect(try again.journal.read { $0.horizon.isTrimComplete })
      try await again.journal.finishTrim()
      #expect(try again.journal.read { try $0.storage.count(.entries) } == UInt64(writes) + 1)
      #expect(try again.picture() == picture + "later/x {\"n\":1}\n")
      #expect(try again.problems() == [])
    }

    @Test func `is a new journal with its key before its name, and then the name`() throws {
      let scratch = try Scratch()
      let probe = try SyncProbe(scratch.path)
      try Store.create(at: scratch("j"), label: "laptop").close()
      let synced = probe.synced
      let isTemporary = { (path: String) in path.hasPrefix(".j.creating-") }
      #expect(synced.dropLast().allSatisfy(isTemporary))
      #expect(synced.dropLast().contains { $0.hasSuffix("/data.mdb") })
      #expect(synced.dropLast().contains { $0.hasSuffix(".key") })
      // The directory itself, and the parent that names it.
      #expect(synced.suffix(2).first.map { isTemporary($0) && !$0.contains("/") } == true)
      #expect(synced.last == "")
    }

    @Test func `is nothing of a creation that failed, whichever step did`() throws {
      let syncs = try countOfSyncs()
      #expect(syncs > 3)
      for passing in 0..<syncs {
        let scratch = try Scratch()
        let probe = try SyncProbe(scratch.path)
        probe.failNext(after: passing)
        #expect(throws: JournalError.self) { try Store.create(at: scratch("j"), label: "laptop") }
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        // Only the last step can fail with the journal in its place already: it is whole then.
        guard left == ["j"], passing == syncs - 1 else {
          #expect(left == [], "\(passing) syncs passed")
          continue
        }
        let store = try Store.open(at: scratch("j"))
        #expect(try store.problems() == [])
        store.close()
      }
    }

    private func countOfSyncs() throws -> Int {
      let scratch = try Scratch()
      let probe = try SyncProbe(scratch.path)
      try Store.create(at: scratch("j"), label: "laptop").close()
      return probe.synced.count
    }
  }
#endif
