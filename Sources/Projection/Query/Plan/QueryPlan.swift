/// How a query finds its records.
///
/// ```swift
/// print(try store.read { try $0.explain(Todo.where(\.list == home.id)) })
/// // todos: index by-list finds list, in its order
/// ```
public struct QueryPlan: Sendable, Hashable, CustomStringConvertible {
  /// The collection that is read.
  public let collection: String
  /// The index that finds the records; nil where the whole collection is read.
  public let index: String?
  /// The fields whose conditions the index answers, as far as the index does.
  public let fields: [String]
  /// Whether records come in the wanted order by themselves; else those that match are sorted in memory.
  public let isOrdered: Bool
  /// Whether conditions are left that every record found is asked about.
  public let isFiltered: Bool

  /// One line for people.
  public var description: String {
    let way =
      index.map { index in
        "index \(index)" + (fields.isEmpty ? "" : " finds \(fields.joined(separator: ", "))")
      } ?? "the whole collection"
    let rest = isFiltered ? "; other conditions asked of each" : ""
    return "\(collection): \(way)\(rest), \(isOrdered ? "in its order" : "sorted in memory")"
  }
}
