import Journal
import TestKit

@testable import Projection

/// Plays a history on a store and on the model, and says where they differ.
final class ModelRun {
  private struct Difference: Error { let text: String }
  private struct Abandoned: Error {}

  private static let collection = "things"

  private let scratch: Scratch
  private var store: Store
  private var model = PlainModel()
  private var unique: [String: String] = [:]
  /// The model after each write, by the last sequence.
  private var past: [(sequence: SequenceNumber, model: PlainModel)] = []

  private init() throws {
    scratch = try Scratch()
    store = try Store.create(at: scratch("j"), label: "model", isLocal: true)
    past.append((try store.journal.lastSequence, model))
  }

  /// What is wrong after which step; nil where nothing is.
  static func problem(of steps: [ModelStep]) async throws -> String? {
    let run = try ModelRun()
    defer { run.store.close() }
    var number = 0
    do {
      for step in steps {
        number += 1
        try await run.play(step)
      }
      number += 1
      try await run.finish()
      return nil
    } catch let difference as Difference {
      return "step \(number): \(difference.text)"
    } catch {
      return "step \(number): unexpected \(error)"
    }
  }

  /// The same problem with as few steps as leaving steps out can reach.
  static func smallest(_ steps: [ModelStep]) async throws -> (steps: [ModelStep], problem: String) {
    var steps = steps
    var problem = try await problem(of: steps) ?? "it does not happen again"
    var isShorter = true
    while isShorter {
      isShorter = false
      for position in steps.indices.reversed() {
        var fewer = steps
        fewer.remove(at: position)
        guard let same = try await Self.problem(of: fewer) else { continue }
        (steps, problem, isShorter) = (fewer, same, true)
        break
      }
    }
    return (steps, problem)
  }

  private func play(_ step: ModelStep) async throws {
    switch step {
    case .write(let changes): try await write(changes)
    case .abandoned(let changes):
      do {
        try await store.write { tx in
          for change in changes { try Self.add(change, to: &tx) }
          throw Abandoned()
        }
      } catch is Abandoned {}
      try compare()
    case .ask(let question): try ask(question)
    case .declare(let name, let fields, let each, let isUnique):
      try await declare(name, fields, each: each, isUnique: isUnique)
    case .drop(let name): try await drop(name)
    case .rebuild:
      try await store.rebuild()
      try compare()
    case .reopen:
      store.close()
      store = try Store.open(at: scratch("j"))
      try compare()
    case .trim:
      _ = try await store.compact()
      try compare()
    case .migrate(let target): try await migrate(to: target)
    case .saveState: try await store.saveState()
    case .lookBack(let writes): try lookBack(writes)
    }
  }

  private func write(_ changes: [PlainChange]) async throws {
    var next = model
    let isTaken = changes.allSatisfy { next.apply($0, unique: Array(unique.values)) }
    do {
      try await store.write { tx in
        for change in changes { try Self.add(change, to: &tx) }
      }
      guard isTaken else { throw Difference(text: "the store took what the model refuses") }
      model = next
    } catch let error as JournalError {
      guard !isTaken else { throw Difference(text: "the store refused: \(error)") }
    }
    past.append((try store.journal.lastSequence, model))
    try compare()
  }

  private func migrate(to target: Int) async throws {
    let migrations = try Migrations(
      Migration(
        "1", up: { try $0.put(Self.collection, "m", ["c": "x"]) },
        down: { context in
          if try context.get(Self.collection, "m") != nil {
            try context.delete(Self.collection, "m")
          }
        }),
      Migration(
        "2", up: { _ = try $0.update(Self.collection) { $0["d"] = 1 } },
        down: { _ = try $0.dropField("d", in: Self.collection) }))
    let isTaken = model.migrate(to: target, unique: Array(unique.values))
    do {
      _ = try await store.migrate(migrations, to: MigrationID("\(target)"))
      guard isTaken else { throw Difference(text: "a migration was applied that breaks an index") }
    } catch let error as JournalError {
      guard !isTaken else { throw Difference(text: "a migration was refused: \(error)") }
    }
    let applied = try store.read { try $0.appliedMigrations.map(\.description) }
    guard applied == model.applied.sorted().map(String.init) else {
      throw Difference(text: "applied are \(applied), not \(model.applied)")
    }
    past.append((try store.journal.lastSequence, model))
    try compare()
  }

  private func ask(_ question: PlainQuestion) throws {
    let conditions = question.conditions.map { condition -> Filter in
      switch condition {
      case .equal(let name, let value): .compare(.init(name, .equal, Self.value(value)))
      case .above(let name, let bound): .compare(.init(name, .greater, .integer(Int64(bound))))
      case .has(let name, let part): .compare(.init(name, .contains, .string(part)))
      case .absent(let name): .absent(field: name)
      }
    }
    let query = Query(
      Self.collection, where: question.isAny ? .any(conditions) : .all(conditions),
      sort: [.init(question.sort, descending: question.isDescending)], limit: question.limit)
    let found = try store.read { try $0.query(query).map(\.key) }
    let expected = model.keys(question)
    guard found == expected else {
      let plan = try store.read { try $0.explain(query) }
      throw Difference(text: "found \(found), not \(expected) (\(plan))")
    }
  }

  private func declare(
    _ name: String, _ fields: [String], each: Bool, isUnique: Bool
  ) async throws {
    let definition = IndexDefinition(
      collection: Self.collection, name: name, fields: fields, each: each ? 0 : nil,
      isUnique: isUnique && !each)
    try await store.journal.transact { context in
      _ = try context.append(Draft(.declared, body: definition.body()))
    }
    unique[name] = definition.isUnique ? fields[0] : nil
    try await store.buildIndexes()
  }

  private func drop(_ name: String) async throws {
    let declared = try store.indexes().contains { $0.name == name }
    guard declared else { return }
    let definition = IndexDefinition(collection: Self.collection, name: name, fields: ["a"])
    try await store.journal.transact { context in
      _ = try context.append(Draft(.declared, body: definition.body(isRemoved: true)))
    }
    unique[name] = nil
    try await store.buildIndexes()
  }

  private func lookBack(_ writes: Int) throws {
    guard let (sequence, model) = past.dropLast(writes).last else { return }
    do {
      let shown = try store.read(at: .sequence(sequence), Self.items)
      guard shown == model.items else {
        throw Difference(text: "at \(sequence) \(shown), not \(model.items)")
      }
    } catch JournalError.belowHorizon {
      guard try store.journal.read({ $0.horizon.sequence }) > sequence else {
        throw Difference(text: "\(sequence) is held and said to be trimmed")
      }
    }
  }

  private func compare() throws {
    let shown = try store.read(Self.items)
    guard shown == model.items else { throw Difference(text: "\(shown), not \(model.items)") }
  }

  private func finish() async throws {
    let problems = try store.problems()
    guard problems.isEmpty else { throw Difference(text: "verify: \(problems)") }
    let before = try rows()
    try await store.rebuild()
    guard try rows() == before else { throw Difference(text: "a rebuild gives other rows") }
    try compare()
  }

  /// All derived rows, byte for byte.
  private func rows() throws -> [[UInt8]: [UInt8]] {
    var rows: [[UInt8]: [UInt8]] = [:]
    try store.journal.read { reader in
      for table in [Table.records, .edits, .indexes] {
        try reader.storage.scan(table, from: nil) { key, payload in
          rows[[table.rawValue] + key] = [UInt8](payload)
          return true
        }
      }
    }
    return rows
  }

  // MARK: Between the two

  private static func add(_ change: PlainChange, to tx: inout Changes) throws {
    var fields = Fields()
    for (name, value) in change.fields { fields[name] = Self.value(value) }
    switch change.kind {
    case .create: try tx.create(collection, change.key, fields)
    case .put: try tx.put(collection, change.key, fields)
    case .update: try tx.update(collection, change.key, set: fields, unset: change.unset)
    case .delete: try tx.delete(collection, change.key)
    }
  }

  private static func value(_ plain: PlainModel.Plain) -> Value {
    switch plain {
    case .nothing: .null
    case .number(let number): .integer(Int64(number))
    case .text(let text): .string(text)
    case .texts(let texts): .array(texts.map { .string($0) })
    }
  }

  private static func items(_ snapshot: Snapshot) throws -> [String: PlainModel.Item] {
    var items: [String: PlainModel.Item] = [:]
    for record in try snapshot.query(Query(collection)) {
      var item: PlainModel.Item = [:]
      for (name, value) in record.fields {
        switch value {
        case .null: item[name] = .nothing
        case .integer(let number): item[name] = .number(Int(number))
        case .string(let text): item[name] = .text(text)
        case .array(let values):
          item[name] = .texts(
            values.compactMap { if case .string(let text) = $0 { text } else { nil } })
        default: throw Difference(text: "\(record.key) shows \(value)")
        }
      }
      items[record.key] = item
    }
    return items
  }
}
