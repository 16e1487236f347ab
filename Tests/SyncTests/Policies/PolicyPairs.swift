import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool
@testable import Transport

/// What one side does with a record.
enum Move: String, CaseIterable {
  case create, update, delete, nothing

  func make(_ device: Device, _ side: String) async throws {
    let content: Fields = ["shared": .string(side), side: 1, "tag-\(side)": 1]
    switch self {
    // A put makes a record as a create does, also where there is one.
    case .create: try await device.put("1", content)
    case .update: try await device.update("1", content)
    case .delete: try await device.delete("1")
    case .nothing: break
    }
  }

  static var pairs: [(Move, Move)] {
    allCases.flatMap { mine in allCases.map { (mine, $0) } }
  }
}

@Suite struct `Every pairing of edits` {
  @Test(arguments: TestedPolicy.allCases)
  func `comes to one state that its policy says`(_ policy: TestedPolicy) async throws {
    for (first, second) in Move.pairs {
      let comment: Comment = "\(policy): \(first.rawValue), then \(second.rawValue)"
      let world = try World()
      let (a, b) = (try await world.device("a", policy), try await world.device("b", policy))
      try await a.put("1", ["old": true, "shared": "start"])
      try await settle([a, b], rounds: 2)
      try await first.make(a, "a")
      try await second.make(b, "b")
      try await a.sync()
      let theirs = try a.get("1")
      let mine = try b.get("1")
      try await settle([b, a], rounds: 3, comment)
      let outcome = try a.get("1")
      switch (first, second) {
      case (_, .nothing): #expect(outcome == theirs, comment)
      case (.nothing, _): #expect(outcome == mine, comment)
      case (_, _) where policy == .serverWins || policy == .lastWriter:
        #expect(outcome == theirs, comment)
      case (.delete, .update) where policy == .clientWins: #expect(outcome == mine, comment)
      case (.delete, .update): #expect(outcome == nil, comment)
      case (_, .delete) where !policy.yields: #expect(outcome == nil, comment)
      case (_, _) where policy == .union && second != .delete && first != .delete:
        #expect(outcome?["tag-b"] == 1 && outcome?["shared"] == "a", comment)
      case (_, .create) where !policy.yields: #expect(outcome == mine, comment)
      case (_, .update) where !policy.yields:
        #expect(outcome?["shared"] == "b" && outcome?["tag-a"] == 1, comment)
      default: #expect(outcome == theirs, comment)
      }
      let third = try await world.device("third", policy)
      try await third.sync()
      #expect(try third.store.picture() == a.store.picture(), comment)
    }
  }

  @Test(arguments: TestedPolicy.allCases)
  func `of records that are not there yet comes to one state`(_ policy: TestedPolicy) async throws {
    for (first, second) in Move.pairs where first != .update && second != .update {
      let comment: Comment = "\(policy): \(first.rawValue), then \(second.rawValue)"
      let world = try World()
      let (a, b) = (try await world.device("a", policy), try await world.device("b", policy))
      for (move, device, side) in [(first, a, "a"), (second, b, "b")] where move != .nothing {
        try await device.store.write {
          try $0.create("c", "1", ["shared": .string(side), "tag-\(side)": 1])
        }
        if move == .delete { try await device.delete("1") }
      }
      try await settle([a, b], rounds: 3, comment)
      if first == .create, second == .create {
        #expect(try b.get("1")?["shared"] == (policy.yields ? "a" : "b"), comment)
      }
    }
  }

  @Test(arguments: TestedPolicy.allCases)
  func `comes to one state too where the server gives ids`(_ policy: TestedPolicy) async throws {
    for second in Move.allCases {
      for theirs in [["name": "theirs"] as Fields?, nil] {
        let comment: Comment =
          "\(policy): \(second.rawValue) against \(theirs.map { "\($0)" } ?? "none")"
        let scratch = try Scratch()
        let server = AssigningServer()
        let store = try Store.create(
          at: scratch("j"), label: "laptop", records: policy.records)
        if let policy = policy.policy { try await store.declarePolicy(policy, of: "c") }
        let engine = try await store.engine(to: server)
        try await store.write { try $0.create("c", "temporary", ["name": "first"]) }
        _ = try await engine.sync()
        try server.put("c", "100", theirs)
        try await store.write { tx in
          switch second {
          case .create: try tx.put("c", "temporary", ["name": "mine"])
          case .update: try tx.update("c", "temporary", set: ["name": "mine"])
          case .delete: try tx.delete("c", "temporary")
          case .nothing: break
          }
        }
        _ = try await engine.sync(.pullOnly)
        _ = try await engine.sync()
        _ = try await engine.sync()
        let counts = try store.journal.read { try $0.counts() }
        #expect(counts.pending == 0 && counts.inFlight == 0 && counts.parked == 0, comment)
        #expect(try store.picture() == server.picture(), comment)
        #expect(try store.problems() == [], comment)
        if policy == .serverWins || policy == .lastWriter && second == .nothing {
          #expect(try store.read { try $0.get("c", "100") } == theirs, comment)
        }
      }
    }
  }
}

@Suite struct `Random edits under a policy` {
  @Test(arguments: TestedPolicy.allCases)
  func `converge, and fold to the same bytes without it`(_ policy: TestedPolicy) async throws {
    for seed in [11, 12, 13] as [UInt64] {
      var random = SeededRandom(seed: seed)
      let comment: Comment = "\(policy), seed \(seed)"
      let world = try World()
      let devices = [try await world.device("a", policy), try await world.device("b", policy)]
      for _ in 0..<90 {
        let device = try #require(devices.randomElement(using: &random))
        let key = "\(Int.random(in: 0..<5, using: &random))"
        let other = "\(Int.random(in: 5..<8, using: &random))"
        let number = Value.integer(Int64.random(in: 0..<1_000, using: &random))
        let exists = try device.get(key) != nil
        switch Int.random(in: 0..<9, using: &random) {
        case 0, 1: try await device.sync()
        case 2 where exists: try await device.delete(key)
        case 3 where exists: try await device.update(key, ["b": number, "tag": number])
        case 4:
          world.remote.failNext([.lost, .answerLost].randomElement(using: &random) ?? .lost)
          _ = try? await device.sync()
          world.remote.failNext()
        case 5: _ = try? await device.sync(.pullOnly)
        case 6:
          try await device.store.write { tx in
            try tx.put("c", key, ["group": number])
            try tx.put("c", other, ["group": number])
          }
        default: try await device.put(key, ["a": number])
        }
        if Int.random(in: 0..<12, using: &random) == 0 {
          #expect(try device.store.problems() == [], comment)
        }
      }
      try await settle(devices, rounds: 4, comment)
      let picture = try devices[0].store.picture()
      for device in devices {
        try await device.store.rebuild()
        #expect(try device.store.picture() == picture, comment)
      }
      let edits = try world.serverEdits()
      #expect(Set(edits).count == edits.count, comment)
    }
  }
}
