import Journal

/// A schema as a store has registered it: without its type, key paths looked up.
struct RegisteredSchema: Sendable {
  let type: any Record.Type
  let collection: String
  let version: UInt32
  var indexes: [IndexDefinition] = []
  var links: [Link] = []
  var remoteFields = RemoteForm()
  var storage = StorageKind.shared
  var ids = NewIDs.unique
  var policy: ConflictPolicy?
  /// The versions that an upcast begins with.
  var upcasts: Set<UInt32> = []
  /// What brings records of older forms forward.
  let chain: UpcastChain

  /// - Throws: `JournalError.invalidInput` for a key path that names no stored field.
  init<R: Record>(_ type: R.Type) throws {
    self.type = type
    collection = R.schema.collection
    version = R.schema.version
    chain = R.schema.upcasts
    for part in R.schema.parts { try part.register(&self) }
    for (position, index) in indexes.enumerated()
    where indexes[..<position].contains(where: { $0.name.utf8.elementsEqual(index.name.utf8) }) {
      throw JournalError.invalidInput(
        "two indexes of \(type) are called \"\(index.name)\"; give each a name of its own")
    }
  }
}

/// Records of older forms, for what a schema says of the newest.
extension RegisteredSchema {
  /// A view with the type's records in their newest form.
  func forward(_ snapshot: Snapshot) -> Snapshot {
    if chain.isEmpty { return snapshot }
    return Snapshot(
      snapshot,
      source: UpcastRecords(base: snapshot.source, chain: chain, collection: collection))
  }

  /// A record's fields in the newest form.
  func newest(_ stored: [UInt8]) throws -> [UInt8] {
    if chain.isEmpty { return stored }
    return try stored.withUnsafeBytes { try chain.forward($0, collection) } ?? stored
  }
}

/// The schemas a store was opened with, by collection.
struct SchemaRegistry: Sendable {
  /// In the order they were given.
  let schemas: [RegisteredSchema]
  /// By the bytes of the collection's name.
  private let positions: [[UInt8]: Int]

  /// - Throws: `JournalError.invalidInput` for two types with one collection, and what a schema's
  ///   parts throw.
  init(_ types: [any Record.Type], _ hooks: SchemaHooks = SchemaHooks()) throws {
    var schemas: [RegisteredSchema] = []
    var positions: [[UInt8]: Int] = [:]
    for type in types {
      var schema = try Self.register(type)
      try hooks.prepare(&schema)
      if let other = positions.updateValue(schemas.count, forKey: Array(schema.collection.utf8)) {
        throw JournalError.invalidInput(
          "\(schemas[other].type) and \(type) both name the collection \"\(schema.collection)\"; give "
            + "each type a collection of its own")
      }
      schemas.append(schema)
    }
    self.schemas = schemas
    self.positions = positions
  }

  private static func register<R: Record>(_ type: R.Type) throws -> RegisteredSchema {
    try RegisteredSchema(type)
  }

  subscript(collection: String) -> RegisteredSchema? {
    positions[Array(collection.utf8)].map { schemas[$0] }
  }
}
