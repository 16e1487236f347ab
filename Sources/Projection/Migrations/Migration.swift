import Journal

/// One step that brings an app's records from one state to the next.
///
/// ```swift
/// Migration("20120610") { tx in
///   try tx.insert("fighters", ["name": "Tony", "color": "blue"])
/// } down: { tx in
///   try tx.dropCollection("fighters")
/// }
/// ```
///
/// A step is pure: it looks at nothing but what its ``MigrationContext`` shows, for it runs again when
/// another write comes between, and on every other device.
public struct Migration: Sendable {
  /// What a step does; a throw means that nothing of it has happened.
  public typealias Step = @Sendable (inout MigrationContext) throws -> Void

  public let id: MigrationID
  let up: Step
  let down: Step?

  /// - Parameters:
  ///   - id: Its place in the order; never used for anything else once an app was shipped with it.
  ///   - up: Applies it.
  ///   - down: Undoes it; nil where that cannot be done.
  public init(_ id: MigrationID, up: @escaping Step, down: Step? = nil) {
    self.id = id
    self.up = up
    self.down = down
  }

  /// Whether it can be undone.
  public var isReversible: Bool { down != nil }
}

/// The migrations a program knows, in their order.
public struct Migrations: Sendable {
  /// Ascending.
  let all: [Migration]

  /// - Throws: `JournalError.invalidInput` for an id that is not 1 to 32 digits, that is zero, that
  ///   has more or fewer digits than the others, or that two have.
  public init(_ migrations: [Migration]) throws {
    for migration in migrations {
      let id = migration.id
      guard id.isWellFormed, !id.isBeginning else {
        throw JournalError.invalidInput(
          "a migration's id has 1 to 32 digits and is not 0; \"\(id)\" is none")
      }
      guard id.text.utf8.count == migrations[0].id.text.utf8.count else {
        throw JournalError.invalidInput(
          "the migrations \(migrations[0].id) and \(id) have ids of different lengths; their order "
            + "would be a matter of taste")
      }
    }
    all = migrations.sorted { $0.id < $1.id }
    for (one, next) in zip(all, all.dropFirst()) where one.id == next.id {
      throw JournalError.invalidInput(
        "two migrations have the id \(one.id); give each an id of its own")
    }
  }

  /// - Throws: as ``init(_:)-([Migration])`` does.
  public init(_ migrations: Migration...) throws {
    try self.init(migrations)
  }

  /// Their ids, ascending.
  public var ids: [MigrationID] { all.map(\.id) }

  /// The newest id; ``MigrationID/beginning`` where there is no migration.
  public var newest: MigrationID { all.last?.id ?? .beginning }

  /// The ids behind one, ascending; it need not be in the set.
  public func since(_ id: MigrationID) -> [MigrationID] { ids.filter { $0 > id } }

  subscript(id: MigrationID) -> Migration? { all.first { $0.id == id } }
}
