extension Journal {
  /// Trims settled entries below a new horizon, beginning with an entry that says so.
  ///
  /// Nothing is trimmed above what a witness last saw or above `bound`; edits not yet settled
  /// stay as islands. No transaction of it is long: the next baseline is written in slices beside
  /// other writers, then put in force by the `trimmed` entry, then the entries go in batches. Cut
  /// short, it goes on at the next opening.
  ///
  /// - Parameter archive: Where the entries go first, with what is needed to prove and fold
  ///   them; a file that does not exist yet.
  /// - Throws: ``JournalError``.
  package func trim(
    keeping retention: TrimRetention, bound: SequenceNumber? = nil, isDryRun: Bool = false,
    reason: String = "compaction", archive: String? = nil, folder: any InlineFolder
  ) async throws -> TrimReport {
    try await finishTrim()
    let request = TrimPlan.Request(retention: retention, bound: bound, now: configuration.now())
    for _ in 0..<Self.trimAttempts {
      // The view is read page by page: it is held across many transactions, and costs each reader
      // of LMDB's map nothing.
      let pages = try PagedReader.open(directory: path)
      defer { pages.close() }
      let view = try JournalReader(pages)
      try keys.unlock(view)
      let plan = try TrimPlan(view, request, folder: folder)
      guard plan.isWorthIt, !isDryRun else { return plan.report }
      // An archive is shown to others: what it holds must not be lost here.
      if archive != nil { try await ensureDurable() }
      let made = try archive.map { try makeArchive($0, plan) }
      let report: TrimReport?
      do {
        report = try await carryOut(plan, reason: reason, archive: made)
      } catch JournalError.unknownOutcome(let text) {
        // The archive may be named by then.
        throw JournalError.unknownOutcome(text)
      } catch {
        try made.map { try NewFile.remove($0.path) }
        throw error
      }
      if let report {
        SavedStates.drop(in: path, below: plan.horizon)
        try await finishTrim()
        return report
      }
      // No trim names it, and it may hold what an erasure has taken meanwhile.
      try made.map { try NewFile.remove($0.path) }
    }
    throw JournalError.busy("the journal is being trimmed or erased from by others; try again")
  }

  private static var trimAttempts: Int { 3 }

  /// An archive as the `trimmed` entry names it.
  private struct MadeArchive: Sendable {
    var path: String
    var digest: TreeHash
  }

  private func makeArchive(_ path: String, _ plan: TrimPlan) throws -> MadeArchive {
    let through = plan.horizon - 1
    let note = try Self.checkpoint(of: plan.view, path: self.path, size: through)
    return MadeArchive(
      path: path, digest: try plan.view.pack(to: path, through: through, checkpoint: note))
  }

  /// Thrown inside a transaction when another trim or an erasure took the place of this one.
  private struct Overtaken: Error {}

  /// Writes the next baseline and puts it in force; nil when others came between.
  private func carryOut(
    _ plan: TrimPlan, reason: String, archive: MadeArchive?
  ) async throws -> TrimReport? {
    let token = [UInt8](sequence: configuration.random())
    let before = plan.view.horizon
    let next = before.generation ^ 1
    do {
      try await transact { context in
        guard try context.reader().horizon == before else { throw Overtaken() }
        try context.putMeta(MetaKey.nextBaseline, token)
      }
      while try await !transact({ context in
        try Self.check(token, context)
        return try Baseline.clear(context, generation: next, limit: Self.trimBatchRows)
      }) {}
      var rows = plan.rows
      var digest = Baseline.Digest()
      while case let slice = try rows.nextSlice(), !slice.isEmpty {
        for row in slice { digest.add(row) }
        try await transact { context in
          try Self.check(token, context)
          for row in slice {
            try context.put(
              .baseline, Baseline.key(row.table, row.key, generation: next), row.payload)
          }
        }
      }
      var horizon = Horizon()
      horizon.sequence = plan.horizon
      horizon.baselineDigest = digest.finish()
      horizon.generation = next
      // Islands below the old horizon may have been settled since: all below the new one is
      // looked at again.
      return try await transact { [report = plan.report, horizon] context in
        try Self.check(token, context)
        return try Self.begin(context, horizon, report, reason: reason, archive: archive)
      }
    } catch is Overtaken {
      return nil
    }
  }

  private static func check(_ token: [UInt8], _ context: AppendContext) throws {
    guard try context.state.meta(MetaKey.nextBaseline) == token else { throw Overtaken() }
  }

  private static func begin(
    _ context: AppendContext, _ horizon: Horizon, _ planned: TrimReport, reason: String,
    archive: MadeArchive?
  ) throws -> TrimReport {
    let reader = try context.reader()
    var report = planned
    report.size = reader.head.frontier.size
    report.root = reader.head.frontier.root
    var body = BodyBuilder()
    body.add(.reason, text: reason)
    body.add(.from, unsigned: reader.horizon.sequence)
    body.add(.throughSequence, unsigned: horizon.sequence - 1)
    body.add(.root, data: report.root.bytes)
    body.add(.size, unsigned: report.size)
    body.add(.baseline, data: horizon.baselineDigest.bytes)
    if let archive {
      body.add(.archive, text: archive.path)
      body.add(.archiveDigest, data: archive.digest.bytes)
    }
    var row = horizon
    row.entry = try context.append(Draft(.trimmed, body: body.finish())).sequence ?? 0
    try context.putMeta(MetaKey.horizon, row.encoded)
    try context.putMeta(MetaKey.nextBaseline, nil)
    return report
  }
}
