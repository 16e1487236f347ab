import Journal
import Synchronization

/// An index of a journal, and how far it is made.
public struct IndexStatus: Sendable, Hashable {
  public enum State: Sendable, Hashable {
    /// Requests use it.
    case ready
    /// Its rows are being made: so many of about so many records were looked at.
    case building(done: UInt64, total: UInt64)
    /// The journal is encrypted and keeps no rows of indexes.
    case notKept
  }

  public let collection: String
  public let name: String
  public let fields: [String]
  public let isUnique: Bool
  public let state: State
}

extension Store {
  /// The declared indexes, by collection and in the order of their declaration.
  ///
  /// - Throws: `JournalError`.
  public func indexes() throws -> [IndexStatus] { try journal.read(Self.statuses) }

  private static func statuses(_ reader: JournalReader) throws -> [IndexStatus] {
    let isKept = reader.storage.sealer == nil
    return try IndexCatalog(reader.storage).indexes.map { index in
      let state: IndexStatus.State =
        switch index.build {
        case _ where !isKept: .notKept
        case .ready: .ready
        case .building(_, let done, let total): .building(done: done, total: total)
        }
      return IndexStatus(
        collection: index.definition.collection, name: index.definition.name,
        fields: index.definition.fields, isUnique: index.definition.isUnique, state: state)
    }
  }

  /// Makes the rows of declared indexes and returns when all are ready.
  ///
  /// A store does this in the background when it is opened; call it to wait, or to show how far it is. Others write
  /// meanwhile: no transaction of it is long. Cut short, it goes on at the next opening.
  ///
  /// - Parameter progress: Told after each step, from the task that calls this.
  /// - Throws: `JournalError`, `CancellationError`.
  public func buildIndexes(progress: (IndexStatus) -> Void = { _ in }) async throws {
    while let index = try nextToBuild() {
      try Task.checkCancellation()
      let name = (index.definition.collection, index.definition.name)
      try await journal.transact { try Self.build(name.0, name.1, $0) }
      for status in try readOfItself(Self.statuses)
      where status.name.utf8.elementsEqual(name.1.utf8)
        && status.collection.utf8.elementsEqual(name.0.utf8)
      {
        progress(status)
      }
    }
    while try hasIndexRemains {
      try Task.checkCancellation()
      try await journal.transact { try IndexRemains($0.transaction).remove($0) }
    }
  }

  private var hasIndexRemains: Bool {
    get throws { try readOfItself { try !IndexRemains($0.storage).isEmpty } }
  }

  /// Goes on, beside everything else, with indexes that are not made yet, or not gone yet.
  func buildIndexesInBackground() {
    // Where that cannot be read, whoever reads next is told.
    let hasWork = (try? nextToBuild() != nil || hasIndexRemains) ?? false
    guard hasWork else { return }
    background.withLock { task in
      task = Task(priority: .utility) { [weak self] in
        // Whoever waits for the indexes, or verifies, is told what is wrong.
        try? await self?.buildIndexes()
      }
    }
  }

  /// Records a step looks at: a few milliseconds that other writers wait for.
  private static let recordsPerStep = 500

  private func nextToBuild() throws -> IndexCatalog.Index? {
    try readOfItself { reader in
      guard reader.storage.sealer == nil else { return nil }
      return try IndexCatalog(reader.storage).indexes.first { $0.build != .ready }
    }
  }

  static func build(
    _ collection: String, _ name: String, _ context: AppendContext
  ) throws {
    let transaction = context.transaction
    guard transaction.sealer == nil,
      var index = try IndexCatalog(transaction).index(collection, name)
    else { return }
    if index.build == .none {
      index.build = .building(through: [], done: 0, total: try transaction.count(.records))
    }
    var step = IndexBuildStep(index, limit: recordsPerStep)
    try context.writing { try step.run(transaction) }
    // Who writes next has to know how far it has come.
    context.state.declarationsChanged()
  }

  /// Declares what the types' schemas say, where the journal does not say so already.
  ///
  /// Indexes of small collections are ready when this returns.
  func declareIndexes() throws {
    let rows = try journal.read { try $0.metaRows(prefix: MetaKey.indexes) }
    guard try !Self.indexChanges(registry, rows).isEmpty else { return }
    try journal.transactBlocking { [registry] context in
      for (definition, isRemoved) in try Self.indexChanges(
        registry, try context.state.metaRows(prefix: MetaKey.indexes))
      {
        try context.append(Draft(.declared, body: definition.body(isRemoved: isRemoved)))
        if !isRemoved { try Self.build(definition.collection, definition.name, context) }
      }
    }
  }

  /// Of collections whose type is known, the schema is the whole truth.
  private static func indexChanges(
    _ registry: SchemaRegistry, _ rows: [(key: String, payload: [UInt8])]
  ) throws -> [(IndexDefinition, isRemoved: Bool)] {
    let declared = try rows.map { row in
      try row.payload.withUnsafeBytes { try IndexDefinition(row: $0) }
    }
    var changes: [(IndexDefinition, isRemoved: Bool)] = []
    // What is kept in memory has no index.
    let wanted = registry.schemas.filter { $0.storage != .ephemeral }.flatMap(\.indexes)
    for definition in declared where registry[definition.collection] != nil {
      let isWanted = wanted.contains {
        $0.name.utf8.elementsEqual(definition.name.utf8)
          && $0.collection.utf8.elementsEqual(definition.collection.utf8)
      }
      if !isWanted { changes.append((definition, true)) }
    }
    for definition in wanted where !declared.contains(definition) {
      changes.append((definition, false))
    }
    return changes
  }
}
