import Journal

/// Which rows of which index a query reads.
struct IndexPlan {
  var index: IndexCatalog.Index
  /// Disjoint, in ascending order.
  var ranges: [KeyRange]
  /// The fields whose values are given, and the one whose run is.
  var fields: [String] = []
  /// Whether the index gives the wanted order, ties by key included.
  var isOrdered = false
  var isDescending = false
  /// The index's number and the given values, where there is one value of each.
  var given: IndexKey?
  /// How many fields have given values.
  var bound = 0
  /// What is still to be asked of records whose values stand in the index in full.
  var rest: Filter
  /// How good it is; the better is larger.
  var score = 0
}

/// Chooses an index for a query, by the conditions alone: the most fields with given values win, then a run of
/// the next field, then an order that needs no sorting.
struct QueryPlanner {
  /// Runs of an index that a plan has at most.
  static let maximumRanges = 1_000

  private let query: Query
  private let filters: [Filter]
  private let terms: [(field: String, term: FieldTerm)?]

  init(_ query: Query) {
    self.query = query
    filters = Self.conjuncts(query.filter)
    terms = filters.map { FieldTerm.of($0) }
  }

  func plan(_ indexes: [IndexCatalog.Index]) throws -> IndexPlan? {
    var best: IndexPlan?
    for index in indexes where index.build == .ready {
      guard let plan = try plan(index) else { continue }
      if plan.score > best?.score ?? 0 { best = plan }
    }
    return best
  }

  private static func conjuncts(_ filter: Filter) -> [Filter] {
    guard case .all(let filters) = filter else { return [filter] }
    return filters.flatMap { conjuncts($0) }
  }

  private func plan(_ index: IndexCatalog.Index) throws -> IndexPlan? {
    let definition = index.definition
    var keys = [IndexKey(index.rows.prefix)]
    var consumed: Set<Int> = []
    var bound = 0
    var isSingle: [Bool] = []
    for (position, field) in definition.fields.enumerated() {
      guard let (choice, term) = equality(field, isEach: definition.each == position),
        keys.count * choice.values.count <= Self.maximumRanges
      else { break }
      keys = try keys.flatMap { key in
        try choice.values.map { value in
          var key = key
          try value.append(to: &key)
          return key
        }
      }
      bound += 1
      isSingle.append(choice.values.count == 1)
      guard keys.allSatisfy(\.isExact) else { break }
      if choice.isWhole { consumed.insert(term) }
    }
    // Records without elements have no row, and those with several have several.
    if let each = definition.each, bound <= each { return nil }
    var plan = IndexPlan(
      index: index, ranges: [], fields: Array(definition.fields[..<bound]), rest: .all([]))
    let isExact = keys.allSatisfy(\.isExact)
    let run =
      isExact && bound < definition.fields.count
      ? try run(definition.fields[bound], keys, &consumed) : nil
    plan.bound = bound
    plan.given = keys.count == 1 ? keys[0] : nil
    plan.ranges = Self.disjoint(run ?? keys.map { KeyRange(prefix: $0.bytes) })
    if run != nil { plan.fields.append(definition.fields[bound]) }
    plan.rest = rest(without: consumed)
    order(&plan, bound, isSingle, isExact: isExact)
    plan.score = bound * 4 + (run != nil ? 2 : 0)
    // An order alone is worth a look-up per record only where few of them are wanted.
    if plan.isOrdered, !query.sort.isEmpty, plan.score > 0 || query.limit != nil {
      plan.score += 1
    }
    return plan.score > 0 ? plan : nil
  }

  private func rest(without consumed: Set<Int>) -> Filter {
    .all(filters.indices.filter { !consumed.contains($0) }.map { filters[$0] })
  }

  private struct Choice {
    var values: [FieldTerm.IndexedValue]
    /// Whether the index alone answers the condition.
    var isWhole: Bool
  }

  /// The values a condition gives a field, and which condition that is.
  private func equality(_ field: String, isEach: Bool) -> (Choice, Int)? {
    for (position, named) in terms.enumerated() {
      guard let named, named.field.utf8.elementsEqual(field.utf8) else { continue }
      switch named.term {
      case .equal(let values) where !isEach:
        return (Choice(values: Array(Set(values)), isWhole: true), position)
      case .contains(let value) where isEach:
        return (Choice(values: [.stored(value), .other], isWhole: false), position)
      default: continue
      }
    }
    return nil
  }

  /// The runs that conditions on the field behind the given ones leave; nil where there is none.
  private func run(
    _ field: String, _ keys: [IndexKey], _ consumed: inout Set<Int>
  ) throws -> [KeyRange]? {
    var limits: [(position: Int, term: FieldTerm)] = []
    for (position, named) in terms.enumerated() {
      guard let named, named.field.utf8.elementsEqual(field.utf8), named.term.isRun else {
        continue
      }
      limits.append((position, named.term))
    }
    guard !limits.isEmpty else { return nil }
    consumed.formUnion(limits.map(\.position))
    var ranges: [KeyRange] = []
    for key in keys {
      var range = KeyRange(prefix: key.bytes)
      for (position, term) in limits {
        let run = try Run(term, behind: key)
        range.lower = Self.later(range.lower, run.lower)
        range.upper = Self.earlier(range.upper, run.upper)
        if !run.isExact { consumed.remove(position) }
      }
      if range.upper.map(range.lower.lexicographicallyPrecedes) ?? true { ranges.append(range) }
    }
    return ranges
  }

  private static func later(_ one: [UInt8], _ other: [UInt8]) -> [UInt8] {
    one.lexicographicallyPrecedes(other) ? other : one
  }

  private static func earlier(_ one: [UInt8]?, _ other: [UInt8]?) -> [UInt8]? {
    guard let one, let other else { return one ?? other }
    return one.lexicographicallyPrecedes(other) ? one : other
  }

  /// Without ranges inside others, such as of values that are equal as numbers.
  private static func disjoint(_ ranges: [KeyRange]) -> [KeyRange] {
    var result: [KeyRange] = []
    for range in ranges.sorted(by: { $0.lower.lexicographicallyPrecedes($1.lower) }) {
      if let last = result.last {
        guard let end = last.upper else { break }
        if range.lower.lexicographicallyPrecedes(end) {
          result[result.count - 1].upper = range.upper.map { Self.later(end, $0) }
          continue
        }
      }
      result.append(range)
    }
    return result
  }

  private func order(_ plan: inout IndexPlan, _ bound: Int, _ isSingle: [Bool], isExact: Bool) {
    let fields = plan.index.definition.fields
    guard plan.ranges.count <= 1, isExact, isSingle.allSatisfy({ $0 }) else { return }
    // An element is given, not the array: of that, records have different ones.
    let each = plan.index.definition.each
    let fixed = fields[..<bound].indices.filter { $0 != each }.map { fields[$0] }
    let sort = query.sort.filter { one in
      !fixed.contains { $0.utf8.elementsEqual(one.field.utf8) }
    }
    let left = fields[bound...]
    guard sort.count == left.count,
      zip(sort, left).allSatisfy({ $0.field.utf8.elementsEqual($1.utf8) }),
      sort.allSatisfy({ $0.isDescending == sort[0].isDescending })
    else { return }
    plan.isOrdered = true
    plan.isDescending = sort.first?.isDescending ?? false
  }
}

/// The run of an index's rows that a comparison with one value leaves, behind the given values.
private struct Run {
  var lower: [UInt8]
  var upper: [UInt8]?
  /// Whether the run holds nothing that the comparison does not mean.
  var isExact: Bool

  /// - Parameter term: One that ``FieldTerm/isRun`` holds of.
  init(_ term: FieldTerm, behind given: IndexKey) throws {
    var key = given
    switch term {
    case .above(let value, let isInclusive):
      try key.append(value)
      let behind = KeyRange.successor(of: key.bytes)
      lower = isInclusive || !key.isExact ? key.bytes : behind ?? key.bytes
      upper = Self.type(of: value, key, given).upper
    case .below(let value, let isInclusive):
      try key.append(value)
      lower = Self.type(of: value, key, given).lower
      upper = isInclusive || !key.isExact ? KeyRange.successor(of: key.bytes) : key.bytes
    case .prefix(let prefix):
      key.append(prefix: prefix)
      lower = key.bytes
      upper = KeyRange.successor(of: key.bytes)
    case .equal, .contains:
      (lower, upper) = (given.bytes, KeyRange.successor(of: given.bytes))
    }
    isExact = key.isExact
  }

  /// The run of all values of a value's type.
  private static func type(of value: Value, _ key: IndexKey, _ given: IndexKey) -> KeyRange {
    if case .bool = value {
      return KeyRange(
        from: given.bytes + [IndexKey.Tag.no], to: given.bytes + [IndexKey.Tag.yes + 1])
    }
    return KeyRange(prefix: Array(key.bytes.prefix(given.bytes.count + 1)))
  }
}
