import Journal

/// What a store has registered of a type of records, as ``SchemaHooks`` see it.
public struct SchemaDescription: Sendable, Hashable {
  /// The collection's name.
  public let collection: String
  /// Which form of the type it is.
  public let version: UInt32
  /// Where its records are kept.
  public var storage: StorageKind
}

/// Looks at, and may change, what the types say of their collections, once for each when a store is
/// opened.
///
/// ```swift
/// let hooks = SchemaHooks(willRegister: { schema, name in
///   guard name.hasPrefix("draft") else { return nil }
///   var schema = schema
///   schema.storage = .localOnly
///   return schema
/// })
/// let store = try Store.open(at: path, records: [Todo.self, Draft.self], hooks: hooks)
/// ```
///
/// Called on the thread that opens the store, in the order of the types.
public struct SchemaHooks: Sendable {
  /// Gets a schema and its collection's name before it is registered; what it returns holds, nil keeps
  /// the schema as it is. A throw ends the opening with that error.
  public var willRegister: (@Sendable (SchemaDescription, String) throws -> SchemaDescription?)?
  /// Told of each collection once, after all were registered.
  public var didRegister: (@Sendable (SchemaDescription) -> Void)?

  public init(
    willRegister: (@Sendable (SchemaDescription, String) throws -> SchemaDescription?)? = nil,
    didRegister: (@Sendable (SchemaDescription) -> Void)? = nil
  ) {
    self.willRegister = willRegister
    self.didRegister = didRegister
  }

  func prepare(_ schema: inout RegisteredSchema) throws {
    guard let changed = try willRegister?(schema.description, schema.collection) else { return }
    guard changed.collection.utf8.elementsEqual(schema.collection.utf8),
      changed.version == schema.version
    else {
      throw JournalError.invalidInput(
        "a hook turned the schema of \"\(schema.collection)\" into another collection's; it may change "
          + "where records are kept, and neither name nor version")
    }
    schema.storage = changed.storage
  }
}

extension RegisteredSchema {
  var description: SchemaDescription {
    SchemaDescription(collection: collection, version: version, storage: storage)
  }
}
