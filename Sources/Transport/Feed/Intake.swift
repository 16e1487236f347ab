import Crypto
import Journal

/// Turns changes of a remote's feed into entries.
struct Intake: Sendable {
  let remote: String
  let epoch: String
  /// How the server's records are read; none where it shows them as they are stored.
  var forms = RemoteForms()
  /// Whether changes are taken in whatever the versions: they say how the server has the record.
  var isRepair = false
  /// Whether deletions of records that are not here are passed over: a server of records may tell of all
  /// there ever were.
  var passesUnknownDeletions = false
  /// Which records are taken: others go from here.
  var filters = TakenRecords()
  /// Whether the pages are those of lists that every poll reads again, and not of a feed that goes on.
  var isOfRecords = false
  /// Whether the states are a server's answers to edits.
  var isAnswer = false

  struct Outcome: Sendable {
    /// Changes that were new here and not this journal's own.
    var pulled = 0
    var conflicts = 0
    var appended = 0

    mutating func add(_ other: Outcome) {
      pulled += other.pulled
      conflicts += other.conflicts
      appended += other.appended
    }
  }

  /// Appends one change; a change at or below the version in the record's base appends nothing, nor
  /// does one of a collection that is local-only here.
  func append(
    _ change: FeedChange, testedBy test: (any RecordTest)? = nil, _ context: AppendContext
  ) throws -> Outcome {
    try append(
      change,
      in: context.state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }?
        .generation ?? 0, testedBy: test, context)
  }

  private func append(
    _ shown: FeedChange, in generation: UInt32, testedBy test: (any RecordTest)?,
    _ context: AppendContext
  ) throws -> Outcome {
    if shown.state == .erased { return try appendErasure(shown, in: generation, context) }
    if try context.isLocalOnly(collection: shown.collection) { return Outcome() }
    guard let change = try taken(shown, test, context) else { return Outcome() }
    let own = try change.originID.flatMap { id in
      try context.remembered(id).map { $0.sequence }
    }
    let before = context.head.lastSequence
    let id = id(
      change, in: generation, after: try isSingular(change, context) ? before : nil,
      secret: try context.secret)
    let appended = try context.append(draft(change, own: own, id: id, context))
    var outcome = Outcome()
    guard case .new = appended else { return outcome }
    outcome.appended = 1
    outcome.pulled = own == nil ? 1 : 0
    // A decision may be several entries, and edits besides.
    for sequence in before + 1...context.head.lastSequence
    where try context.state.entry(sequence)?.header.kind == .conflict { outcome.conflicts += 1 }
    return outcome
  }

  /// Erases here what was erased there; a record that is not here leaves no trace.
  private func appendErasure(
    _ change: FeedChange, in generation: UInt32, _ context: AppendContext
  ) throws -> Outcome {
    var outcome = Outcome()
    guard let erasure = try context.erase(.born(change.born, edits: change.erasedEdits))
    else { return outcome }
    var body = BodyBuilder()
    body.add(.remote, text: remote)
    body.add(.epoch, text: epoch)
    body.add(.version, version: change.version)
    body.add(.born, version: change.born)
    body.add(.state, unsigned: 2)
    if let id = change.originID { body.add(.originID, data: id.bytes) }
    body.add(.entries) { $0.ranges(erasure.sequences) }
    if let digest = erasure.baselineDigest { body.add(.baseline, data: digest.bytes) }
    let id = id(change, in: generation, secret: try context.secret)
    let appended = try context.append(Draft(.remoteChange, id: id, body: body.finish()))
    try context.nameErasure(erasure, by: appended.sequence ?? 0)
    outcome.appended = 1
    outcome.pulled = 1
    return outcome
  }

  private func draft(
    _ change: FeedChange, own: SequenceNumber?, id: EntryID, _ context: AppendContext
  ) throws -> Draft {
    var body = BodyBuilder()
    body.add(.collection, text: change.collection)
    body.add(.key, text: change.key)
    if case .live(let fields) = change.state {
      let shown = try forms.incoming(fields, change.collection)
      body.add(.fields, raw: change.isPartial ? try whole(shown, change, context) : shown)
    }
    body.add(.remote, text: remote)
    body.add(.epoch, text: epoch)
    body.add(.version, version: change.version)
    body.add(.born, version: change.born)
    switch change.state {
    case .live: body.add(.state, unsigned: 0)
    case .deleted: body.add(.state, unsigned: 1)
    case .erased: body.add(.state, unsigned: 2)
    case .withdrawn: body.add(.state, unsigned: 3)
    }
    if let changed = change.changed {
      body.add(.changed) { writer in
        writer.array(count: changed.count)
        for name in changed { writer.text(name) }
      }
    }
    if let id = change.originID { body.add(.originID, data: id.bytes) }
    if let own { body.add(.own, unsigned: own) }
    if isRepair { body.add(.repair) { $0.bool(true) } }
    return try Draft(.remoteChange, id: id, body: body.finish())
  }

  /// The computed id of a remote change: nobody outside can make it or recognise it.
  ///
  /// What a later generation shows again is another entry, and so is what comes about at a place in this journal
  /// rather than at a version of the server's.
  private func id(
    _ change: FeedChange, in generation: UInt32, after sequence: SequenceNumber? = nil,
    secret: [UInt8]
  ) -> EntryID {
    var writer = CBORWriter()
    writer.array(count: sequence != nil ? 8 : generation == 0 ? 6 : 7)
    writer.text(remote)
    writer.text(epoch)
    writer.text(change.collection)
    writer.text(change.key)
    writer.unsigned(change.version.timestamp)
    writer.unsigned(change.version.tieBreak)
    if generation > 0 || sequence != nil { writer.unsigned(UInt64(generation)) }
    if let sequence { writer.unsigned(sequence) }
    let digest = HMAC<SHA256>.authenticationCode(
      for: writer.bytes, using: SymmetricKey(data: secret))
    return .computed([UInt8](digest))
  }

  /// Of several echoes of this journal's own edits in a row about one record the last one says all:
  /// it carries the state, and its version settles the others.
  private func withoutRepeatedEchoes(
    _ changes: [FeedChange], _ context: AppendContext
  ) throws -> [FeedChange] {
    var kept: [FeedChange?] = changes
    var lastEcho: [[UInt8]: Int] = [:]
    for (index, change) in changes.enumerated() {
      if change.state == .erased { continue }
      let key = try RecordAddress(collection: change.collection, key: change.key).rowKey
      let isOwn = try change.originID.map { try context.remembered($0) != nil } ?? false
      if isOwn, let earlier = lastEcho[key] { kept[earlier] = nil }
      lastEcho[key] = isOwn ? index : nil
    }
    return kept.compactMap { $0 }
  }

  /// Takes a page in: its changes and the cursor, in the caller's transaction.
  ///
  /// A page that changes nothing and settles nothing appends nothing.
  func append(_ page: FeedPage, _ context: AppendContext) throws -> Outcome {
    var outcome = Outcome()
    let known = try context.state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }
    let isTaking = known?.isTaking ?? false
    // A server may have more than the collections it was declared for.
    let ownership = Ownership(of: remote, among: try context.reader().remotes())
    let own = try page.changes.filter { change in
      if change.state == .erased { return true }
      if ownership.owns(collection: [UInt8](change.collection.utf8)) { return true }
      // What it took of this journal while the collection was its own is settled by this.
      return try change.originID.map { try isAwaited($0, context) } ?? false
    }
    let changes =
      try isTaking ? FullState.newest(own) : withoutRepeatedEchoes(own, context)
    let test = try filters.test(context)
    for change in changes {
      outcome.add(try append(change, in: known?.generation ?? 0, testedBy: test, context))
    }
    let settles = context.state.counts.accepted > 0 && known?.through != page.through
    let isNew = known?.epoch != page.epoch
    // A page of changes that were all known still has to move the cursor, or a long feed of them
    // would be read again and again.
    let moves =
      isFarAhead(page, known, hasOthers: own.count < page.changes.count)
      || !isOfRecords && page.hasMore && !page.stands(at: known)
    var cursor = RemoteCursor(
      epoch: page.epoch, cursor: page.cursor, through: page.through,
      generation: known?.generation ?? 0, isTaking: isTaking, filter: filters.digest)
    // A first page that shows nothing new says that the feed was read: what is empty is known to be.
    if let known, outcome.appended == 0, !settles, !moves, !isNew {
      cursor.entry = known.entry
      if isOfRecords { try keep(page.stands(at: known) ? nil : cursor, context) }
      return outcome
    }
    try context.append(Draft(.cursor, body: cursor.body(remote: remote)))
    if isOfRecords { try keep(nil, context) }
    outcome.appended += 1
    return outcome
  }

  /// Whether an edit with this id went to this remote and is not settled.
  private func isAwaited(_ id: EntryID, _ context: AppendContext) throws -> Bool {
    guard let sequence = try context.remembered(id)?.sequence,
      let edit = try context.state.edit(sequence)
    else { return false }
    let sent: SequenceNumber
    switch edit.delivery {
    case .accepted(_, _, let segment): sent = segment
    case .inFlight(let segment): sent = segment
    default: return false
    }
    return try context.state.wasSent(by: sent, to: remote)
  }

  /// Keeps the place behind a page that told nothing new outside of the log: a poll leaves no trace there, and one
  /// that is cut does not begin again with the first of many pages.
  private func keep(_ place: RemoteCursor?, _ context: AppendContext) throws {
    let key = MetaKey.place(remote)
    let row = place?.encoded
    if try context.state.meta(key) != row { try context.putMeta(key, row) }
  }
}
