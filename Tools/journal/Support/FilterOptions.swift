import ArgumentParser
import Journal
import Projection

/// Which records of a server are taken.
struct FilterOptions: ParsableArguments {
  @Option(
    name: .customLong("filter"), parsing: .singleValue,
    help: """
      Take only records like these, COLLECTION: FIELD OP VALUE, the condition as in query's --where: \
      'todos: team = "red"'. Several of one collection hold together.
      """)
  var arguments: [FilterArgument] = []

  /// One filter for each collection.
  func filters() throws -> [RemoteFilter] {
    var conditions: [(collection: String, all: [Query.Condition])] = []
    for argument in arguments {
      let place = conditions.firstIndex {
        $0.collection.utf8.elementsEqual(argument.collection.utf8)
      }
      if let place {
        conditions[place].all.append(argument.condition)
      } else {
        conditions.append((argument.collection, [argument.condition]))
      }
    }
    return try conditions.map { collection, all in
      try RemoteFilter(
        collection, where: all.count == 1 ? .compare(all[0]) : .all(all.map { .compare($0) }))
    }
  }

  /// Conditions by collection; one that was not written like these as it is stored.
  static func shown(_ filters: [RemoteFilter]) throws -> Value {
    var shown = Fields()
    for filter in filters {
      shown[filter.collection] =
        try texts(filter).map { .array($0.map { .string($0) }) } ?? .object(filter.condition)
    }
    return .object(shown)
  }

  static func text(_ filters: [RemoteFilter]) throws -> String {
    let parts = try filters.map { filter in
      let texts = try texts(filter) ?? [JSONText.string(.object(filter.condition))]
      return "\(filter.collection): \(texts.joined(separator: " and "))"
    }
    return "where " + parts.joined(separator: "; ")
  }

  /// Nil for what one cannot write as a list of comparisons.
  private static func texts(_ filter: RemoteFilter) throws -> [String]? {
    let parts: [Filter]
    switch try filter.filter() {
    case .all(let all): parts = all
    case let one: parts = [one]
    }
    let conditions = parts.compactMap { part -> Query.Condition? in
      if case .compare(let condition) = part { condition } else { nil }
    }
    guard conditions.count == parts.count else { return nil }
    return conditions.map { condition in
      "\(condition.field) \(condition.operator.rawValue) \(JSONText.string(condition.value))"
    }
  }
}

/// `COLLECTION: FIELD OP VALUE` of `--filter`.
struct FilterArgument: ExpressibleByArgument {
  let collection: String
  let condition: Query.Condition

  init?(argument: String) {
    // A collection's name may hold colons: the one that ends it has a space behind it, or is the first.
    let parts = argument.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
    let (name, rest): (Substring, Substring)
    if parts.count == 2 {
      (name, rest) = (parts[0], parts[1])
    } else {
      guard let end = argument.firstIndex(of: ":") else { return nil }
      (name, rest) = (argument[..<end], argument[argument.index(after: end)...])
    }
    guard !name.isEmpty,
      let parsed = ConditionArgument(argument: String(rest.drop { $0 == " " }))
    else { return nil }
    (collection, condition) = (String(name), parsed.condition)
  }
}
