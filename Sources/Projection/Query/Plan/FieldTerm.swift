import Journal

/// What one condition says of one field, where an index can answer it.
enum FieldTerm {
  /// The field has one of these values.
  case equal([IndexedValue])
  case above(Value, isInclusive: Bool)
  case below(Value, isInclusive: Bool)
  case prefix(String)
  /// The field is an array with this element, or a text with this part.
  case contains(Value)

  /// Whether it means a run of neighbouring values.
  var isRun: Bool {
    switch self {
    case .above, .below, .prefix: true
    case .equal, .contains: false
    }
  }

  /// A value as an index keeps it.
  enum IndexedValue: Hashable {
    case stored(Value)
    case missing
    /// In an index through an array: what may have the element though no row says so.
    case other

    func append(to key: inout IndexKey) throws {
      switch self {
      case .stored(let value): try key.append(value)
      case .missing: key.append(tag: IndexKey.Tag.missing)
      case .other: key.end(tag: IndexKey.Tag.other)
      }
    }
  }

  /// The field and the term of a filter; nil where no index can answer it.
  static func of(_ filter: Filter) -> (field: String, term: FieldTerm)? {
    switch filter {
    case .compare(let condition):
      return of(condition).map { (condition.field, $0) }
    case .prefix(let field, let prefix): return (field, .prefix(prefix))
    case .absent(let field): return (field, .equal([.missing, .stored(.null)]))
    case .any(let filters): return alternatives(filters)
    case .all, .not: return nil
    }
  }

  private static func of(_ condition: Query.Condition) -> FieldTerm? {
    let value = condition.value
    switch condition.operator {
    case .equal: return .equal([.stored(value)])
    case .less: return isOrdered(value) ? .below(value, isInclusive: false) : nil
    case .lessOrEqual: return isOrdered(value) ? .below(value, isInclusive: true) : nil
    case .greater: return isOrdered(value) ? .above(value, isInclusive: false) : nil
    case .greaterOrEqual: return isOrdered(value) ? .above(value, isInclusive: true) : nil
    case .contains: return .contains(value)
    case .in:
      guard case .array(let values) = value else { return nil }
      return .equal(values.map { .stored($0) })
    case .notEqual: return nil
    }
  }

  /// One of several values of one field, as a choice of conditions says it.
  private static func alternatives(_ filters: [Filter]) -> (field: String, term: FieldTerm)? {
    var name: String?
    var values: [IndexedValue] = []
    for filter in filters {
      guard let (field, term) = of(filter), case .equal(let more) = term,
        name.map({ $0.utf8.elementsEqual(field.utf8) }) ?? true
      else { return nil }
      name = field
      values += more
    }
    return name.map { ($0, .equal(values)) }
  }

  /// Whether comparisons with it mean a run of an index.
  private static func isOrdered(_ value: Value) -> Bool {
    switch value {
    case .integer, .unsigned, .double, .string, .bytes, .bool: true
    case .null, .array, .object, .reference: false
    }
  }
}
