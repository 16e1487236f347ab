public import Journal

/// One thing that happened to a record: who, when and why, and what it did to each field.
public struct RecordEvent: Sendable, Hashable {
  /// The entry itself: an edit, a change of the server's, a decision about a conflict, a refusal, or
  /// whatever else changed what the record shows.
  public let entry: Entry
  /// The visible fields before it; nil when the record did not exist.
  public let before: Fields?
  /// The visible fields after it; nil when the record did not exist then.
  public let after: Fields?

  /// The position in the journal.
  public var sequence: SequenceNumber { entry.sequence }
  /// What the entry says.
  public var kind: EntryKind { entry.kind }
  /// When it was recorded.
  public var time: Timestamp { entry.header.time }
  /// Who made the change, where the entry names somebody.
  public var actor: String? { entry.text("actor") }
  /// Why, in the actor's words.
  public var reason: String? { entry.text("reason") }

  /// The fields whose visible value it changed, by name; all of a record that came or went.
  public var changes: [FieldChange] { FieldChange.between(before, after) }
}

/// What is held of a record's past, oldest first.
public struct RecordHistory: Sendable, Hashable {
  /// What happened, oldest first.
  public var events: [RecordEvent]
  /// Where the events before the first one are; nil when these are all.
  public var earlier: BelowHorizon?
}

/// One thing that happened to a record of a type.
public struct TypedRecordEvent<R: Record>: Sendable {
  /// The same without types: entry, actor, reason, changes by field.
  public let event: RecordEvent
  /// The record before it; nil when it did not exist.
  public let before: R?
  /// The record after it; nil when it did not exist then.
  public let after: R?
}

extension Snapshot {
  /// What happened to one record up to this view's moment, and what each entry did to its fields.
  ///
  /// ```swift
  /// for event in try store.history(of: "notes", "n1").events {
  ///   print(event.time, event.actor ?? "-", event.kind, event.changes)
  /// }
  /// ```
  ///
  /// Edits, remote changes and decisions about the record are all there, also those that changed
  /// nothing visible; of other entries, such as refusals, those that changed it. Events below the
  /// horizon are not; ``RecordHistory/earlier`` says where they are.
  ///
  /// Costs a look at each held entry's header, not a fold of them.
  ///
  /// - Throws: `JournalError` for a name outside 1–128 bytes or damage.
  public func history(of collection: String, _ key: String) throws -> RecordHistory {
    try Self.history(reader, RecordAddress(collection: collection, key: key), through: through)
  }

  /// What happened to one record of a type, as ``history(of:_:)-(String,_)`` tells it.
  ///
  /// - Throws: `JournalError.typeMismatch` when a state does not fit the type: an earlier form of the
  ///   type may have written it. Read it without types then.
  public func history<R: Record>(
    of type: R.Type, _ id: RecordID<R>
  ) throws -> [TypedRecordEvent<R>] {
    func decode(_ fields: Fields?) throws -> R? {
      guard let fields else { return nil }
      var writer = CBORWriter()
      try writer.fields(fields)
      return try writer.bytes.withUnsafeBytes { try self.decode(type, id.key, $0) }
    }
    return try history(of: R.schema.collection, id.key).events.map { event in
      TypedRecordEvent(
        event: event, before: try decode(event.before), after: try decode(event.after))
    }
  }

  static func history(
    _ reader: JournalReader, _ address: RecordAddress, through: SequenceNumber
  ) throws -> RecordHistory {
    let story = try RecordStory(reader, address, through: through)
    var history = RecordHistory(
      events: [], earlier: try story.start() == nil ? nil : BelowHorizon(reader))
    try story.follow { step in
      let before = try step.before?.visible.map { try decode($0) }
      let after = try step.after?.visible.map { try decode($0) }
      let kind = step.entry.header.kind
      // Deliveries that only moved the edit on its way are no part of the story.
      guard
        kind.isEdit || kind == .remoteChange || kind == .conflict || kind == .refused
          || kind == .idAssigned
          || before != after
      else { return }
      history.events.append(
        RecordEvent(entry: try Entry(step.entry), before: before, after: after))
    }
    return history
  }
}

extension Entry {
  /// The text of a member; nil when the entry has none of that name.
  func text(_ name: String) -> String? {
    guard case .string(let text) = members[name] else { return nil }
    return text
  }
}
