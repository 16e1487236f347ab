import Journal

/// What has to run so that a journal comes to a target.
struct MigrationPlan: Sendable {
  /// To undo, newest first; they run before ``ups``.
  var downs: [MigrationID] = []
  /// To apply, oldest first.
  var ups: [MigrationID] = []
  /// Those of ``ups`` that are older than one that is applied already.
  var late: [MigrationID] = []
  /// Applied ones that the program does not know, and that stay.
  var unknown: [MigrationID] = []
  var target: MigrationID

  /// What runs next, and what the journal has reached then; nil when it is at its target.
  func next(applied: [MigrationID]) -> (id: MigrationID, isUndo: Bool, reached: MigrationID)? {
    let isLast = downs.count + ups.count == 1
    if let id = downs.first {
      let left = applied.filter { $0 != id }.max() ?? .beginning
      return (id, true, isLast ? target : left)
    }
    return ups.first.map { id in
      (id, false, isLast ? target : max(id, applied.max() ?? .beginning))
    }
  }
}

extension Migrations {
  /// Compares the set with what a journal says was applied. Pure.
  ///
  /// - Throws: `JournalError.invalidInput` for a malformed target;
  ///   `JournalError.schemaFromTheFuture` when a migration is applied that is unknown here, unless
  ///   a target was named that leaves it alone; `JournalError.irreversibleMigration`.
  func plan(applied: [MigrationID], to target: MigrationID?) throws -> MigrationPlan {
    var plan = MigrationPlan(target: target ?? newest)
    guard plan.target.isWellFormed else {
      throw JournalError.invalidInput(
        "the target of a migration has 1 to 32 digits; \"\(plan.target)\" is none")
    }
    let unknown = applied.filter { self[$0] == nil }.sorted()
    let foreign = target.map { target in unknown.filter { $0 > target } } ?? unknown
    if let first = foreign.first {
      throw JournalError.schemaFromTheFuture(
        "the journal has seen the migration \(first), which this program does not know: a newer one "
          + "was here. Use that, or name a target at or above \(foreign.last ?? first); nothing was "
          + "changed")
    }
    plan.unknown = unknown
    plan.downs = applied.filter { $0 > plan.target }.sorted(by: >)
    for id in plan.downs where self[id]?.isReversible == false {
      throw JournalError.irreversibleMigration(
        "migration \(id) cannot be undone, so the journal cannot go back to \(plan.target); nothing "
          + "was changed. Give it a `down`, or choose a target at or above \(id)")
    }
    plan.ups = ids.filter { $0 <= plan.target && !applied.contains($0) }
    if let newest = applied.max() { plan.late = plan.ups.filter { $0 < newest } }
    return plan
  }
}
