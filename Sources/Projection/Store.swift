public import Foundation
public import Journal
import Synchronization

/// A journal with its records: what an app opens.
///
/// ```swift
/// let store = try Store.create(at: "Notes.journal", label: "laptop")
/// try await store.write(by: "mia") { tx in
///   try tx.create("notes", "n1", ["title": "Milk"])
/// }
/// let note = try store.read { try $0.get("notes", "n1") }
/// ```
///
/// Safe to use from any thread. Reads never wait for writes.
public final class Store: Sendable {
  public let journal: Journal
  /// The types of records it was opened with.
  let registry: SchemaRegistry
  /// Makes what was declared and is not made yet.
  let background = Mutex<Task<Void, Never>?>(nil)
  /// Whether it was closed; held while the store reads of its own accord.
  private let isClosed = Mutex(false)
  /// The collections that are kept in memory alone.
  let ephemeral: EphemeralRecords

  private init(_ journal: Journal, _ registry: SchemaRegistry, _ ephemeral: EphemeralRecords) {
    self.journal = journal
    self.registry = registry
    self.ephemeral = ephemeral
  }

  /// Opens the journal in a directory.
  ///
  /// - Parameters:
  ///   - path: The journal's directory.
  ///   - records: The types the app keeps in it. Others can be read and written as well; what a schema
  ///     says beside name and version holds for these. Blocks for one commit where a type says what
  ///     the journal does not know yet, such as ``SchemaPart/localOnly``.
  ///   - hooks: Look at, and may change, what the types say.
  ///   - configuration: The seams for time and randomness, encryption and durability.
  /// - Throws: `JournalError` when there is no journal, it is damaged, or another handle of this
  ///   process has it open; `JournalError.invalidInput` for two types with one collection.
  public static func open(
    at path: String, records: [any Record.Type] = [], hooks: SchemaHooks = SchemaHooks(),
    configuration: Journal.Configuration = .init()
  ) throws -> Store {
    let registry = try SchemaRegistry(records, hooks)
    let ephemeral = try EphemeralRecords(
      registry.schemas.filter { $0.storage == .ephemeral }.map(\.collection))
    let journal = try Journal(
      openAt: path, configuration: configuration,
      folder: RecordFolder(ConflictPolicies(registry.schemas)))
    let store = Store(journal, registry, ephemeral)
    do {
      try store.declareSchemas()
      try store.declareIndexes()
    } catch {
      store.close()
      throw error
    }
    store.buildIndexesInBackground()
    if let didRegister = hooks.didRegister {
      for schema in registry.schemas { didRegister(schema.description) }
    }
    return store
  }

  /// Creates a journal at `path` and opens it.
  ///
  /// - Parameters:
  ///   - path: A directory that does not exist yet, or is empty.
  ///   - label: A name for this device, for people; at most 128 bytes.
  ///   - isLocal: Edits of this journal are never sent to a server.
  ///   - records: The types the app keeps in it, as for ``open(at:records:hooks:configuration:)``.
  ///   - hooks: As there.
  ///   - configuration: The seams for time and randomness.
  /// - Throws: `JournalError.alreadyExists` and what ``open(at:records:hooks:configuration:)`` throws.
  public static func create(
    at path: String, label: String, isLocal: Bool = false, records: [any Record.Type] = [],
    hooks: SchemaHooks = SchemaHooks(), configuration: Journal.Configuration = .init()
  ) throws -> Store {
    // Checked first: nothing is created for types that do not fit together.
    _ = try SchemaRegistry(records)
    try Journal.create(
      at: path, label: label, isLocal: isLocal, configuration: configuration,
      folder: RecordFolder())
    return try open(at: path, records: records, hooks: hooks, configuration: configuration)
  }

  /// Closes the journal; later calls throw.
  ///
  /// It can be opened again at once, unless somebody still reads from this handle. Waits for the commit that
  /// is being made. May be called more than once, from any thread.
  public func close() {
    background.withLock { $0?.cancel() }
    isClosed.withLock { $0 = true }
    journal.close()
  }

  /// Reads for what the store does of its own accord. ``close()`` waits for such a read: no caller knows of
  /// it, and the file stays open as long as it lasts.
  ///
  /// - Parameter body: Must not close the store.
  /// - Throws: `JournalError.cannotOpen` once the store is closed, and what `body` throws.
  func readOfItself<R: Sendable>(_ body: (JournalReader) throws -> R) throws -> R {
    try isClosed.withLock { isClosed in
      guard !isClosed else {
        throw JournalError.cannotOpen("the journal is closed; open it again")
      }
      return try journal.read(body)
    }
  }

  /// Appends the changes a closure makes as one group: all or none, here and on the server.
  ///
  /// Returns once they are on stable storage. A throw, from the closure or because a change does
  /// not fit the record, means nothing happened.
  ///
  /// - Parameters:
  ///   - actor: An opaque id of who made the change.
  ///   - reason: Why, in the actor's words.
  ///   - isolation: Where the closure runs: where the caller does, so that it may use what is isolated there.
  ///   - body: Makes the changes, before the transaction. Run once; where it changes records from what
  ///     it read, again from the new state if another write came between.
  /// - Returns: The sequences of the new entries, in order.
  /// - Throws: What the closure throws, and `JournalError`.
  @discardableResult
  public func write(
    by actor: String? = nil, because reason: String? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (inout Changes) throws -> Void
  ) async throws -> Receipt {
    for attempt in 1... {
      var changes = Changes(EditDraft(actor: actor, reason: reason), store: self)
      try body(&changes)
      let drafts = changes.drafts
      let expected = changes.restsOnSequence
      let mayRepeat =
        (changes.restsOnReads || expected != nil) && attempt < Self.attempts
      guard !drafts.isEmpty else { break }
      do {
        return Receipt(sequences: try await commit(drafts, on: expected))
      } catch JournalError.unexpectedVersion where mayRepeat {
        continue
      }
    }
    return Receipt(sequences: [])
  }

  /// How often a write is made that others keep getting ahead of.
  private static let attempts = 100

  /// Lends the present state to a closure; safe from any thread, and never waits for writes.
  ///
  /// Keep it short. A read that stays over five seconds while others write is ended between two
  /// accesses: the next one throws `JournalError.readExpired`, and you read again.
  public func read<R>(_ body: (Snapshot) throws -> R) throws -> R {
    try journal.read { try body(present($0)) }
  }

  /// Lends the state at an earlier moment to a closure; collections kept in memory have none.
  ///
  /// - Throws: `JournalError.belowHorizon` when its entries were trimmed.
  public func read<R>(at moment: Moment, _ body: (Snapshot) throws -> R) throws -> R {
    // What was shown then is folded anew, however long that takes.
    try journal.read(span: .long) { reader in
      try body(Snapshot(reader, at: moment.sequence(in: reader)))
    }
  }

  /// Trims what is settled; queries and later syncs do not notice.
  ///
  /// Other writers go on meanwhile: no transaction of it is long.
  ///
  /// - Parameters:
  ///   - retention: Which settled entries stay.
  ///   - archive: A file that does not exist yet, for the entries that go: it can be verified,
  ///     folded and read like the journal, and messages about what was trimmed name it.
  /// - Throws: `JournalError`.
  public func compact(
    keeping retention: TrimRetention = .nothing, archive: String? = nil
  ) async throws -> TrimReport {
    try await journal.trim(keeping: retention, archive: archive, folder: RecordFolder())
  }

  /// Erases all content of one record, here, and through the next sync on the server and on other
  /// devices. Proofs of everything stay valid.
  ///
  /// Until ``rewrite(at:)`` the file's free pages still hold what was erased.
  ///
  /// - Parameters:
  ///   - collection: The record's collection.
  ///   - key: Its key.
  ///   - reason: Why; it stays in the journal and must name nobody.
  ///   - archives: Archives to erase it from as well.
  ///   - isOnlyHere: The server that has the record is not told, nor are other devices.
  /// - Returns: The number of entries that lost their content; nil when nothing is known of the
  ///   record.
  /// - Throws: `JournalError.busy` when edits of the record are on their way to a server that has
  ///   not answered yet: sync, then erase.
  @discardableResult
  public func erase(
    _ collection: String, _ key: String, because reason: String, archives: [String] = [],
    isOnlyHere: Bool = false
  ) async throws -> Int? {
    try await journal.erase(
      RecordAddress(collection: collection, key: key), reason: reason, archives: archives,
      isOnlyHere: isOnlyHere)?
      .erasure.sequences.count
  }

  /// Makes a closed journal's file anew, without the space trims and erasures have left.
  ///
  /// A trim's pages are used again by later writes, but a file never becomes shorter by itself, and
  /// what was erased stands in free pages until then. Linear in what is held; the old or the new
  /// file stands after a crash.
  ///
  /// - Throws: `JournalError.busy` when this or another process has the journal open; nothing was
  ///   changed then.
  public static func rewrite(at path: String) throws {
    try Rewrite.run(directory: path)
  }

  /// Whether nobody has the journal open at this moment.
  ///
  /// - Throws: `JournalError.busy` when somebody has.
  package static func checkCanRewrite(at path: String) throws {
    try Rewrite.checkIsAlone(directory: path)
  }

  /// Recomputes everything the journal's file claims, trusting no stored answer.
  ///
  /// Linear in the entries held. Reads beside writers.
  public func verify() throws -> VerifyReport {
    try Verifier.verify(directory: journal.path, folder: RecordFolder(), keys: journal.keys)
  }

  /// Throws the derived rows away and folds them again from the baseline, in one transaction.
  ///
  /// Linear in the entries held. Memory beside LMDB's own stays below about 100 MiB.
  public func rebuild() async throws {
    try await journal.transact { try $0.rebuildFold() }
  }
}

/// What a write appended.
public struct Receipt: Sendable, Hashable {
  /// The sequences of the entries, in the order of the changes.
  public var sequences: [SequenceNumber]
}

/// A moment in a journal's past.
public enum Moment: Sendable, Hashable {
  /// Exactly the entries up to this sequence; 0 is the empty journal.
  case sequence(SequenceNumber)
  /// Everything recorded at or before this time.
  case time(Timestamp)
  /// The same, to the millisecond below.
  case date(Date)

  package func sequence(in reader: JournalReader) throws -> SequenceNumber {
    switch self {
    case .sequence(let sequence): sequence
    case .time(let time): try reader.sequence(at: time)
    case .date(let date):
      try Self.timestamp(of: date).map { try reader.sequence(at: $0) } ?? 0
    }
  }

  /// The last millisecond not after `date`; nil before 1970, where no entry is.
  private static func timestamp(of date: Date) -> Timestamp? {
    // A date is a double of seconds: what was made of whole milliseconds is a little off.
    let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
    guard microseconds >= 0 else { return nil }
    let milliseconds = (microseconds / 1_000).rounded(.down)
    return Timestamp(milliseconds: UInt64(exactly: milliseconds) ?? .max)
  }
}

/// Collects the changes of one write.
public struct Changes: ~Copyable {
  let edit: EditDraft
  let store: Store
  var drafts: [Draft] = []
  /// Whether a change was made from what the store showed.
  var restsOnReads = false
  /// The last entry of the state that was searched for records that refer to others; nil where none was.
  var restsOnSequence: SequenceNumber?
  /// Records that are being deleted, whose links are followed.
  var deleting: Set<RecordAddress> = []
  /// The last number given as an id, by the beginning of the collection's row keys.
  var lastNumbers: [[UInt8]: UInt64] = [:]

  init(_ edit: EditDraft, store: Store) {
    self.edit = edit
    self.store = store
  }

  /// What the store shows with the changes made so far on top.
  mutating func withState<R>(_ body: (Snapshot) throws -> R) throws -> R {
    restsOnReads = true
    let drafts = drafts
    return try store.read { snapshot in
      var rows: [[UInt8]: LayeredRecords.Row] = [:]
      for draft in drafts {
        guard let rowKey = try draft.record.map({ try snapshot.source.current($0.rowKey) }) else {
          continue
        }
        let fields =
          if let row = rows[rowKey] { row.fields } else { try snapshot.source.visible(rowKey) }
        let effect = try draft.body.withUnsafeBytes {
          try EditRule.apply(draft.kind, try Body($0), to: fields)
        }
        rows[rowKey] = LayeredRecords.Row(
          fields: effect.hasEffect ? effect.fields : fields, last: nil)
      }
      snapshot.source = LayeredRecords(below: snapshot.source, rows: rows)
      return try body(snapshot)
    }
  }

  /// Creates a record that does not exist yet.
  public mutating func create(_ collection: String, _ key: String, _ fields: Fields) throws {
    try add(.create, collection, key, fields)
  }

  /// Sets and unsets fields of an existing record.
  ///
  /// With `expecting`, the last entry about the record as the caller read it from
  /// ``Snapshot/lastSequence(about:_:)``, a change in between refuses the write.
  public mutating func update(
    _ collection: String, _ key: String, set: Fields = [:], unset: [String] = [],
    expecting last: SequenceNumber? = nil
  ) throws {
    for name in unset where set[name] != nil {
      throw JournalError.invalidInput("field \"\(name)\" is both set and unset")
    }
    try add(.update, collection, key, set.isEmpty ? nil : set, unset: unset, last)
  }

  /// Creates or replaces a whole record.
  ///
  /// `expecting` is as for ``update(_:_:set:unset:expecting:)``; 0 expects a record nothing is known
  /// of.
  public mutating func put(
    _ collection: String, _ key: String, _ fields: Fields, expecting last: SequenceNumber? = nil
  ) throws {
    try add(.put, collection, key, fields, last)
  }

  /// Deletes an existing record, and does what the rules of links say with records that refer to it.
  ///
  /// `expecting` is as for ``update(_:_:set:unset:expecting:)``.
  public mutating func delete(
    _ collection: String, _ key: String, expecting last: SequenceNumber? = nil
  ) throws {
    try followLinks(toDeleted: collection, key)
    try add(.delete, collection, key, nil, last)
  }

  private mutating func add(
    _ kind: EntryKind, _ collection: String, _ key: String, _ fields: Fields?,
    unset: [String] = [], _ last: SequenceNumber? = nil
  ) throws {
    var draft: Draft
    if let fields {
      draft = try edit.draft(kind, collection: collection, key: key, unset: unset) {
        writer throws(JournalError) in
        try EditDraft.checkNames(fields)
        try writer.fields(fields)
      }
    } else {
      draft = try edit.draft(kind, collection: collection, key: key, unset: unset, content: nil)
    }
    draft.precondition.last = last
    append(draft)
  }

  mutating func append(_ draft: Draft) {
    // Here again, it can be deleted again.
    if let record = draft.record, draft.kind == .create || draft.kind == .put {
      deleting.remove(record)
    }
    drafts.append(draft)
  }
}
