public import Journal

/// What one group of entries changed of one record, as the app sees it.
///
/// A group is one write, or one change of the server's with the decision it led to. What leaves the
/// visible record as it was is no change.
public struct Change: Sendable, Hashable {
  /// Where a change comes from.
  public struct Origin: Sendable, Hashable, CustomStringConvertible {
    /// A short name, stable across releases.
    public let name: String

    /// A write in this journal.
    public static let local = Origin(name: "local")
    /// The server: its change, its answer to an edit, a decision of a conflict.
    public static let remote = Origin(name: "remote")

    /// The name.
    public var description: String { name }
  }

  public let collection: String
  public let key: String
  /// The record before; nil when it did not exist.
  public let before: Fields?
  /// The record afterwards; nil when it is gone.
  public let after: Fields?
  /// The fields that changed and are meant, by the bytes of their names.
  public let fields: [FieldChange]
  /// The entries that did it, ascending.
  public let sequences: [SequenceNumber]
  /// The last entry of the group; given to ``Store/changes(matching:after:)`` once all changes of the
  /// group were handled, it goes on behind them.
  public let through: SequenceNumber
  public let origin: Origin
  /// Who made it, where it is a write and says so.
  public let actor: String?

  /// The change of a field, where that is one that is meant.
  public subscript(field: String) -> FieldChange? {
    fields.first { $0.name.utf8.elementsEqual(field.utf8) }
  }

  /// The record before, as a value of its type; nil when it did not exist.
  ///
  /// - Throws: `JournalError.typeMismatch` when it does not fit the type.
  public func before<R: Record>(as type: R.Type) throws -> R? {
    try before.map { try decode(type, $0) }
  }

  /// The record afterwards, as a value of its type; nil when it is gone.
  ///
  /// - Throws: `JournalError.typeMismatch` when it does not fit the type.
  public func after<R: Record>(as type: R.Type) throws -> R? {
    try after.map { try decode(type, $0) }
  }

  private func decode<R: Record>(_ type: R.Type, _ fields: Fields) throws -> R {
    var writer = CBORWriter(reserving: 256)
    try writer.fields(fields)
    return try TypedUpdate.current(type, RecordID<R>(key), writer.bytes)
  }
}

extension Change {
  /// What a group did to a row, where it is visible and one of the patterns means it.
  init?(
    _ row: RecordedGroup.Row, in group: RecordedGroup, matching patterns: [PathPattern]
  ) throws {
    let effect = try RowEffect(row)
    guard effect.isVisible else { return nil }
    let names = try row.rowKey.withUnsafeBytes { try RecordAddress.names(inRowKey: $0) }
    (collection, key) = names
    let patterns = patterns.filter { $0.mayMean(names.collection, names.key) }
    guard !patterns.isEmpty else { return nil }
    before = try effect.before.map { try Snapshot.decode($0) }
    after = try effect.after.map { try Snapshot.decode($0) }
    fields = FieldChange.between(before, after).filter { field in
      patterns.contains { $0.means(names.collection, names.key, field) }
    }
    let existence =
      (before == nil) != (after == nil)
      && patterns.contains { $0.meansExistence(names.collection, names.key) }
    guard existence || !fields.isEmpty else { return nil }
    sequences = row.sequences
    through = group.last
    // An erasure the server asked for is a remote change.
    origin = row.kind.isEdit || row.kind == .erased ? .local : .remote
    actor = row.actor
  }
}
