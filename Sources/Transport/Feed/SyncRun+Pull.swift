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
  /// - Parameter isConfirmed: Whether a full state may take so many records away.
  mutating func pull(confirmed isConfirmed: Bool) async throws -> PullOutcome {
    let name = declaration.name
    let device = try journal.device
    var cursor = try journal.read { try $0.cursor(of: name) }
    if cursor?.cursor.isEmpty == true { cursor = nil }
    var emptyPages = 0
    while true {
      let page: FeedPage
      // The cursor tells the server what it need not keep.
      try await journal.ensureDurable()
      do {
        page = try await remote.changes(after: cursor?.cursor, limit: pageLimit, device: device)
      } catch TransportError.resyncRequired where cursor != nil {
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
      try await book(page)
      // Servers of records trim nothing, and show again what lies in the overlap.
      let isLast = !page.hasMore && !declaration.takesEntries
      guard
        isLast || page.cursor != cursor?.cursor || (page.changes.isEmpty && !page.hasMore)
      else {
        throw TransportError.protocolViolation(
          "the server gives the same cursor again though there is more")
      }
      emptyPages = page.changes.isEmpty ? emptyPages + 1 : 0
      guard emptyPages <= Self.emptyPageLimit else {
        throw TransportError.protocolViolation(
          "the server gave \(emptyPages) empty pages in a row and says there is more")
      }
      if !page.hasMore { try await endFullState(page, confirmed: isConfirmed) }
      if isLast { return .complete }
      // One more, empty page tells the server that this one is booked, so that it never trims
      // what this device has yet to read.
      guard page.hasMore || !page.changes.isEmpty else { return .complete }
      cursor = RemoteCursor(epoch: page.epoch, cursor: page.cursor, through: page.through)
    }
  }

  private mutating func book(_ page: FeedPage) async throws {
    let (name, takesEntries) = (declaration.name, declaration.takesEntries)
    let outcome: Intake.Outcome
    do {
      outcome = try await journal.transact { context in
        let forms = takesEntries ? RemoteForms() : try context.reader().remoteForms()
        return try Intake(remote: name, epoch: page.epoch, forms: forms).append(page, context)
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
