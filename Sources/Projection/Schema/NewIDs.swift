import Journal

/// Where the ids of new records come from.
enum NewIDs: Sendable {
  /// A UUIDv7.
  case unique
  /// One more than the largest number among the collection's keys.
  case sequential
  case made(@Sendable () throws -> String)
}

extension SchemaPart {
  /// New records get the ids 1, 2, 3, … where the app gives none.
  ///
  /// The number is known as soon as ``Changes/insert(_:)`` returns. Where another thread or process
  /// takes it first, the write is made again with the next one; the number of a deleted record is not
  /// given again, that of an erased one may be. Keys that are no numbers do not count.
  ///
  /// Not for collections that several devices share: each counts for itself, and two records under one
  /// number become one at the server. Costs a look at all keys of the collection, once in a write.
  public static var sequentialIDs: SchemaPart {
    SchemaPart(needsRegistration: true) { $0.ids = .sequential }
  }

  /// New records get an id from a closure where the app gives none.
  ///
  /// The closure is called again where a record has that id, a hundred times at most. It may be called
  /// for writes that are then not made.
  public static func ids(_ next: @escaping @Sendable () throws -> String) -> SchemaPart {
    SchemaPart(needsRegistration: true) { $0.ids = .made(next) }
  }
}

extension RecordID {
  /// No id yet: ``Changes/insert(_:)`` and ``Changes/save(_:)`` give one.
  public static var unassigned: RecordID { RecordID("") }

  /// Whether it is ``unassigned``.
  public var isUnassigned: Bool { key.utf8.isEmpty }
}
