import Journal

/// One run of the sync engine, step by step.
struct SyncRun {
  let journal: Journal
  let declaration: RemoteDeclaration
  /// Which of the server's records are taken.
  let filters: TakenRecords
  let remote: any Remote
  let pageLimit: Int
  /// The size the server last acknowledged of this device.
  var acknowledgedSize: UInt64
  /// The server's history, as it names it.
  let epoch: String
  var brake = DeletionBrake.standard
  var onProgress: @Sendable (SyncProgress) -> Void = { _ in }
  var report = SyncReport()
  /// Whether this run appended anything the server has not been shown.
  var hasAppended = false
  /// Generations of base this run began because the server does not know the device's cursor.
  var begun = 0
  /// Where the feed stood when it was read to its end.
  var end: RemoteCursor?
  /// Edits the server wants to judge later than now.
  var postponed: Set<SequenceNumber> = []
  /// Whether the server was asked in this run if it still has what it showed.
  var hasRecalled = false
  /// Edits left out because the server failed for them.
  var suspect: Suspect?

  /// Answers that lead nowhere end a run: a server that forks every device it meets, or asks for
  /// another size each time, is broken.
  private static let attemptLimit = 8
  /// A server that is asked for some of its records looks through a part of the others for each page.
  var emptyPageLimit: Int { filters.digest.isEmpty ? 100 : 100_000 }
  /// A first generation for what was lost, a second one where it is lost again meanwhile.
  static let generationLimit = 2

  init(
    journal: Journal, declaration: RemoteDeclaration, remote: any Remote, pageLimit: Int,
    info: RemoteInfo
  ) throws(JournalError) {
    self.journal = journal
    self.declaration = declaration
    filters = try TakenRecords(declaration)
    self.remote = remote
    self.pageLimit = pageLimit
    acknowledgedSize = info.acknowledgedSize
    epoch = info.epoch
  }

  // MARK: Push

  mutating func push() async throws {
    var fruitless = 0
    while true {
      let declaration = declaration
      let (skipping, limit) = (postponed, max(1, remote.changesPerPush))
      let (segment, isNew, known) = try await journal.transact { context in
        let before = context.head.lastSequence
        let segment = try SegmentSealer.next(
          for: declaration, in: context, skipping: skipping, limit: limit)
        let known =
          declaration.takesEntries
          ? nil : try segment.map { try KnownVersions.of($0, to: declaration.name, context) }
        return (segment, context.head.lastSequence > before, known ?? [])
      }
      guard let segment else {
        if let suspect { throw suspect.failure.error }
        return
      }
      hasAppended = hasAppended || isNew
      let device = try journal.device
      let witness = remote.isWitness ? try await nextWitness() : nil
      // What was sealed by the device this journal no longer is has been let go of.
      if try journal.device != device { continue }
      let push = Push(
        witness: witness, segment: segment.bytes, isRepeated: segment.isRepeated,
        knownVersions: known)
      // What a server has seen must not be lost here.
      try await journal.ensureDurable()
      let answer = try await remote.push(push)
      switch answer {
      case .judged(let verdicts, let size):
        let progress = try await book(segment, verdicts, size: remote.isWitness ? size : nil)
        try tellPushed()
        fruitless = progress ? 0 : fruitless + 1
        try await noteSuccess()
      case .interrupted(let verdicts, let error):
        try await noteDoubt(about: segment)
        _ = try await book(segment, verdicts, size: nil)
        throw error
      case .failed(let failure): try await search(segment, failure)
      case .sizeDiffers(let size):
        acknowledgedSize = size
        fruitless += 1
      case .forked:
        try await becomeNewDevice()
        try await beginIfCursorUnknown()
        fruitless += 1
      }
      guard fruitless < Self.attemptLimit else {
        throw TransportError.protocolViolation(
          "the server gave \(fruitless) answers in a row that lead nowhere; nothing is lost, "
            + "what it did not accept stays pending")
      }
    }
  }

  private func tellPushed() throws {
    let counts = try journal.read { try $0.counts() }
    onProgress(
      SyncProgress(
        phase: .pushing, done: UInt64(report.pushed), remaining: counts.pending + counts.inFlight))
  }

  /// Books the verdicts; false when the server accepted and refused nothing.
  private mutating func book(
    _ segment: Segment, _ verdicts: [Verdict], size: UInt64?
  ) async throws -> Bool {
    guard verdicts.count == segment.edits.count else {
      throw TransportError.protocolViolation(
        "the server gave \(verdicts.count) verdicts for \(segment.edits.count) changes; "
          + "the segment stays in flight and is sent again")
    }
    if let size { try checkAcknowledged(size) }
    let (name, takesEntries) = (declaration.name, declaration.takesEntries)
    let filters = filters
    let outcome = try await journal.transact { context in
      let booking = Booking(
        remote: name, segment: segment, verdicts: verdicts,
        forms: takesEntries ? RemoteForms() : try context.reader().remoteForms(),
        takesEntries: takesEntries, filters: filters)
      let outcome = try booking.book(context)
      if let size { try context.putMeta(MetaKey.witness(name), [UInt8](sequence: size)) }
      return outcome
    }
    if let size { acknowledgedSize = size }
    hasAppended = true
    report.pushed += segment.edits.count
    report.accepted += outcome.accepted
    report.refused += outcome.refused
    report.conflicts += outcome.conflicts
    // Behind a refusal the journal finds out what depends on what was refused, and sends the rest: each time one
    // edit less is left.
    if outcome.refused == 0 || outcome.retryAfterMilliseconds > 0 {
      postponed.formUnion(outcome.retried)
    }
    report.retryAfterMilliseconds = max(
      report.retryAfterMilliseconds, outcome.retryAfterMilliseconds)
    return outcome.accepted + outcome.refused + outcome.retried.count > 0
  }

  private mutating func becomeNewDevice() async throws {
    try await journal.changeDevice(because: "forked")
    acknowledgedSize = 0
    hasAppended = true
  }

  // MARK: Checkpoint

  /// Shows the server the checkpoint over everything this run appended.
  mutating func showCheckpoint() async throws {
    guard remote.isWitness else { return }
    let size = try journal.lastSequence
    guard hasAppended || acknowledgedSize == 0, size > acknowledgedSize else { return }
    for _ in 0..<Self.attemptLimit {
      let witness = try await nextWitness()
      try await journal.ensureDurable()
      switch try await remote.show(witness) {
      case .acknowledged(let size, let cosigned):
        try checkAcknowledged(size)
        do { try cosigned?.check(against: witness.checkpoint) } catch {
          throw TransportError.protocolViolation("the server's cosignature does not hold: \(error)")
        }
        acknowledgedSize = size
        let name = declaration.name
        try await journal.transact {
          try $0.putMeta(MetaKey.witness(name), [UInt8](sequence: size))
          if let cosigned { try $0.putMeta(MetaKey.cosigned(name), cosigned.encoded) }
        }
        return
      case .sizeDiffers(let size): acknowledgedSize = size
      case .forked: try await becomeNewDevice()
      }
    }
    throw TransportError.protocolViolation("the server acknowledges no checkpoint of this journal")
  }

  /// A server cannot have seen more of this journal than there is.
  private func checkAcknowledged(_ size: UInt64) throws {
    guard try size <= journal.lastSequence else {
      throw TransportError.protocolViolation(
        "the server acknowledges \(size) entries, more than this journal has")
    }
  }

  /// Writes down what the server said it has seen, before anything is trimmed past it.
  ///
  /// Also when the server has seen nothing: from the first contact on an answer may be lost, and
  /// then only what was acknowledged is known to be safe to trim.
  mutating func noteWitness() async throws {
    guard remote.isWitness else { return }
    let name = declaration.name
    let size = acknowledgedSize
    let noted = try journal.read { try $0.witnessedSize(of: name) }
    guard try size <= journal.lastSequence, noted == nil || size > noted ?? 0 else { return }
    try await journal.transact { context in
      try context.putMeta(MetaKey.witness(name), [UInt8](sequence: size))
    }
  }

  /// The witness of what the server last acknowledged; a journal that cannot prove from there, as
  /// after its server was restored, goes on as a new device.
  private mutating func nextWitness() async throws -> Witness {
    do {
      return try makeWitness(from: acknowledgedSize)
    } catch JournalError.belowHorizon {
      try await becomeNewDevice()
      return try makeWitness(from: acknowledgedSize)
    }
  }

  private func makeWitness(from size: UInt64) throws -> Witness {
    try journal.read { reader in
      let head = reader.head.frontier.size
      // A size beyond this journal's own is for the server to judge: it will call it forked.
      let proof =
        size > 0 && size <= head
        ? try MerkleTree.consistencyProof(from: size, to: head, in: JournalTree(reader)) : []
      let device = reader.identity.current
      return Witness(
        device: device.id, label: device.label, verifierKey: device.verifierKey,
        checkpoint: try Journal.checkpoint(of: reader, path: journal.path), fromSize: size,
        proof: proof)
    }
  }
}
