import Journal

/// Taking in the feed.
extension SyncRun {
  /// What a pull came to.
  enum PullOutcome {
    case complete
    /// A new generation of base began: what became pending again is delivered before its full state
    /// is read.
    case begun
  }

  /// Takes in the feed until nothing is left of it.
  ///
  /// - Parameter options: What was said to a full state that takes many records away.
  mutating func pull(_ options: SyncEngine.Options) async throws -> PullOutcome {
    let name = declaration.name
    let device = try journal.device
    var cursor = try journal.read { try $0.readingPlace(of: name) }
    if cursor?.cursor.isEmpty == true { cursor = nil }
    var emptyPages = 0
    var lastChanges: [FeedChange] = []
    var done: UInt64 = 0
    var next: Result<FeedPage, any Error>?
    var failure: TransportError?
    while true {
      let page: FeedPage
      do {
        if let read = next.take() {
          page = try read.get()
        } else {
          // The cursor tells the server what it need not keep.
          try await journal.ensureDurable()
          page = try await remote.changes(after: cursor?.cursor, limit: pageLimit, device: device)
        }
      } catch TransportError.resyncRequired where cursor != nil {
        if try await beginIfForgotten() { return .begun }
        // The server trimmed past this device: what it removed meanwhile is not told any more.
        try await begin(.resyncRequired, epoch: cursor?.epoch ?? epoch)
        cursor = nil
        continue
      } catch TransportError.cursorUnknown where cursor != nil {
        try await beginAnew(after: cursor)
        return .begun
      }
      if let cursor, !cursor.epoch.utf8.elementsEqual(page.epoch.utf8) {
        try await begin(.epochChanged, epoch: page.epoch)
        return .begun
      }
      if cursor != nil, !page.changes.isEmpty,
        try await beginIfForgotten(showing: page.changes)
      {
        return .begun
      }
      if let failure = page.failure,
        try journal.read({ try $0.cursor(of: name) })?.isTaking == true
      {
        // What a full state has not shown goes: it is of all collections.
        throw failure
      }
      try await removeUnshown(page, options)
      next = try await book(page, device)
      failure = failure ?? page.failure
      done += UInt64(page.changes.count)
      onProgress(
        SyncProgress(
          phase: page.isWithinState ? .fullState : .pulling, done: done,
          remaining: page.remaining))
      // Servers of records trim nothing, and show again what lies in the overlap.
      let isLast = !page.hasMore && !declaration.takesEntries
      guard
        isLast || !page.stands(at: cursor) || (page.changes.isEmpty && !page.hasMore)
      else {
        throw TransportError.protocolViolation(
          "the server gives the same cursor again though there is more")
      }
      // A server that goes on at its last stamp gives a page of equal ones for ever.
      guard !page.hasMore || page.changes.isEmpty || page.changes != lastChanges else {
        throw TransportError.protocolViolation(
          "the server gives the same page again though there is more: ask for more changes at once")
      }
      lastChanges = page.changes
      emptyPages = page.changes.isEmpty ? emptyPages + 1 : 0
      guard emptyPages <= emptyPageLimit else {
        throw TransportError.protocolViolation(
          "the server gave \(emptyPages) empty pages in a row and says there is more")
      }
      if !page.hasMore, let failure { throw failure }
      if !page.hasMore { try await endFullState(page, options) }
      end = RemoteCursor(epoch: page.epoch, cursor: page.cursor, through: page.through)
      if isLast { return .complete }
      // One more, empty page tells the server that this one is booked, so that it never trims
      // what this device has yet to read.
      guard page.hasMore || !page.changes.isEmpty else { return .complete }
      cursor = RemoteCursor(epoch: page.epoch, cursor: page.cursor, through: page.through)
    }
  }

  /// Books a page. Within a full state the next one is on its way meanwhile: a cursor there says nothing
  /// of what is booked.
  private mutating func book(
    _ page: FeedPage, _ device: DeviceID
  ) async throws -> Result<FeedPage, any Error>? {
    guard page.isWithinState, page.hasMore, !page.changes.isEmpty, declaration.takesEntries else {
      try await book(page)
      return nil
    }
    let (remote, limit) = (remote, pageLimit)
    async let next = Self.result {
      try await remote.changes(after: page.cursor, limit: limit, device: device)
    }
    try await book(page)
    return await next
  }

  private static func result<R: Sendable>(
    _ body: @Sendable () async throws -> R
  ) async -> Result<R, any Error> {
    do { return .success(try await body()) } catch { return .failure(error) }
  }

  private mutating func book(_ page: FeedPage) async throws {
    let (name, takesEntries) = (declaration.name, declaration.takesEntries)
    let filters = filters
    let outcome: Intake.Outcome
    do {
      outcome = try await journal.transact { context in
        let forms = takesEntries ? RemoteForms() : try context.reader().remoteForms()
        var intake = Intake(remote: name, epoch: page.epoch, forms: forms)
        intake.passesUnknownDeletions = !takesEntries || !filters.digest.isEmpty
        intake.filters = filters
        intake.isOfRecords = !takesEntries
        return try intake.append(page, context)
      }
    } catch JournalError.invalidInput(let reason) {
      throw TransportError.protocolViolation(
        "the feed has a change this journal cannot hold: \(reason). The cursor stays")
    }
    add(outcome)
  }

  mutating func add(_ outcome: Intake.Outcome) {
    report.pulled += outcome.pulled
    report.conflicts += outcome.conflicts
    hasAppended = hasAppended || outcome.appended > 0
  }
}

extension FeedPage {
  /// Whether it leads nowhere from a cursor. Cursors are compared as bytes: what they say is the server's.
  func stands(at cursor: RemoteCursor?) -> Bool {
    cursor.map { $0.cursor.utf8.elementsEqual(self.cursor.utf8) } ?? false
  }

  /// Whether it belongs to a full state that is not read to its end: the feed is complete through nothing.
  fileprivate var isWithinState: Bool { through == ServerVersion(timestamp: 0, tieBreak: 0) }
}
