import Journal

/// Migrations: which are applied. What they did to records stands in edits of their own.
extension RecordFolder {
  func foldMigration(_ header: EntryHeader, _ body: Body, _ state: any FoldState) throws {
    guard let text = try body.text(.migration), let reached = try body.text(.reached),
      MigrationID(text).isWellFormed, MigrationID(reached).isWellFormed
    else { throw JournalError.damaged("migration entry \(header.sequence) names no migration") }
    let key = MetaKey.migration(text)
    var row = try state.meta(key).map { try MigrationRow($0) } ?? MigrationRow()
    row.isApplied = try !body.bool(.undone)
    if row.isApplied { row.runs += 1 }
    try state.putMeta(key, row.encoded)
    try state.putMeta(MetaKey.reached, [UInt8](reached.utf8))
  }
}

/// What is known of a migration that was ever applied: its row in `meta`.
struct MigrationRow: Sendable, Equatable {
  var isApplied = false
  /// How often it was applied.
  var runs: UInt64 = 0

  init() {}

  /// Flags (bit 0 applied), runs.
  var encoded: [UInt8] { [isApplied ? 1 : 0] + [UInt8](sequence: runs) }

  /// - Throws: `JournalError.damaged`.
  init(_ payload: [UInt8]) throws {
    guard payload.count == 9, payload[0] < 2 else {
      throw JournalError.damaged("the row of a migration is malformed; run `journal verify`")
    }
    isApplied = payload[0] == 1
    runs = payload.dropFirst().reduce(0) { $0 << 8 | UInt64($1) }
    // No journal has so many entries; what is added to must not be at its end.
    guard runs <= Limits.sequence else {
      throw JournalError.damaged("the row of a migration is impossible; run `journal verify`")
    }
  }
}

extension Snapshot {
  /// The migrations that are applied, ascending.
  public var appliedMigrations: [MigrationID] {
    get throws {
      try migrationRows().filter(\.row.isApplied).map(\.id).sorted()
    }
  }

  /// What the last run of migrations brought the journal to, its target or its newest migration; nil
  /// when none was ever run.
  public var migrationVersion: MigrationID? {
    get throws {
      let row = try folded.map { $0.meta(MetaKey.reached) } ?? reader.meta(MetaKey.reached)
      return row.map { MigrationID(String(decoding: $0, as: UTF8.self)) }
    }
  }

  /// What is known of every migration that was ever applied.
  func migrationRows() throws -> [(id: MigrationID, row: MigrationRow)] {
    let rows =
      try folded.map { state in
        state.metaRows.filter { $0.key.utf8.starts(with: MetaKey.migrations.utf8) }
          .map { (key: $0.key, payload: $0.value) }
      } ?? reader.metaRows(prefix: MetaKey.migrations)
    return try rows.map { row in
      let id = MigrationID(String(row.key.dropFirst(MetaKey.migrations.count)))
      return (id, try MigrationRow(row.payload))
    }
  }
}
