import Journal

/// Beginning a generation of base, and ending its full state.
extension SyncRun {
  // MARK: Beginning

  /// Begins a generation where the server's own words say that its history is not the known one any
  /// more: before anything is sent to it, so that edits arrive in the order they were made in.
  mutating func beginIfHistoryChanged() async throws {
    let name = declaration.name
    let (cursor, lost) = try journal.read { reader in
      (try reader.cursor(of: name), try hasForgotten(reader))
    }
    if let cursor, !cursor.epoch.isEmpty, !cursor.epoch.utf8.elementsEqual(epoch.utf8) {
      try await begin(.epochChanged, epoch: epoch)
    } else if lost {
      try await begin(.wentBack, epoch: epoch, remembering: acknowledgedSize)
    }
  }

  /// Begins a generation where other records are asked for than the cursor came by: what came by it says nothing of
  /// these.
  ///
  /// Behind the push: what is in conflict there is decided about in the history it was written in.
  mutating func beginIfFilterChanged() async throws {
    if try isFilterChanged { try await begin(.filterChanged, epoch: epoch) }
  }

  /// Whether other records are asked for than the cursor came by.
  var isFilterChanged: Bool {
    get throws {
      let name = declaration.name
      let cursor = try journal.read { try $0.cursor(of: name) }
      return cursor.map { $0.filter != filters.digest } ?? false
    }
  }

  /// Begins a generation where the server does not know the cursor: of a journal that was copied it may
  /// acknowledge as much as before by what the other copy has shown it, though it went back.
  mutating func beginIfCursorUnknown() async throws {
    let name = declaration.name
    let cursor = try journal.read { try $0.cursor(of: name) }
    guard let cursor, !cursor.cursor.isEmpty, !cursor.isTaking else { return }
    do {
      _ = try await remote.changes(after: cursor.cursor, limit: 1, device: journal.device)
    } catch TransportError.cursorUnknown {
      try await beginAnew(after: cursor)
    } catch TransportError.resyncRequired {
      // The server has what was delivered; the pull reads what it trimmed past.
    }
  }

  /// Whether the server once acknowledged more of this device's journal than it does now.
  private func hasForgotten(_ reader: JournalReader) throws -> Bool {
    guard let noted = try reader.witnessedSize(of: declaration.name), noted > acknowledgedSize
    else {
      return false
    }
    // A device that came to be since has shown the server nothing yet.
    var isSameDevice = true
    try reader.scanHeld(from: noted + 1) { entry in
      isSameDevice = entry.header.kind != .deviceChanged
      return isSameDevice
    }
    return isSameDevice
  }

  /// Begins a generation after the server did not know a cursor.
  mutating func beginAnew(after cursor: RemoteCursor?) async throws {
    let now = try await remote.info(device: journal.device).epoch
    guard let cursor, cursor.epoch.utf8.elementsEqual(now.utf8) else {
      return try await begin(.epochChanged, epoch: now)
    }
    try await begin(.wentBack, epoch: now, unknown: cursor.cursor)
  }

  /// Begins a generation of base.
  ///
  /// - Parameters:
  ///   - unknown: A cursor that need not be offered: the server has just refused it.
  ///   - size: How much of this journal the server still acknowledges, where that is less than it did.
  ///   - lost: The edits the server lost, where it was asked for each.
  /// - Throws: ``TransportError/protocolViolation(_:)`` where the server forgets what it has just said.
  mutating func begin(
    _ reason: GenerationReason, epoch: String, unknown: String? = nil,
    remembering size: UInt64? = nil, lost: Set<SequenceNumber>? = nil
  ) async throws {
    if reason != .asked, reason != .filterChanged {
      guard begun < Self.generationLimit else {
        throw TransportError.protocolViolation(
          "the server does not know the cursors it has just given; nothing is lost, what it did not "
            + "accept stays pending")
      }
      begun += 1
    }
    var beginning = GenerationBeginning(
      remote: declaration.name, reason: reason, epoch: epoch,
      acknowledgedSize: remote.isWitness ? acknowledgedSize : nil)
    beginning.remembered = size
    beginning.filter = filters.digest
    beginning.lost = lost
    if reason == .wentBack, lost == nil {
      beginning.through = try await newestKnownCursor(epoch: epoch, unknown: unknown)?.through
    }
    try await journal.transact { [beginning] in try beginning.append($0) }
    report.fullStateReason = reason.rawValue
    hasAppended = true
  }

  /// Offers the server its earlier cursors, newest first, until it knows one; nil when it knows none.
  ///
  /// Each lies about twice as far back as the one before: some twenty requests at most.
  private func newestKnownCursor(
    epoch: String, unknown: String?
  ) async throws -> RemoteCursor? {
    let name = declaration.name
    let device = try journal.device
    let earlier = try journal.read(span: .long) {
      try $0.earlierCursors(of: name, epoch: epoch)
    }
    for cursor in earlier where cursor.cursor != unknown {
      do {
        _ = try await remote.changes(after: cursor.cursor, limit: 1, device: device)
        return cursor
      } catch TransportError.cursorUnknown {
        continue
      } catch TransportError.resyncRequired {
        continue
      }
    }
    return nil
  }

  // MARK: Ending

  /// Ends the full state with its last page: what the server did not show is gone.
  ///
  /// Cut short, it goes on at the next pull: the page is read again, and what is gone stays so.
  ///
  /// - Throws: ``TransportError/massDeletion(_:)`` before the first record goes.
  mutating func endFullState(_ page: FeedPage, _ options: SyncEngine.Options) async throws {
    let name = declaration.name
    let filters = filters
    let state = try journal.read { try FullState($0, remote: name, filters) }
    guard let state else { return }
    let folder = journal.folder
    let count = try journal.read(span: .long) { try state.count($0, folder) }
    let note = try await release(count, options)
    var taking = Intake(remote: name, epoch: page.epoch)
    taking.filters = filters
    let intake = taking
    // Records that are kept are those somebody asks for.
    let isOutside = note?.outcome == .kept
    var from: [UInt8]? = []
    while let start = from {
      let gone = try journal.read(span: .long) {
        try state.unshown($0, folder, from: start, isOutside: isOutside)
      }
      guard let last = gone.last else { break }
      add(
        try await journal.transact { context in
          try FullState.append(gone, with: intake, context)
        })
      report.vanished += gone.count
      from = last.rowKey
    }
    try await journal.transact { context in try state.appendEnd(page, note, context) }
    hasAppended = true
  }

  /// What was said to so many records going; nil where they are few.
  ///
  /// - Throws: ``TransportError/massDeletion(_:)`` where nothing was said, once that is written down.
  mutating func release(
    _ count: FullState.Count, _ options: SyncEngine.Options
  ) async throws -> BrakeNote? {
    if options.contains(.keepingRecords), count.unshown > 0 { return brake.note(count, .kept) }
    guard brake.holds(gone: count.unshown, shown: count.shown) else { return nil }
    if options.contains(.confirmingDeletions) { return brake.note(count, .confirmed) }
    try await noteOutcome(brake.note(count, .heldBack))
    throw TransportError.massDeletion(
      "the server \"\(declaration.name)\" no longer shows \(count.unshown) of the "
        + "\(count.unshown + count.shown) records it had; all of them are still here. If that is right, "
        + "sync again with the deletions confirmed (`journal sync DIR --confirm-deletions`); if not, keep "
        + "them (`journal sync DIR --keep-records`), or look at the server first")
  }

  /// Writes down what the brake came to, once: the same again is no news.
  mutating func noteOutcome(_ note: BrakeNote) async throws {
    let name = declaration.name
    let hasWritten = try await journal.transact { context in
      let reader = try context.reader()
      guard let known = try reader.cursor(of: name) else { return false }
      let said = try reader.entry(known.entry).flatMap { entry in
        try entry.plainBody.withUnsafeBytes { try BrakeNote(Body($0)) }
      }
      guard said != note else { return false }
      try context.append(Draft(.cursor, body: known.body(remote: name, brake: note)))
      return true
    }
    hasAppended = hasAppended || hasWritten
  }
}
