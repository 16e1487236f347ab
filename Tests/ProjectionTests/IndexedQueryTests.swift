import Journal
import TestKit
import Testing

@testable import Projection

/// The same queries on the same records, with indexes and without.
@Suite struct `A query through an index` {
  private static let names = ["a", "b", "c", "tags"]

  private static func value(_ random: inout SeededRandom) -> Value? {
    switch Int.random(in: 0..<16, using: &random) {
    case 0: nil
    case 1: .null
    case 2: .bool(Bool.random(using: &random))
    case 3: .double(Double(Int.random(in: -4...4, using: &random)) / 2)
    case 4: .integer([.max, .min, 1 << 53, 1 << 53 + 1].randomElement(using: &random) ?? 0)
    case 5: [.unsigned(.max), .unsigned(.max - 1)].randomElement(using: &random)
    case 6: .bytes([0, UInt8.random(in: 0...2, using: &random)])
    case 7: .reference(collection: "c", key: "k\(Int.random(in: 0..<3, using: &random))")
    case 8:
      // Longer than an index keeps.
      .string(
        String(repeating: "x", count: 400) + "\(Int.random(in: 0..<4, using: &random))")
    case 9: .string(["", "\0", "a\0b", "a", "ab", "b\u{E9}"].randomElement(using: &random) ?? "")
    case 10: .array([.integer(Int64.random(in: 0..<3, using: &random)), .string("a")])
    case 11: .object(["x": .integer(Int64.random(in: 0..<3, using: &random))])
    default: .integer(Int64.random(in: -3...3, using: &random))
    }
  }

  private static func fields(_ random: inout SeededRandom) -> Fields {
    var fields = Fields()
    for name in ["a", "b", "c"] { fields[name] = value(&random) }
    if Bool.random(using: &random) {
      fields["tags"] = .array(
        (0..<Int.random(in: 0..<4, using: &random)).compactMap { _ in value(&random) })
    } else {
      fields["tags"] = value(&random)
    }
    return fields
  }

  private static func filter(_ random: inout SeededRandom, _ depth: Int = 2) -> Filter {
    let field = names.randomElement(using: &random) ?? "a"
    switch Int.random(in: 0..<(depth > 0 ? 12 : 8), using: &random) {
    case 0: return .prefix(field: field, ["", "a", "xxx"].randomElement(using: &random) ?? "")
    case 1: return .absent(field: field)
    case 2:
      return .compare(
        .init(field, .in, .array((0..<3).compactMap { _ in value(&random) })))
    case 8: return .not(filter(&random, depth - 1))
    case 9: return .any((0..<2).map { _ in filter(&random, depth - 1) })
    case 10, 11: return .all((0..<3).map { _ in filter(&random, depth - 1) })
    default:
      let comparison = Query.Condition.Operator.allCases.randomElement(using: &random) ?? .equal
      return .compare(.init(field, comparison, value(&random) ?? .null))
    }
  }

  private static func query(_ random: inout SeededRandom) -> Query {
    let isDescending = Bool.random(using: &random)
    let sort = ["a", "b", "c"].shuffled(using: &random)
      .prefix(Int.random(in: 0..<4, using: &random))
      .map {
        Query.Sort(
          $0, descending: Int.random(in: 0..<8, using: &random) == 0 ? !isDescending : isDescending)
      }
    return Query(
      "items", where: filter(&random), sort: sort,
      limit: Bool.random(using: &random) ? Int.random(in: 0..<20, using: &random) : nil,
      offset: Int.random(in: 0..<3, using: &random) == 0 ? 2 : 0)
  }

  private static func declare(_ store: Store) async throws {
    let definitions: [IndexDefinition] = [
      .init(collection: "items", name: "a", fields: ["a"]),
      .init(collection: "items", name: "b-c", fields: ["b", "c"]),
      .init(collection: "items", name: "c-b-a", fields: ["c", "b", "a"]),
      .init(collection: "items", name: "tags", fields: ["tags"], each: 0),
      .init(collection: "items", name: "a-tags", fields: ["a", "tags", "b"], each: 1),
    ]
    try await store.journal.transact { context in
      for definition in definitions {
        try context.append(Draft(.declared, body: definition.body()))
        try Store.build(definition.collection, definition.name, context)
      }
    }
  }

  private static func change(
    _ random: inout SeededRandom, _ stores: [Store]
  ) async throws {
    var changes: [(kind: Int, key: String, fields: Fields)] = []
    for _ in 0..<Int.random(in: 1..<40, using: &random) {
      let key = "k\(Int.random(in: 0..<120, using: &random))"
      changes.append((Int.random(in: 0..<5, using: &random), key, fields(&random)))
    }
    for store in stores {
      try await store.write { [changes] tx in
        var known = Set(try store.read { try $0.query(Query("items")).map(\.key) })
        for change in changes {
          switch change.kind {
          case 0 where known.contains(change.key):
            try tx.delete("items", change.key)
            known.remove(change.key)
          case 1 where known.contains(change.key):
            try tx.update("items", change.key, set: change.fields)
          default:
            try tx.put("items", change.key, change.fields)
            known.insert(change.key)
          }
        }
      }
    }
  }

  @Test func `finds what reading the collection finds, in the same order, page by page`()
    async throws
  {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    let scratch = try Scratch()
    let indexed = try Store.create(at: scratch("indexed"), label: "a")
    let plain = try Store.create(at: scratch("plain"), label: "b")
    defer {
      indexed.close()
      plain.close()
    }
    try await Self.change(&random, [indexed, plain])
    try await Self.declare(indexed)
    var planned = 0
    var ordered = 0
    for _ in 0..<12 {
      try await Self.change(&random, [indexed, plain])
      for _ in 0..<60 {
        let query = Self.query(&random)
        let expected = try plain.read { try $0.query(query) }
        try indexed.read { snapshot throws in
          let plan = try snapshot.explain(query)
          if plan.index != nil { planned += 1 }
          if plan.index != nil, plan.isOrdered, !query.sort.isEmpty { ordered += 1 }
          let found = try snapshot.query(query)
          #expect(found == expected, "seed \(seed): \(plan): \(query)")
          let paged = try Self.pages(query, snapshot)
          var whole = query
          (whole.limit, whole.offset) = (nil, 0)
          #expect(
            try paged == plain.read { try $0.query(whole).map(\.key) }, "seed \(seed): \(query)")
        }
      }
    }
    // Else nothing was tested.
    #expect(planned > 100, "seed \(seed)")
    #expect(ordered > 5, "seed \(seed)")
    #expect(try indexed.problems() == [], "seed \(seed)")
    try await indexed.rebuild()
    #expect(try indexed.problems() == [], "seed \(seed)")
  }

  private static func pages(_ query: Query, _ snapshot: Snapshot) throws -> [String] {
    var keys: [String] = []
    var position: Snapshot.Position?
    var page = query
    (page.limit, page.offset) = (7, 0)
    repeat {
      position = try snapshot.select(page, after: position) { keys.append($0.key) }
    } while position != nil
    return keys
  }

  @Test func `has keys that order as the values do`() throws {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    var values: [Value?] = (0..<400).map { _ in Self.value(&random) }
    for shift in 0..<63 {
      for offset: Int64 in -1...1 {
        values.append(.integer((1 << Int64(shift)) &+ offset))
        values.append(.integer(-(1 << Int64(shift)) &+ offset))
        values.append(.double(Double(1 << shift) + Double(offset) / 2))
      }
    }
    for _ in 0..<20_000 {
      guard let left = values.randomElement(using: &random),
        let right = values.randomElement(using: &random)
      else { continue }
      var (one, other) = (IndexKey(), IndexKey())
      try one.append(left)
      try other.append(right)
      let order = SortOrder.compare(left, right)
      let bytes =
        one.bytes == other.bytes ? 0 : one.bytes.lexicographicallyPrecedes(other.bytes) ? -1 : 1
      if one.isExact, other.isExact {
        #expect(
          bytes == order.signum(),
          "seed \(seed): \(String(describing: left)) \(String(describing: right))")
      } else {
        #expect(bytes == 0 || bytes == order.signum(), "seed \(seed)")
      }
    }
  }

  @Test func `asks records in their stored form what it asks of decoded ones`() throws {
    let seed = testSeed(or: .random(in: 1 ... .max))
    var random = SeededRandom(seed: seed)
    var meant = 0
    for _ in 0..<4_000 {
      let (filter, fields) = (Self.filter(&random), Self.fields(&random))
      var writer = CBORWriter(reserving: 256)
      try writer.fields(fields)
      let stored = try writer.bytes.withUnsafeBytes { try PreparedFilter(filter).matches($0) }
      #expect(stored == filter.matches(fields), "seed \(seed): \(filter): \(fields)")
      if stored { meant += 1 }
    }
    #expect(meant > 400, "seed \(seed)")
  }
}
