public import Journal

/// Which entries gave a record what it shows.
public struct Blame: Sendable, Hashable {
  /// A visible field and where its value comes from.
  public struct FieldBlame: Sendable, Hashable {
    /// The field.
    public var name: String
    /// What the record shows.
    public var value: Value
    /// Where the value comes from.
    public var cause: BlameCause
  }

  /// Where the record's existence comes from.
  public var existence: BlameCause
  /// Every visible field, ordered by the names' bytes.
  public var fields: [FieldBlame]

  /// A field's cause; nil when the record has no such field.
  public subscript(field: String) -> BlameCause? {
    fields.first { $0.name.utf8.elementsEqual(field.utf8) }?.cause
  }
}

/// Where a value comes from.
public enum BlameCause: Sendable, Hashable {
  /// An entry that is held.
  case entry(BlamedEntry)
  /// It was there at the horizon already; what gave it was trimmed.
  case belowHorizon(BelowHorizon)

  /// The entry, where it is held.
  public var entry: BlamedEntry? {
    if case .entry(let entry) = self { entry } else { nil }
  }
}

/// The entry that holds a value a record shows: a local edit, a remote change, or a decision.
public struct BlamedEntry: Sendable, Hashable {
  /// What it says, in full.
  public let entry: Entry
  /// The entry since which the value is visible without a break, most often the same one; a later one
  /// where something that lay on top of it was taken away, such as an edit the server refused. Nil when
  /// that was below the horizon.
  public let since: SequenceNumber?

  /// The position in the journal.
  public var sequence: SequenceNumber { entry.sequence }
  /// What the entry is: an edit, a remote change, a decision.
  public var kind: EntryKind { entry.kind }
  /// When it was recorded here.
  public var time: Timestamp { entry.header.time }
  /// Who made the change, where the entry names somebody.
  public var actor: String? { entry.text("actor") }
  /// Why, in the actor's words.
  public var reason: String? { entry.text("reason") }
  /// The edit that a remote change shows, by the id its own device gave it, where the server named
  /// it.
  public var originEntry: EntryID? {
    guard case .bytes(let bytes) = entry.members["originID"] else { return nil }
    return EntryID(bytes: bytes)
  }
  /// The device the change was made on: the one a server's journal names, else the one that recorded
  /// it; nil for a remote change, which names none.
  public var device: DeviceID? {
    if case .array(let parts) = entry.members["origin"], case .bytes(let bytes) = parts.first {
      return DeviceID(bytes: bytes)
    }
    return entry.kind == .remoteChange ? nil : entry.header.device
  }
}

extension Snapshot {
  /// Which entry gave a record each of its visible fields, and its existence; nil when it does not
  /// exist.
  ///
  /// A value that is set again to what it was keeps the entry that set it first, and one that comes back
  /// from the server keeps the edit made here. After a refusal it is the value below that counts,
  /// with the entry it was taken from.
  ///
  /// Costs a look at each held entry's header, not a fold of them.
  ///
  /// - Throws: `JournalError` for a name outside 1–128 bytes or damage.
  public func blame(_ collection: String, _ key: String) throws -> Blame? {
    try Blame.of(collection, key, in: reader, through: through)
  }

  /// The same for a record of a type.
  public func blame<R: Record>(_ type: R.Type, _ id: RecordID<R>) throws -> Blame? {
    try blame(R.schema.collection, id.key)
  }
}

extension Blame {
  package static func of(
    _ collection: String, _ key: String, in reader: JournalReader, through: SequenceNumber
  ) throws -> Blame? {
    let story = try RecordStory(
      reader, RecordAddress(collection: collection, key: key), through: through)
    var provenance = try Provenance(story.start(), story.fold)
    try story.follow { step in
      guard let after = step.after else { return }
      try provenance.follow(
        step.entry.header.sequence, before: step.before, after: after, story.fold)
    }
    guard let existence = provenance.existence else { return nil }
    let names = provenance.fields.keys.sorted { $0.lexicographicallyPrecedes($1) }
    return Blame(
      existence: try cause(existence, reader),
      fields: try names.compactMap { name in
        guard let field = provenance.fields[name] else { return nil }
        let value = try field.value.withUnsafeBytes { bytes in
          var reader = CBORReader(bytes)
          return try reader.value(maxDepth: Limits.depth)
        }
        return Blame.FieldBlame(
          name: String(decoding: name, as: UTF8.self), value: value,
          cause: try cause(field.mark, reader))
      })
  }

  private static func cause(_ mark: Provenance.Mark, _ reader: JournalReader) throws -> BlameCause {
    guard let source = mark.source, let entry = try reader.entry(source) else {
      return .belowHorizon(try BelowHorizon(reader))
    }
    return .entry(BlamedEntry(entry: try Entry(entry), since: mark.since))
  }
}
