public import Journal

/// A field's value on both sides of a change.
public struct FieldChange: Sendable, Hashable {
  /// The field.
  public var name: String
  /// Nil when the record, or the field, was not there.
  public var before: Value?
  /// Nil when the record, or the field, was not there afterwards.
  public var after: Value?

  /// What became of the elements of an array, equal elements that went elsewhere as moves; nil where it
  /// was or is no array.
  ///
  /// Costs the product of the array's length and the number of differences.
  public var elements: CollectionDifference<Value>? {
    guard case .array(let before) = before, case .array(let after) = after else { return nil }
    return after.difference(from: before).inferringMoves()
  }

  /// A change of a field.
  public init(name: String, before: Value?, after: Value?) {
    (self.name, self.before, self.after) = (name, before, after)
  }

  /// The fields that differ, ordered by their names' bytes.
  package static func between(_ before: Fields?, _ after: Fields?) -> [FieldChange] {
    let (before, after) = (before ?? [:], after ?? [:])
    var names = before.names
    names += after.names.filter { before[$0] == nil }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.compactMap { name in
      let (old, new) = (before[name], after[name])
      return old == new ? nil : FieldChange(name: name, before: old, after: new)
    }
  }
}
