import Journal

/// Which of a remote's records are taken.
struct TakenRecords: Sendable {
  private let filters: [RemoteFilter]
  /// Names them, as a `cursor` entry does; empty where all are taken.
  let digest: [UInt8]

  init() {
    (filters, digest) = ([], [])
  }

  /// - Throws: `JournalError.invalidInput` for a filter that cannot be stored.
  init(_ declaration: RemoteDeclaration) throws(JournalError) {
    (filters, digest) = (declaration.filters, try declaration.filterDigest())
  }

  /// Nil where all are taken.
  func test(_ context: AppendContext) throws -> (any RecordTest)? {
    try test(context.folder)
  }

  func test(_ folder: any InlineFolder) throws -> (any RecordTest)? {
    filters.isEmpty ? nil : try folder.recordTest(filters)
  }

  /// What a record of a collection is that the server does not show any more: a server that shows a part only says
  /// nothing of why.
  func unshown(_ collection: String) -> FeedChange.State {
    filters.contains { $0.collection.utf8.elementsEqual(collection.utf8) } ? .withdrawn : .deleted
  }
}

extension Intake {
  /// The change as it counts here; nil for one of a record that is neither taken nor here.
  ///
  /// A server is free to show more than it was asked for: what is taken is decided here.
  func taken(
    _ change: FeedChange, _ test: (any RecordTest)?, _ context: AppendContext
  ) throws -> FeedChange? {
    if change.state == .deleted {
      return try passesUnknownDeletions && !isHere(change, context) ? nil : change
    }
    if case .live(let fields) = change.state {
      guard let test, test.concerns(change.collection) else { return change }
      var shown = try forms.incoming(fields, change.collection)
      var isKnown = true
      if change.isPartial {
        let record = try RecordAddress(collection: change.collection, key: change.key)
        isKnown = try context.base(of: record)?.fields != nil
        shown = try whole(shown, change, context)
      }
      guard isKnown || isAnswer else {
        throw TransportError.invalidConfiguration(
          "the server shows parts of records of \"\(change.collection)\", and this one is not known here: a filter "
            + "cannot tell whether it is taken. Ask for all records (`journal remote filter` without --filter), or "
            + "have the server show records whole")
      }
      let isTaken = try shown.withUnsafeBytes { try test.takes(change.collection, $0) }
      if isTaken, isKnown { return change }
    }
    guard try isHere(change, context) else { return nil }
    let record = try RecordAddress(collection: change.collection, key: change.key)
    // An answer is about an edit, which it settles.
    if !isAnswer, let base = try context.base(of: record), base.fields == nil { return nil }
    var withdrawn = change
    withdrawn.state = .withdrawn
    withdrawn.changed = nil
    withdrawn.isPartial = false
    return withdrawn
  }

  /// Takes a record away again that had to be seen for a decision, and lies outside of what is taken.
  ///
  /// While a full state is read any such record goes that it has not shown yet: what leaves the filter before it is
  /// read is not in it, and what does not comes back with it, at the same version.
  func withdraw(
    _ state: FeedChange, unlessTakenBy test: any RecordTest, wasShown: Bool,
    _ context: AppendContext
  ) throws {
    let cursor = try context.state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }
    var gone = state
    if cursor?.isTaking == true, !wasShown, test.concerns(state.collection),
      case .live = state.state
    {
      gone.state = .withdrawn
    }
    _ = try append(gone, testedBy: test, context)
  }

  /// Whether the generation that is being read has shown a record.
  func hasShown(_ state: FeedChange, _ context: AppendContext) throws -> Bool {
    let generation = try context.state.meta(MetaKey.cursor(remote)).map { try RemoteCursor($0) }?
      .generation
    let record = try RecordAddress(collection: state.collection, key: state.key)
    var wasShown = false
    try context.folder.lendBase(of: record.rowKey, in: context.transaction) { base in
      wasShown = base.isLive && base.generation == generation ?? 0
    }
    return wasShown
  }

  /// Whether a record's state may be that of its version and news all the same: a repair, or a record that leaves
  /// what is taken or comes back to it.
  func isSingular(_ change: FeedChange, _ context: AppendContext) throws -> Bool {
    if isRepair || change.state == .withdrawn { return true }
    guard !filters.digest.isEmpty else { return false }
    let record = try RecordAddress(collection: change.collection, key: change.key)
    guard let base = try context.base(of: record), base.isWithdrawn else { return false }
    return base.version == change.version
  }

  private func isHere(_ change: FeedChange, _ context: AppendContext) throws -> Bool {
    let record = try RecordAddress(collection: change.collection, key: change.key)
    return try context.state.record(record.rowKey) != nil
  }
}

extension Intake {
  /// Whether a page that shows nothing has gone past so much of others' that it is not to be looked through again
  /// with every poll.
  ///
  /// - Parameter hasOthers: Whether the page shows what is not taken.
  func isFarAhead(_ page: FeedPage, _ known: RemoteCursor?, hasOthers: Bool) -> Bool {
    guard hasOthers || !filters.digest.isEmpty, let known else { return false }
    let (ahead, isBehind) = page.through.tieBreak.subtractingReportingOverflow(
      known.through.tieBreak)
    return !isBehind && ahead >= 1_000
  }
}
