public import Journal

/// Which records of a collection are wanted, in which order.
public struct Query: Sendable, Hashable {
  public var collection: String
  public var filter: Filter
  /// By the first, ties by the next; at last by key, bytewise. None: by key alone.
  public var sort: [Sort]
  /// The most records wanted; nil is all of them.
  public var limit: Int?
  /// Records left out from the beginning.
  public var offset: Int

  public struct Sort: Sendable, Hashable {
    public var field: String
    public var isDescending: Bool

    public init(_ field: String, descending: Bool = false) {
      self.field = field
      isDescending = descending
    }
  }

  public init(
    _ collection: String, where conditions: [Condition] = [], sort: Sort? = nil,
    limit: Int? = nil, offset: Int = 0
  ) {
    self.init(
      collection, where: .all(conditions.map { .compare($0) }), sort: sort.map { [$0] } ?? [],
      limit: limit, offset: offset)
  }

  public init(
    _ collection: String, where filter: Filter, sort: [Sort] = [], limit: Int? = nil,
    offset: Int = 0
  ) {
    self.collection = collection
    self.filter = filter
    self.sort = sort
    self.limit = limit.map { max(0, $0) }
    self.offset = max(0, offset)
  }

  /// A comparison of one top-level field with a value.
  ///
  /// Integers and doubles compare by value, other mixes of types are unequal and unordered; a
  /// missing field matches only `!=`.
  public struct Condition: Sendable, Hashable {
    public enum Operator: String, Sendable, CaseIterable {
      case equal = "="
      case notEqual = "!="
      case less = "<"
      case lessOrEqual = "<="
      case greater = ">"
      case greaterOrEqual = ">="
      /// The field is a string with this part, or an array with this element.
      case contains
      /// The field equals an element of the value, which is an array.
      case `in`
    }

    public var field: String
    public var `operator`: Operator
    public var value: Value

    public init(_ field: String, _ operator: Operator, _ value: Value) {
      self.field = field
      self.operator = `operator`
      self.value = value
    }

    public func matches(_ fields: Fields) -> Bool {
      matches(fields[field])
    }

    /// - Parameter found: The field's value; nil where the record has none.
    func matches(_ found: Value?) -> Bool {
      guard let found else { return `operator` == .notEqual }
      switch `operator` {
      case .equal: return Comparison.areEqual(found, value)
      case .notEqual: return !Comparison.areEqual(found, value)
      case .less: return Comparison.order(found, value).map { $0 < 0 } ?? false
      case .lessOrEqual: return Comparison.order(found, value).map { $0 <= 0 } ?? false
      case .greater: return Comparison.order(found, value).map { $0 > 0 } ?? false
      case .greaterOrEqual: return Comparison.order(found, value).map { $0 >= 0 } ?? false
      case .contains: return Comparison.contains(found, value)
      case .in:
        guard case .array(let elements) = value else { return false }
        return elements.contains { Comparison.areEqual(found, $0) }
      }
    }
  }
}
