import Crypto
public import Journal

/// What a migration step sees and changes: the records as they are, with its own changes on top.
///
/// What it changes becomes ordinary edits, written with the note that the migration was applied: all
/// of it or nothing. Lent to a step; not thread-safe and not to be kept.
public struct MigrationContext: ~Copyable {
  /// One change, as it will be appended.
  struct Change: Sendable {
    var draft: Draft
    /// Bytes of the record's fields afterwards.
    var visibleBytes: Int
  }

  /// What the step runs for; enters the ids of what it inserts.
  struct Run: Sendable {
    var id: MigrationID
    var isUndo: Bool
    /// How often the migration was applied before.
    var runs: UInt64
  }

  let run: Run
  /// With the step's own changes.
  let snapshot: Snapshot
  private let records: OverlaidRecords
  private let makeKey: () -> String
  private(set) var changes: [Change] = []
  private var bytes = 0
  private var inserts = 0
  /// Whether what the step does may depend on the records it found here.
  private var hasRead = false

  init(_ snapshot: Snapshot, _ run: Run, makeKey: @escaping () -> String) {
    self.run = run
    self.makeKey = makeKey
    records = OverlaidRecords(snapshot.source)
    self.snapshot = Snapshot(snapshot, source: records)
  }

  /// The migration that is being applied or undone.
  public var id: MigrationID { run.id }

  // MARK: Reading

  /// One record's fields; nil when it does not exist.
  ///
  /// - Throws: as ``Snapshot/get(_:_:)`` does.
  public mutating func get(_ collection: String, _ key: String) throws -> Fields? {
    hasRead = true
    return try snapshot.get(collection, key)
  }

  /// The records a query means. Throws as ``Snapshot/query(_:)`` does.
  public mutating func query(_ query: Query) throws -> [UntypedRecord] {
    hasRead = true
    return try snapshot.query(query)
  }

  /// The record of a type under an id; nil when it does not exist. Throws as ``Snapshot/fetch(_:_:)``
  /// does.
  public mutating func fetch<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws -> R? {
    hasRead = true
    return try snapshot.fetch(type, id)
  }

  /// The records a request means. Throws as ``Snapshot/fetch(_:)-(Request<R>)`` does.
  public mutating func fetch<R: Record>(_ request: Request<R>) throws -> [R] {
    hasRead = true
    return try snapshot.fetch(request)
  }

  /// The keys of the records that a filter means, in their order.
  mutating func keys(_ collection: String, _ filter: Filter) throws -> [String] {
    hasRead = true
    var keys: [String] = []
    try snapshot.select(Query(collection, where: filter)) { keys.append($0.key) }
    return keys
  }

  func stored(_ collection: String, _ key: String) throws -> [UInt8]? {
    try snapshot.encoded(collection, key)
  }

  // MARK: Writing

  /// Takes a change in.
  ///
  /// - Throws: `JournalError.invalidInput` for names that are too long and when the step becomes too
  ///   large.
  mutating func add(
    _ change: EditDraft.Change, _ collection: String, _ key: String, schema: UInt32 = 0,
    id: EntryID? = nil
  ) throws {
    let reason = run.isUndo ? "migration \(run.id) undone" : "migration \(run.id)"
    var draft = try EditDraft(reason: reason, id: id).draft(
      change, collection: collection, key: key)
    draft.schema = schema
    bytes += draft.body.count
    guard bytes <= Limits.batchBytes else {
      throw JournalError.invalidInput(
        "migration \(run.id) changes more than 16 MiB in one step; make several of it")
    }
    let rowKey = try records.current(RecordAddress(collection: collection, key: key).rowKey)
    let before = try records.visible(rowKey)
    let after = try draft.body.withUnsafeBytes {
      try EditRule.apply(draft.kind, Body($0), to: before).fields
    }
    records.set(rowKey, after)
    changes.append(Change(draft: draft, visibleBytes: after?.count ?? 0))
  }

  /// Creates a record unless it is there.
  mutating func insert(
    _ collection: String, key: String?, schema: UInt32 = 0, _ fields: [UInt8]
  ) throws -> String {
    let ordinal = inserts
    inserts += 1
    let key = key ?? (hasRead ? makeKey() : computed("key", ordinal, runs: 0).description)
    guard try stored(collection, key) == nil else { return key }
    // A key that was made at run time is another one on each device.
    let isSameEverywhere = !hasRead && EntryID(key)?.unixMilliseconds == nil
    try add(
      .create(fields: fields), collection, key, schema: schema,
      id: isSameEverywhere ? computed("insert", ordinal, runs: run.runs) : nil)
    return key
  }

  /// The same id on every device that runs the step. It covers nothing of the content: it stands in
  /// the entry's header, which outlives an erasure.
  private func computed(_ rule: String, _ ordinal: Int, runs: UInt64) -> EntryID {
    var hash = SHA256()
    hash.update(data: [UInt8]("sync-journal migration \(run.isUndo ? "down" : "up") \(rule)".utf8))
    hash.update(data: [0] + [UInt8](run.id.text.utf8) + [0] + [UInt8](sequence: runs))
    hash.update(data: [UInt8](sequence: UInt64(ordinal)))
    return .computed([UInt8](hash.finalize()))
  }
}
