/// What a store of one collection has to show, in dictionaries: no code of the library is in it.
struct PlainModel: Equatable {
  /// A value of a record; what a record has not is not in it.
  enum Plain: Hashable {
    case nothing
    case number(Int)
    case text(String)
    case texts([String])
  }

  typealias Item = [String: Plain]

  var items: [String: Item] = [:]
  /// The migrations that are applied.
  var applied: Set<Int> = []

  /// The first migration puts a record, the second gives a field to all; both can be undone.
  ///
  /// - Returns: false where the store has to stop.
  mutating func migrate(to target: Int, unique: [String]) -> Bool {
    for number in [1, 2] where number <= target && !applied.contains(number) {
      if number == 1 {
        let put = PlainChange(kind: .put, key: "m", fields: ["c": .text("x")])
        var next = self
        guard next.apply(put, unique: unique) else { return false }
        self = next
      } else {
        for key in items.keys { items[key]?["d"] = .number(1) }
      }
      applied.insert(number)
    }
    for number in [2, 1] where number > target && applied.contains(number) {
      if number == 1 {
        items["m"] = nil
      } else {
        for key in items.keys { items[key]?["d"] = nil }
      }
      applied.remove(number)
    }
    return true
  }

  /// A change of one record; false where the store has to refuse it.
  mutating func apply(_ change: PlainChange, unique: [String]) -> Bool {
    let before = items[change.key]
    switch change.kind {
    case .create:
      guard before == nil else { return false }
      items[change.key] = change.fields
    case .put: items[change.key] = change.fields
    case .update:
      guard var item = before else { return false }
      for (name, value) in change.fields { item[name] = value }
      for name in change.unset { item[name] = nil }
      items[change.key] = item
    case .delete:
      guard before != nil else { return false }
      items[change.key] = nil
    }
    return unique.allSatisfy { isUnique($0, change.key, before) }
  }

  /// Whether no other record has the value that this one has been given in a field.
  private func isUnique(_ name: String, _ key: String, _ before: Item?) -> Bool {
    guard let value = items[key]?[name], value != .nothing, before?[name] != value else {
      return true
    }
    return !items.contains { $0.key != key && $0.value[name] == value }
  }

  /// The keys a question means, in its order.
  func keys(_ question: PlainQuestion) -> [String] {
    var found = items.filter { _, item in question.isMeant(item) }.map { ($0.key, $0.value) }
    found.sort { left, right in
      let (one, other) = (Self.rank(left.1[question.sort]), Self.rank(right.1[question.sort]))
      if one != other { return (one < other) != question.isDescending }
      return Array(left.0.utf8).lexicographicallyPrecedes(Array(right.0.utf8))
    }
    return Array(found.map(\.0).prefix(question.limit))
  }

  /// Missing, null, numbers, texts, arrays.
  private static func rank(_ value: Plain?) -> SortKey {
    switch value {
    case nil: SortKey(type: 0)
    case .nothing: SortKey(type: 1)
    case .number(let number): SortKey(type: 2, number: number)
    case .text(let text): SortKey(type: 3, texts: [text])
    case .texts(let texts): SortKey(type: 4, texts: texts)
    }
  }

  private struct SortKey: Comparable {
    var type: Int
    var number = 0
    var texts: [String] = []

    static func < (left: SortKey, right: SortKey) -> Bool {
      if left.type != right.type { return left.type < right.type }
      if left.number != right.number { return left.number < right.number }
      for (one, other) in zip(left.texts, right.texts) where one != other { return one < other }
      return left.texts.count < right.texts.count
    }
  }
}

/// A change of one record.
struct PlainChange: CustomStringConvertible {
  enum Kind: CaseIterable { case create, put, update, delete }
  var kind: Kind
  var key: String
  var fields: PlainModel.Item = [:]
  var unset: [String] = []

  var description: String { "\(kind) \(key) \(fields) \(unset)" }
}

/// A question with one or two conditions.
struct PlainQuestion: CustomStringConvertible {
  enum Condition {
    case equal(String, PlainModel.Plain)
    case above(String, Int)
    case has(String, String)
    case absent(String)
  }

  var conditions: [Condition]
  var isAny: Bool
  var sort: String
  var isDescending: Bool
  var limit: Int

  func isMeant(_ item: PlainModel.Item) -> Bool {
    let answers = conditions.map { condition in
      switch condition {
      case .equal(let name, let value): item[name] == value
      case .above(let name, let bound):
        if case .number(let number) = item[name] { number > bound } else { false }
      case .has(let name, let part):
        switch item[name] {
        case .texts(let texts): texts.contains(part)
        case .text(let text): text.contains(part)
        default: false
        }
      case .absent(let name): item[name] == nil || item[name] == .nothing
      }
    }
    return isAny ? answers.contains(true) : answers.allSatisfy { $0 }
  }

  var description: String {
    "\(conditions) any \(isAny) by \(sort) descending \(isDescending) limit \(limit)"
  }
}
