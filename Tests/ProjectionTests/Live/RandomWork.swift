import Journal
import Projection
import TestKit

/// Random writes, refusals, erasures, trims and rebuilds over a few records of `todos`.
enum RandomWork {
  static func step(
    _ store: Store, _ step: Int, _ random: inout SeededRandom
  ) async throws {
    switch random.next() % 20 {
    case 0: _ = try await store.compact(keeping: .newest(random.next() % 30))
    case 1: try await store.rebuild()
    case 2: try await store.erase("todos", key(&random), because: "asked to")
    case 3, 4: try await refuse(store, &random)
    case 5: try await writeTogether(store, &random)
    default: try await write(store, &random)
    }
  }

  private static func key(_ random: inout SeededRandom) -> String { "k\(random.next() % 12)" }

  private static func todo(_ key: String, _ random: inout SeededRandom) -> Todo {
    Todo(
      id: RecordID(key), title: "t\(random.next() % 3)", rank: Int(random.next() % 5),
      isDone: random.next() % 3 == 0)
  }

  private enum Edit {
    case put(Todo)
    case rank(String, Int)
    case delete(String)
  }

  static func write(_ store: Store, _ random: inout SeededRandom) async throws {
    var edits: [Edit] = []
    for _ in 0..<(random.next() % 3 + 1) {
      let key = key(&random)
      switch random.next() % 4 {
      case 0: edits.append(.delete(key))
      case 1: edits.append(.rank(key, Int(random.next() % 5)))
      default: edits.append(.put(todo(key, &random)))
      }
    }
    var lives = Set(try store.read { try $0.all(Todo.self) }.map(\.id.key))
    let present = lives
    try await store.write(by: "mia") { [edits] tx in
      lives = present
      for edit in edits {
        switch edit {
        case .put(let todo):
          try tx.put(todo)
          lives.insert(todo.id.key)
        case .rank(let key, let rank) where lives.contains(key):
          try tx.update("todos", key, set: ["rank": .integer(Int64(rank))])
        case .delete(let key) where lives.remove(key) != nil:
          try tx.delete("todos", key)
        default: break
        }
      }
    }
  }

  /// Several writers at once, that share commits.
  private static func writeTogether(
    _ store: Store, _ random: inout SeededRandom
  ) async throws {
    let todos = (0..<6).map { _ in todo(key(&random), &random) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for todo in todos {
        group.addTask { try await store.write { try $0.put(todo) } }
      }
      try await group.waitForAll()
    }
  }

  /// A server refuses some pending edits: what they did is not seen any more.
  private static func refuse(_ store: Store, _ random: inout SeededRandom) async throws {
    var pending: [SequenceNumber] = []
    try store.journal.read { reader in
      try reader.scanEdits { sequence, state in
        if state.delivery == .pending, try reader.entry(sequence)?.header.kind.isEdit == true {
          pending.append(sequence)
        }
        return true
      }
    }
    let chosen = pending.filter { _ in random.next() % 4 == 0 }.prefix(5)
    guard !chosen.isEmpty else { return }
    var body = BodyBuilder()
    body.add(.remote, text: "server")
    body.add(.sent, unsigned: 0)
    body.add(.refusals) { writer in
      writer.array(count: chosen.count)
      for sequence in chosen {
        writer.array(count: 3)
        writer.unsigned(sequence)
        writer.text("no")
        writer.text("not here")
      }
    }
    let draft = try Draft(.refused, body: body.finish())
    _ = try await store.journal.transact { try $0.append(draft) }
  }
}
