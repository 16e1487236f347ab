public import Journal

/// What a call of ``Store/migrate(_:to:)`` did.
public struct MigrationReport: Sendable, Hashable {
  /// The migrations applied, in this order.
  public internal(set) var applied: [MigrationID] = []
  /// The migrations undone, in this order, before others were applied.
  public internal(set) var undone: [MigrationID] = []
  /// Those of ``applied`` that are older than one applied in an earlier run: a branch merged late.
  public internal(set) var late: [MigrationID] = []
  /// Migrations that are applied, stay so, and are unknown to the program; only with a target.
  public internal(set) var unknown: [MigrationID] = []
  /// What the journal has reached; nil when no migration was ever run.
  public internal(set) var version: MigrationID?

  /// Whether there was nothing to do.
  public var isEmpty: Bool { applied.isEmpty && undone.isEmpty }
}

extension Store {
  /// Opens the journal in a directory and applies the migrations it has not seen.
  ///
  /// ```swift
  /// let store = try await Store.open(at: path, records: [Fighter.self], migrations: migrations)
  /// ```
  ///
  /// - Parameters:
  ///   - path: The journal's directory.
  ///   - records: The types the app keeps in it, as for ``Store/open(at:records:hooks:configuration:)``.
  ///   - migrations: All migrations the program knows, those applied long ago included.
  ///   - target: As for ``migrate(_:to:)``.
  ///   - configuration: The seams for time and randomness, encryption and durability.
  /// - Throws: What opening and ``migrate(_:to:)`` throw; the journal is closed then.
  public static func open(
    at path: String, records: [any Record.Type] = [], migrations: Migrations,
    to target: MigrationID? = nil, configuration: Journal.Configuration = .init()
  ) async throws -> Store {
    let store = try open(at: path, records: records, configuration: configuration)
    do {
      try await store.migrate(migrations, to: target)
      return store
    } catch {
      store.close()
      throw error
    }
  }

  /// Opens the journal in a directory, or creates it there at the first launch, and applies the migrations it
  /// has not seen: what an app calls when it starts.
  ///
  /// ```swift
  /// let store = try await Store.openOrCreate(
  ///   at: path, label: "laptop", records: [Todo.self], migrations: migrations)
  /// ```
  ///
  /// - Parameters:
  ///   - path: A directory with a journal, or one that does not exist yet or is empty.
  ///   - label: A name for this device, for people; used where the journal is created.
  ///   - records: The types the app keeps in it, as for ``Store/open(at:records:hooks:configuration:)``.
  ///   - migrations: All migrations the program knows; nil where it has none.
  ///   - configuration: The seams for time and randomness, encryption and durability.
  /// - Throws: What creating, opening and ``migrate(_:to:)`` throw; the journal is closed then.
  public static func openOrCreate(
    at path: String, label: String, records: [any Record.Type] = [],
    migrations: Migrations? = nil, configuration: Journal.Configuration = .init()
  ) async throws -> Store {
    do {
      try create(at: path, label: label, records: records, configuration: configuration).close()
    } catch JournalError.alreadyExists {
      // By an earlier launch, or by another process just now.
    }
    guard let migrations else {
      return try open(at: path, records: records, configuration: configuration)
    }
    return try await open(
      at: path, records: records, migrations: migrations, configuration: configuration)
  }

  /// Brings the records to a migration: applies what is missing up to it, oldest first, after undoing
  /// what is applied beyond it, newest first.
  ///
  /// Which migrations are applied is recorded one by one, so that one which comes late from a merged
  /// branch is applied as well, and reported. Each step is one transaction with its record: a throw or
  /// a crash leaves the steps before it, and the next call goes on there. At the target nothing is
  /// written. While a step runs others may write; it then runs again on what they wrote.
  ///
  /// What a step changes are ordinary edits: a server that owns the collection gets them. They are one
  /// group as far as they keep to its limits, and up to 16 MiB in one step.
  ///
  /// - Parameters:
  ///   - migrations: All migrations the program knows.
  ///   - target: Where to go; it need not be one of them. ``MigrationID/beginning`` undoes everything, nil is
  ///     the newest one.
  /// - Returns: What ran.
  /// - Throws: What a step throws; `JournalError.schemaFromTheFuture` when a migration is applied that
  ///   is not among these, unless it lies at or below an explicit target, where it stays;
  ///   `JournalError.irreversibleMigration` when one that has to be undone has no `down`: both before
  ///   anything ran. `JournalError.busy` when others write all the time.
  @discardableResult
  public func migrate(
    _ migrations: Migrations, to target: MigrationID? = nil
  ) async throws -> MigrationReport {
    var report = MigrationReport()
    var overtaken = 0
    while let step = try nextStep(migrations, target, &report) {
      guard !(step.isUndo ? report.undone : report.applied).contains(step.id) else {
        throw JournalError.busy(
          "another program undoes what this one migrates; let only one of them run")
      }
      do {
        try await journal.transact { try step.append($0) }
      } catch is MigrationStep.Overtaken {
        overtaken += 1
        guard overtaken < Self.migrationAttempts else {
          throw JournalError.busy(
            "others write all the time, and migration \(step.id) never saw the records stand still; "
              + "migrate before the app begins to write")
        }
        continue
      }
      overtaken = 0
      if step.isUndo { report.undone.append(step.id) } else { report.applied.append(step.id) }
    }
    report.late.removeAll { !report.applied.contains($0) }
    return report
  }

  /// How often a step runs that others keep getting ahead of.
  private static var migrationAttempts: Int { 100 }

  /// Runs the step that is next on one view of the journal; nil at the target.
  private func nextStep(
    _ migrations: Migrations, _ target: MigrationID?, _ report: inout MigrationReport
  ) throws -> MigrationStep? {
    // A step may read everything.
    try journal.read(span: .long) { reader in
      let snapshot = Snapshot(reader)
      let rows = try snapshot.migrationRows()
      let applied = rows.filter(\.row.isApplied).map(\.id)
      let plan = try migrations.plan(applied: applied, to: target)
      report.unknown = plan.unknown
      for id in plan.late where !report.late.contains(id) { report.late.append(id) }
      guard let next = plan.next(applied: applied), let migration = migrations[next.id] else {
        report.version = try snapshot.migrationVersion
        return nil
      }
      var keys = EntryIDGenerator(random: journal.configuration.random)
      var context = MigrationContext(
        snapshot,
        MigrationContext.Run(
          id: next.id, isUndo: next.isUndo,
          runs: rows.first { $0.id == next.id }?.row.runs ?? 0),
        makeKey: { [now = journal.configuration.now] in
          keys.next(milliseconds: now().milliseconds).description
        })
      if next.isUndo {
        try migration.down?(&context)
      } else {
        try migration.up(&context)
      }
      try checkIsDurable(context.changes, next.id)
      return MigrationStep(
        id: next.id, isUndo: next.isUndo, reached: next.reached, through: snapshot.through,
        changes: context.changes)
    }
  }

  /// A step's edits are entries. Old records may go from a collection that is kept in memory now.
  private func checkIsDurable(_ changes: [MigrationContext.Change], _ id: MigrationID) throws {
    guard !ephemeral.isEmpty else { return }
    for case let draft in changes.map(\.draft) where draft.kind != .delete {
      guard let record = draft.record, ephemeral.holds(record.rowKey) else { continue }
      throw JournalError.invalidInput(
        "migration \(id) writes records of \"\(try record.names.collection)\", which is kept in memory "
          + "alone; write them when the store is open")
    }
  }
}
