import Journal

/// An index of a type's records, kept true to them by every write of every process.
///
/// ```swift
/// struct Todo: Record {
///   static let byList = Index("by-list", on: \Todo.list, then: .by(\.rank))
///   static let byTag = Index("by-tag", onEach: \Todo.tags)
///   static let byCode = Index("by-code", on: \Todo.code, isUnique: true)
///   static let schema = Schema<Todo>("todos", .index(byList), .index(byTag), .index(byCode))
///   …
/// }
/// ```
///
/// Requests find the index they can use by themselves, see ``Snapshot/explain(_:)-(Request<R>)``. A store that is
/// opened with the type declares it in the journal and makes its rows in the background, while writes go on.
///
/// Costs each write of a record up to two rows per index whose values change. An encrypted journal keeps none, for
/// they would show the values: requests then read the collection.
public struct Index<R: Record, V: Codable & Sendable>: Sendable {
  /// The name, which is unique in the collection.
  public let name: String
  let fields: [IndexField<R>]
  let each: Int?
  let isUnique: Bool

  /// An index on one field or several.
  ///
  /// - Parameters:
  ///   - name: Unique in the collection, 1–128 bytes.
  ///   - path: The most significant field.
  ///   - more: Up to seven others, each deciding among records that have the ones before in common.
  ///   - isUnique: Whether edits made here are refused (`JournalError.duplicateValue`) that would give two records
  ///     the same values. Records where one is missing or nil are not compared. What a server sends always
  ///     stands: it may make two records alike.
  public init(
    _ name: String, on path: any KeyPath<R, V> & Sendable, then more: IndexField<R>...,
    isUnique: Bool = false
  ) {
    self.init(name, on: Field(path), more, isUnique)
  }

  /// The same by a field's name.
  public init(
    _ name: String, on field: Field<R, V>, then more: IndexField<R>..., isUnique: Bool = false
  ) {
    self.init(name, on: field, more, isUnique)
  }

  /// An index on the elements of an array: records are found by each of them.
  public init(
    _ name: String, onEach path: any KeyPath<R, [V]> & Sendable, then more: IndexField<R>...,
    isUnique: Bool = false
  ) {
    self.name = name
    fields = [IndexField(name: Field(path).name)] + more
    each = 0
    self.isUnique = isUnique
  }

  private init(_ name: String, on field: Field<R, V>, _ more: [IndexField<R>], _ isUnique: Bool) {
    self.name = name
    fields = [IndexField(name: field.name)] + more
    each = nil
    self.isUnique = isUnique
  }

  func definition() throws -> IndexDefinition {
    let definition = IndexDefinition(
      collection: R.schema.collection, name: name, fields: try fields.map { try $0.name() },
      each: each, isUnique: isUnique)
    try definition.check()
    return definition
  }
}

/// A further field of an index.
public struct IndexField<R: Record>: Sendable {
  let name: @Sendable () throws -> String

  init(name: @escaping @Sendable () throws -> String) {
    self.name = name
  }

  /// The field a key path reads.
  public static func by<V: Codable & Sendable>(
    _ path: any KeyPath<R, V> & Sendable
  ) -> IndexField {
    IndexField(name: Field(path).name)
  }

  /// The field under a name.
  public static func by<V: Codable & Sendable>(_ field: Field<R, V>) -> IndexField {
    IndexField(name: field.name)
  }
}

extension SchemaPart {
  /// An index of the collection.
  public static func index<V>(_ index: Index<R, V>) -> SchemaPart {
    SchemaPart { schema in schema.indexes.append(try index.definition()) }
  }
}
