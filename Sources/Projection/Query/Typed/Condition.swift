import Journal

/// Which records of a type are meant, checked by the compiler.
///
/// ```swift
/// let overdue = Todo.where(\.isDone == false && (\.rank > 3 || \.due < Date.now))
/// ```
///
/// Comparisons are those of the stored fields: texts by bytes of UTF-8, a missing field is nil.
/// Cheap to make; key paths are looked up when records are read.
public struct Condition<R: Record>: Sendable {
  private enum Join { case all, any }

  /// Joined side by side: a long chain of operators is one level deep.
  private let parts: [@Sendable () throws -> Filter]
  private let join: Join

  init(_ filter: @escaping @Sendable () throws -> Filter) {
    (parts, join) = ([filter], .all)
  }

  private init(_ left: Condition, _ right: Condition, _ join: Join) {
    func parts(_ condition: Condition) -> [@Sendable () throws -> Filter] {
      condition.join == join || condition.parts.count == 1 ? condition.parts : [condition.filter]
    }
    self.parts = parts(left) + parts(right)
    self.join = join
  }

  /// The same without types; looks key paths up.
  @Sendable func filter() throws -> Filter {
    let filters = try parts.map { try $0() }
    if filters.count == 1 { return filters[0] }
    return join == .all ? .all(filters) : .any(filters)
  }

  init<V>(
    _ field: Field<R, V>, _ comparison: Query.Condition.Operator, _ value: some Codable & Sendable
  ) {
    self.init {
      let (name, stored) = (try field.name(), try Alone.stored(value))
      switch (comparison, stored) {
      case (.equal, .null): return .absent(field: name)
      case (.notEqual, .null): return .not(.absent(field: name))
      default: return .compare(.init(name, comparison, stored))
      }
    }
  }

  /// Records that both mean.
  public static func && (left: Condition, right: Condition) -> Condition {
    Condition(left, right, .all)
  }

  /// Records that one of the two means at least.
  public static func || (left: Condition, right: Condition) -> Condition {
    Condition(left, right, .any)
  }

  /// Records that it does not mean.
  public static prefix func ! (condition: Condition) -> Condition {
    Condition { .not(try condition.filter()) }
  }

  // MARK: What no operator says

  /// The text begins with another, compared by bytes of UTF-8.
  public static func hasPrefix(_ field: Field<R, String>, _ prefix: String) -> Condition {
    Condition { .prefix(field: try field.name(), prefix) }
  }

  /// The text begins with another, compared by bytes of UTF-8.
  public static func hasPrefix(
    _ path: any KeyPath<R, String> & Sendable, _ prefix: String
  ) -> Condition {
    hasPrefix(Field(path), prefix)
  }

  /// The text has another as a part, compared by bytes of UTF-8.
  public static func contains(_ field: Field<R, String>, _ part: String) -> Condition {
    Condition(field, .contains, part)
  }

  /// The text has another as a part, compared by bytes of UTF-8.
  public static func contains(
    _ path: any KeyPath<R, String> & Sendable, _ part: String
  ) -> Condition {
    contains(Field(path), part)
  }

  /// The array has an element.
  public static func contains<E: Codable & Equatable & Sendable>(
    _ field: Field<R, [E]>, _ element: E
  ) -> Condition {
    Condition(field, .contains, element)
  }

  /// The array has an element.
  public static func contains<E: Codable & Equatable & Sendable>(
    _ path: any KeyPath<R, [E]> & Sendable, _ element: E
  ) -> Condition {
    contains(Field(path), element)
  }

  /// The value is one of these; none of no values.
  public static func isIn<V: Codable & Equatable & Sendable>(
    _ field: Field<R, V>, _ values: [V]
  ) -> Condition {
    Condition {
      let name = try field.name()
      return .any(
        try values.map { value in
          let stored = try Alone.stored(value)
          return stored == .null ? .absent(field: name) : .compare(.init(name, .equal, stored))
        })
    }
  }

  /// The value is one of these; none of no values.
  public static func isIn<V: Codable & Equatable & Sendable>(
    _ path: any KeyPath<R, V> & Sendable, _ values: [V]
  ) -> Condition {
    isIn(Field(path), values)
  }
}
