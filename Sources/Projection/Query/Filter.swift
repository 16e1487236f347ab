public import Journal

/// Which records are meant: comparisons of fields, joined.
public indirect enum Filter: Sendable, Hashable {
  /// A comparison of one field with a value.
  case compare(Query.Condition)
  /// The field is a string that begins with this one, compared by bytes of UTF-8.
  case prefix(field: String, String)
  /// The record has no such field, or it is null.
  case absent(field: String)
  /// All of these; true of none.
  case all([Filter])
  /// One of these at least; false of none.
  case any([Filter])
  case not(Filter)

  /// Whether a record with these fields is meant.
  public func matches(_ fields: Fields) -> Bool {
    matches { fields[$0] }
  }

  /// - Parameter value: The value of a field; nil where the record has none of that name.
  func matches(_ value: (String) throws -> Value?) rethrows -> Bool {
    switch self {
    case .compare(let condition):
      return condition.matches(try value(condition.field))
    case .prefix(let field, let prefix):
      guard case .string(let text) = try value(field) else { return false }
      return text.utf8.starts(with: prefix.utf8)
    case .absent(let field):
      let found = try value(field)
      return found == nil || found == .null
    case .all(let filters):
      return try filters.allSatisfy { try $0.matches(value) }
    case .any(let filters):
      return try filters.contains { try $0.matches(value) }
    case .not(let filter):
      return try !filter.matches(value)
    }
  }
}
