import Journal

extension SchemaPart {
  /// How conflicts of the collection are decided; field by field where nothing is said.
  ///
  /// ```swift
  /// static let schema = Schema<Todo>("todos", .conflicts(.lastWriter))
  /// ```
  ///
  /// The policy's name is said in the journal when a store is opened with the type, for every process; another
  /// policy in a later version of the type takes its place for conflicts from then on. Leaving the part out
  /// changes nothing.
  public static func conflicts(_ policy: ConflictPolicy) -> SchemaPart {
    SchemaPart { $0.policy = policy }
  }
}

extension Store {
  /// Declares how conflicts of a collection are decided, for every process: what ``SchemaPart/conflicts(_:)`` says
  /// for a type, for records without one.
  ///
  /// One entry and one commit; nothing where it is declared already.
  ///
  /// - Throws: `JournalError.invalidInput` for a policy of one's own, which only a type can bring, and for a collection
  ///   that is local-only.
  public func declarePolicy(_ policy: ConflictPolicy, of collection: String) async throws {
    guard !policy.isCustom else {
      throw JournalError.invalidInput(
        "the policy \"\(policy.name)\" has to come with a type: name it in a schema's `conflicts` and open the "
          + "store with the type")
    }
    _ = try Snapshot.prefix(collection)
    try await journal.transact { context in
      try CollectionChange.declare(collection, in: context) { $0.decide(by: policy) }
    }
  }

  /// Says in the journal what the types it was opened with say of servers and conflicts.
  ///
  /// - Throws: `JournalError.invalidInput` for a collection that is local-only.
  func declareShared() throws {
    let wanted = try registry.schemas.compactMap { schema in try CollectionChange(schema) }
    guard !wanted.isEmpty else { return }
    let isDeclared = try journal.read { reader in
      try wanted.allSatisfy { change in
        let known = try reader.declaration(ofCollection: change.collection)
        return change.applied(to: known) == known
      }
    }
    guard !isDeclared else { return }
    try journal.transactBlocking { context in
      for change in wanted {
        try CollectionChange.declare(change.collection, in: context) {
          $0 = change.applied(to: $0)
        }
      }
    }
  }
}

/// What a type says of its collection beside where it is kept.
struct CollectionChange {
  let collection: String
  let form: RemoteForm?
  let policy: ConflictPolicy?

  /// Nil where the type says nothing.
  init?(_ schema: RegisteredSchema) throws {
    (collection, form, policy) = (schema.collection, try schema.remoteForm(), schema.policy)
    guard form != nil || policy != nil else { return nil }
    try policy?.check()
    guard schema.storage == .shared else {
      throw JournalError.invalidInput(
        "\(schema.type) says how its conflicts are decided, and that its records never leave this device; leave "
          + "one out")
    }
  }

  /// A declaration with what the type says.
  func applied(to known: CollectionDeclaration?) -> CollectionDeclaration {
    var declaration = known ?? CollectionDeclaration(collection)
    if let form { declaration.form = form }
    if let policy { declaration.decide(by: policy) }
    return declaration
  }

  /// Appends a collection's declaration where a change makes it another one.
  static func declare(
    _ collection: String, in context: AppendContext,
    _ change: (inout CollectionDeclaration) -> Void
  ) throws {
    let known = try context.reader().declaration(ofCollection: collection)
    var declaration = known ?? CollectionDeclaration(collection)
    change(&declaration)
    guard declaration != known else { return }
    guard !declaration.isLocalOnly else {
      throw JournalError.invalidInput(
        "\"\(collection)\" is local-only: no server sees its records; leave out what is said of servers and "
          + "conflicts")
    }
    try context.append(Draft(.declared, body: declaration.body()))
  }
}

extension CollectionDeclaration {
  fileprivate mutating func decide(by policy: ConflictPolicy) {
    (self.policy, isStrict) = (policy.name, policy.isStrict)
  }
}
