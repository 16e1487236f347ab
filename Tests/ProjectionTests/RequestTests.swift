import Foundation
import Journal
import Projection
import TestKit
import Testing

/// Requests against filtering, sorting and cutting the same values in Swift, which shares no code.
@Suite struct `A request for records of a type` {
  enum State: String, Codable, CaseIterable { case open, done, dropped }
  enum Priority: Int, Codable {
    case low
    case high = 3
  }
  enum Kind: String, Codable { case note, task }

  struct Item: Record, Equatable {
    static let schema = Schema<Item>("items")
    var id = RecordID<Item>()
    var number: Int
    var text: String?
    var weight = 0.5
    var tags: [String] = []
    var isDone = false
    var due: Date?
    var state = State.open
    var priority = Priority.low
    var parent: RecordID<Item>?
    var title = ""

    enum CodingKeys: String, CodingKey {
      case id, number, text, tags, due, state, priority, parent, title
      case weight = "w"
      case isDone = "done"
    }

    var isHeavy: Bool { weight > 10 }
    var capped: Int { min(number, 10) }
    var label: String { isDone ? title : text ?? title }
    var full: String { title + (text ?? "") }
  }

  private static func chained(_ number: Int) -> Condition<Item> { \.number == number }

  private func withStore(_ body: (Store) async throws -> Void) async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await body(store)
  }

  private static let texts = ["", "a", "ab", "b", "ä", "ö", "milk", "Milk"]

  private static func items(
    _ count: Int, _ random: inout some RandomNumberGenerator
  ) -> [Item] {
    (0..<count).map { index in
      var item = Item(id: RecordID("r\(index)"), number: .random(in: -3...3, using: &random))
      item.text = Bool.random(using: &random) ? texts.randomElement(using: &random) : nil
      item.weight = Double(Int.random(in: -2...2, using: &random)) / 2
      item.tags = (0..<Int.random(in: 0...2, using: &random)).compactMap { _ in
        texts.randomElement(using: &random)
      }
      item.isDone = .random(using: &random)
      if Bool.random(using: &random) {
        item.due = Date(timeIntervalSince1970: .random(in: 0...3, using: &random).rounded())
      }
      item.state = State.allCases.randomElement(using: &random) ?? .open
      item.parent = Bool.random(using: &random) ? RecordID("r\(index % 4)") : nil
      item.title = texts.randomElement(using: &random) ?? ""
      return item
    }
  }

  private typealias Meaning = (said: Condition<Item>, isMeant: (Item) -> Bool)

  private static func less(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }

  private static func condition(
    _ depth: Int, _ random: inout some RandomNumberGenerator
  ) -> Meaning {
    let number = Int.random(in: -3...3, using: &random)
    let text = texts.randomElement(using: &random) ?? ""
    let date = Date(timeIntervalSince1970: Double(Int.random(in: 0...3, using: &random)))
    if depth > 0 {
      let (one, other) = (condition(depth - 1, &random), condition(depth - 1, &random))
      switch Int.random(in: 0..<4, using: &random) {
      case 0: return (one.said && other.said, { one.isMeant($0) && other.isMeant($0) })
      case 1: return (one.said || other.said, { one.isMeant($0) || other.isMeant($0) })
      case 2: return (!one.said, { !one.isMeant($0) })
      default: break
      }
    }
    switch Int.random(in: 0..<20, using: &random) {
    case 0: return (\.number == number, { $0.number == number })
    case 1: return (\.number != number, { $0.number != number })
    case 2: return (\.number < number, { $0.number < number })
    case 3: return (\.number >= number, { $0.number >= number })
    case 4: return (\.text == text, { $0.text == text })
    case 5: return (\.text == nil, { $0.text == nil })
    case 6: return (\.text != nil, { $0.text != nil })
    case 7: return (\.text != text, { $0.text != text })
    case 8: return (\.text < text, { $0.text.map { less($0, text) } ?? false })
    case 9: return (\.weight > Double(number) / 2, { $0.weight > Double(number) / 2 })
    case 10: return (\.weight <= Double(number), { $0.weight <= Double(number) })
    case 11: return (\.isDone == true, { $0.isDone })
    case 12: return (\.due <= date, { $0.due.map { $0 <= date } ?? false })
    case 13: return (\.due == date, { $0.due == date })
    case 14: return (\.state == .done, { $0.state == .done })
    case 15: return (.isIn(\.state, [.open, .dropped]), { $0.state != .done })
    case 16: return (.contains(\.tags, text), { $0.tags.contains(text) })
    case 17: return (.hasPrefix(\.title, text), { $0.title.utf8.starts(with: text.utf8) })
    case 18: return (.isIn(\.text, [text, nil]), { $0.text == text || $0.text == nil })
    default:
      let parent = RecordID<Item>("r\(abs(number))")
      return (\.parent == parent, { $0.parent == parent })
    }
  }

  /// Negative, zero or positive.
  private typealias Order = (said: Ordering<Item>, compare: (Item, Item) -> Int)

  private static func compare<T>(_ left: T?, _ right: T?, _ isLess: (T, T) -> Bool) -> Int {
    switch (left, right) {
    case (nil, nil): 0
    case (nil, _): -1
    case (_, nil): 1
    case (let left?, let right?): isLess(left, right) ? -1 : isLess(right, left) ? 1 : 0
    }
  }

  private static func order(_ random: inout some RandomNumberGenerator) -> Order {
    switch Int.random(in: 0..<5, using: &random) {
    case 0: (.ascending(\.number), { compare($0.number, $1.number, <) })
    case 1: (.descending(\.text), { -compare($0.text, $1.text, less) })
    case 2: (.ascending(\.text), { compare($0.text, $1.text, less) })
    case 3: (.descending(\.weight), { -compare($0.weight, $1.weight, <) })
    default: (.ascending(\.due), { compare($0.due, $1.due, <) })
    }
  }

  @Test func `finds what filtering and sorting in Swift finds`() async throws {
    let seed = testSeed(or: 4711)
    var random = SeededRandom(seed: seed)
    try await withStore { store in
      let items = Self.items(120, &random)
      try await store.write { tx in for item in items { try tx.create(item) } }
      let inOrder = items.sorted { Self.less($0.id.key, $1.id.key) }
      for round in 0..<100 {
        let condition = Self.condition(3, &random)
        let orders = (0..<Int.random(in: 0...2, using: &random)).map { _ in Self.order(&random) }
        var request = Item.where(condition.said)
        switch orders.count {
        case 1: request = request.sorted(by: orders[0].said)
        case 2: request = request.sorted(by: orders[0].said, orders[1].said)
        default: break
        }
        var expected = inOrder.filter(condition.isMeant).enumerated().sorted { left, right in
          for order in orders {
            let compared = order.compare(left.element, right.element)
            if compared != 0 { return compared < 0 }
          }
          return left.offset < right.offset
        }.map(\.element)
        if Bool.random(using: &random) {
          let (limit, offset) = (
            Int.random(in: 0...20, using: &random), Int.random(in: 0...5, using: &random)
          )
          request = request.limit(limit, offset: offset)
          expected = Array(expected.dropFirst(offset).prefix(limit))
        }
        let wanted = request
        let found = try store.read { snapshot in
          #expect(try snapshot.count(wanted) == expected.count)
          #expect(try snapshot.exists(wanted) == !expected.isEmpty)
          #expect(try snapshot.first(wanted) == expected.first)
          return try snapshot.fetch(wanted)
        }
        var paged: [Item] = []
        for try await page in store.pages(of: wanted, size: .random(in: 1...30, using: &random)) {
          #expect(!page.isEmpty)
          paged += page
        }
        guard found == expected, paged == expected else {
          Issue.record("seed \(seed), round \(round): \(found.map(\.id)) for \(expected.map(\.id))")
          return
        }
        let numbers = expected.map(\.number)
        try store.read { snapshot in
          #expect(try snapshot.aggregate(.sum(\.number), of: wanted) == numbers.reduce(0, +))
          #expect(try snapshot.aggregate(.min(\.number), of: wanted) == numbers.min())
          let latest = expected.compactMap(\.due).max()
          #expect(try snapshot.aggregate(.max(\.due), of: wanted) == latest)
          let groups = try snapshot.aggregate(.count, of: wanted, by: \.state)
          #expect(
            Dictionary(uniqueKeysWithValues: groups.map { ($0.value, $0.result) })
              == Dictionary(grouping: expected, by: \.state).mapValues(\.count))
          let sums = try snapshot.aggregate(.sum(\.weight), of: wanted, by: \.text)
          #expect(
            Dictionary(uniqueKeysWithValues: sums.map { ($0.value, $0.result) })
              == Dictionary(grouping: expected, by: \.text).mapValues { group in
                group.map(\.weight).reduce(0, +)
              })
        }
      }
    }
  }

  @Test func `reads an earlier moment as it reads the present one`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Item(id: "a", number: 1)) }
      let before = try await store.write { try $0.create(Item(id: "b", number: 2)) }
      try await store.write { tx in
        try tx.delete(Item.self, "a")
        try tx.create(Item(id: "c", number: 3))
      }
      let moment = Moment.sequence(try #require(before.sequences.last))
      let request = Item.sorted(by: .descending(\.number)).limit(2)
      #expect(try store.read { try $0.fetch(request) }.map(\.id) == ["c", "b"])
      #expect(try store.read(at: moment) { try $0.fetch(request) }.map(\.id) == ["b", "a"])
    }
  }

  @Test func `goes on behind the last record of a page, whatever happens between pages`()
    async throws
  {
    try await withStore { store in
      try await store.write { tx in
        for number in 0..<10 { try tx.create(Item(id: RecordID("r\(number)"), number: number)) }
      }
      var seen: [Int] = []
      for try await page in store.pages(of: Item.sorted(by: .ascending(\.number)), size: 3) {
        seen += page.map(\.number)
        let last = try #require(seen.last)
        try await store.write { tx in
          // The last one goes, one comes before it and one far behind.
          if last < 10 { try tx.delete("items", "r\(last)") }
          try tx.put(Item(id: "early", number: -1))
          try tx.put(Item(id: "late", number: 50))
        }
      }
      #expect(seen == Array(0..<10) + [50])
    }
  }

  @Test func `finds the field behind a key path, renamed or not`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Item(id: "a", number: 1, weight: 3, isDone: true)) }
      #expect(try store.read { try $0.get("items", "a") }?["w"] == 3.0)
      #expect(try store.read { try $0.count(Item.where(\.weight == 3 && \.isDone == true)) } == 1)
      for request in [
        Item.where(\.isHeavy == true), Item.where(\.full == "a"), Item.where(\.title.count == 1),
        Item.where(\.number.magnitude == 1), Item.where(\.id == "a"), Item.where(\.capped == 1),
        Item.where(\.label == "a"), Item.where(\.tags[0] == "a"), Item.where(\.due! > Date()),
      ] {
        let error = #expect(throws: JournalError.self) { try store.read { try $0.fetch(request) } }
        #expect(error?.code == "invalid-input")
      }
      #expect(throws: JournalError.self) {
        try store.read { try $0.aggregate(.max(\.title.count), of: Request<Item>()) }
      }
    }
  }

  struct Page: Record {
    static let schema = Schema<Page>("pages")
    var id = RecordID<Page>()
    var kind: Kind
    var size: Int64
    var children: [Node] = []
    struct Node: Codable { var children: [Node] }
  }

  @Test func `takes a field's name where its type cannot be tried out`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Page(id: "a", kind: .note, size: .max))
        try tx.create(Page(id: "b", kind: .task, size: 1))
      }
      let error = #expect(throws: JournalError.self) {
        try store.read { try $0.fetch(Page.where(\.kind == .note)) }
      }
      #expect(error?.description.contains("Field(\"name\")") == true)
      let kind = Field<Page, Kind>("kind")
      #expect(try store.read { try $0.fetch(Page.where(kind == .task)) }.map(\.id) == ["b"])
      let size = Field<Page, Int64>("size")
      let largest = Request<Page>().sorted(by: .descending(size))
      #expect(try store.read { try $0.first(largest) }?.id == "a")
    }
  }

  @Test func `may be a long chain of conditions`() async throws {
    try await withStore { store in
      try await store.write { try $0.create(Item(id: "a", number: 20_000)) }
      var one = Self.chained(1)
      for number in 2...20_000 { one = one || Self.chained(number) }
      let (any, none) = (Item.where(one), Item.where(!one))
      #expect(try store.read { try ($0.count(any), $0.count(none)) } == (1, 0))
    }
  }

  @Test func `compares as sorting does, whatever the aggregate`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Item(id: "a", number: 1, weight: 1, title: "z"))
        try tx.create(Item(id: "b", number: 1, weight: 2, title: "e\u{301}"))
        // As a program without the type writes a double: 1 instead of 1.0.
        try tx.create(Amount(id: "a", cents: 1))
        try tx.create("amounts", "b", ["cents": 1.0, "level": 7])
      }
      try store.read { snapshot in
        let last = try snapshot.first(Item.sorted(by: .descending(\.title)))
        #expect(last?.id == "a")
        let largest = try snapshot.aggregate(.max(\.title), of: Request<Item>())
        #expect(largest == last?.title)
        let groups = try snapshot.aggregate(.count, of: Request<Amount>(), by: \.cents)
        #expect(groups.map(\.value) == [1] && groups.map(\.result) == [2])
      }
    }
  }

  struct Amount: Record {
    static let schema = Schema<Amount>("amounts")
    var id = RecordID<Amount>()
    var cents: Int64
    var level: UInt8 = 200
  }

  @Test func `says when a sum does not fit`() async throws {
    try await withStore { store in
      try await store.write { tx in
        try tx.create(Amount(id: "a", cents: .max))
        try tx.create(Amount(id: "b", cents: 1))
      }
      for _ in 0..<2 {
        let error = #expect(throws: JournalError.self) {
          try store.read { try $0.aggregate(.sum(\.cents), of: Request<Amount>()) }
        }
        #expect(error?.code == "invalid-input")
      }
      #expect(throws: JournalError.self) {
        try store.read { try $0.aggregate(.sum(\.level), of: Request<Amount>()) }
      }
      let fits = Amount.where(\.cents < .max)
      #expect(try store.read { try $0.aggregate(.sum(\.cents), of: fits) } == 1)
    }
  }
}
