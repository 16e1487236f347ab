/// Recomputes everything a journal's file claims, trusting no stored answer.
package final class Verifier {
  static let problemLimit = 100

  private let reader: JournalReader
  private let folder: any InlineFolder
  private var report = VerifyReport()
  /// Sequences of held edits, to be found again in `ids`.
  private var heldEdits: UInt64 = 0
  /// Roots at the sizes that checkpoints name, once computed.
  private var roots: [UInt64: TreeHash?] = [:]
  /// Entries without a body, and those that erasures name.
  private var erased: Set<SequenceNumber> = []
  private var namedErased: [ClosedRange<SequenceNumber>] = []
  /// Whether somebody holds a checkpoint against the journal, and wants to know what it covers.
  private var isAskedFromOutside = false

  private init(_ storage: any StorageReader, folder: any InlineFolder) throws {
    self.folder = folder
    reader = try JournalReader(storage)
  }

  /// Verifies the journal in a directory, also while another process writes to it.
  ///
  /// Linear in time; memory holds the fold's rows.
  ///
  /// - Throws: ``JournalError`` only when the file cannot be read as a journal at all.
  package static func verify(
    directory: String, against checkpoints: [OutsideCheckpoint] = [], folder: any InlineFolder,
    keys: KeyRing? = nil
  ) throws -> VerifyReport {
    let pages = try PagedReader.open(directory: directory)
    let structure = pages.checkStructure(limit: problemLimit)
    guard structure.isEmpty else {
      var report = VerifyReport()
      report.problems = structure.map(Self.plain)
      // The rows may still be readable; what they say is added, never relied upon.
      if case .success(let head) = Result(catching: { try JournalReader(pages).head }) {
        report.size = head.frontier.size
        report.root = head.frontier.root
      }
      return report
    }
    let verifier = try Verifier(pages, folder: folder)
    if let keys, !keys.isEmpty { try keys.unlock(verifier.reader) }
    verifier.isAskedFromOutside = !checkpoints.isEmpty
    try verifier.run(checkpoints)
    return verifier.report
  }

  /// Verifies a pack: every block, leaf, root, the baseline, and that it folds.
  ///
  /// - Throws: ``JournalError`` only when the file cannot be read as a pack at all.
  package static func verify(
    pack path: String, against checkpoints: [OutsideCheckpoint] = [], folder: any InlineFolder,
    keys: KeyRing? = nil
  ) throws -> VerifyReport {
    let pack = try PackReader(path: path)
    let verifier = try Verifier(pack, folder: folder)
    if let keys, !keys.isEmpty { try keys.unlock(verifier.reader) }
    verifier.part("blocks") { try pack.checkBlocks() }
    guard verifier.report.isSound else { return verifier.report }
    verifier.isAskedFromOutside = !checkpoints.isEmpty
    var checkpoints = checkpoints
    if let note = try verifier.reader.packedCheckpoint {
      checkpoints.append(OutsideCheckpoint(note: note, keys: []))
    }
    try verifier.run(checkpoints)
    return verifier.report
  }

  private func problem(_ text: String) {
    if report.problems.count < Self.problemLimit { report.problems.append(Self.plain(text)) }
  }

  /// Other verbs advise to run `verify`; here that is what is being done.
  private static func plain(_ problem: String) -> String {
    let advice = "; run `journal verify`"
    return problem.hasSuffix(advice) ? String(problem.dropLast(advice.count)) : problem
  }

  /// Runs one part; an error inside it is a problem, not the end of verification.
  private func part(_ name: String, _ body: () throws -> Void) {
    do { try body() } catch { problem("\(name): \(error)") }
  }

  private func run(_ outside: [OutsideCheckpoint]) throws {
    report.horizon = reader.horizon.sequence
    report.size = reader.head.frontier.size
    report.isRedacted = try reader.isRedacted
    report.isContentChecked = !reader.isLocked
    let checkpoints = outside.compactMap { opened($0) }
    for checkpoint in checkpoints { roots[checkpoint.size] = .some(nil) }
    part("leaves") { try checkLeaves() }
    for checkpoint in checkpoints {
      part("checkpoint") { try check(checkpoint) }
    }
    if !report.isRedacted, report.isContentChecked { checkErased() }
    if reader.storage.holdsFold { part("ids") { try checkIDs() } }
    if !report.isRedacted, report.isContentChecked {
      part("baseline") { try checkBaseline() }
      part("fold") { try checkFold() }
    }
    if !reader.horizon.isTrimComplete, reader.horizon.nextToTrim < 1 {
      problem("the trim in progress has no position")
    }
  }

  // MARK: Checkpoints from outside

  /// The checkpoint of a note whose signature is good; anything else is a problem.
  private func opened(_ outside: OutsideCheckpoint) -> Checkpoint? {
    do {
      let own = try reader.identity.devices.map { try VerifierKey($0.verifierKey) }
      let checkpoint = try SignedNote.open(
        outside.note, with: outside.keys.isEmpty ? own : outside.keys)
      let origins = reader.identity.deviceIDs.map { JournalIdentity.origin(of: $0) }
      guard origins.contains(where: { $0.utf8.elementsEqual(checkpoint.origin.utf8) }) else {
        problem("the checkpoint is of \(checkpoint.origin), which this journal never was")
        return nil
      }
      return checkpoint
    } catch {
      problem("checkpoint: \(error)")
      return nil
    }
  }

  private func check(_ checkpoint: Checkpoint) throws {
    guard checkpoint.size <= report.size else {
      guard reader.storage.holdsFold else {
        return report.undecided.append(
          "the checkpoint covers \(checkpoint.size) entries, this pack ends at \(report.size); look "
            + "into the journal, or a pack made later")
      }
      return problem(
        "the checkpoint covers \(checkpoint.size) entries, the journal has \(report.size): it was "
          + "cut back to an earlier state")
    }
    guard let root = roots[checkpoint.size] ?? nil else {
      let advice = try reader.archiveAdvice(for: max(checkpoint.size, 1))
      return report.undecided.append(
        "the checkpoint's size \(checkpoint.size) ends inside what was trimmed; \(advice)")
    }
    if root != checkpoint.root {
      problem(
        "the root over the first \(checkpoint.size) entries is \(root), the checkpoint says "
          + "\(checkpoint.root): the history was changed")
    }
  }

  /// A body may only be missing where an erasure says so.
  private func checkErased() {
    let unnamed = erased.filter { sequence in !namedErased.contains { $0.contains(sequence) } }
    guard let first = unnamed.min() else { return }
    let text = "the body of entry \(first) is gone, and no erasure that is held names it"
    // The erasure itself can stand beyond the end of an archive.
    guard reader.storage.holdsFold else {
      if isAskedFromOutside { report.undecided.append("\(text); look into the journal") }
      return
    }
    problem(text)
  }

  private func noteErasure(_ entry: StoredEntry) {
    if entry.encoding == StoredEntry.erasedEncoding { erased.insert(entry.header.sequence) }
    guard entry.encoding == StoredEntry.plainEncoding,
      entry.header.kind == .erased || entry.header.kind == .remoteChange
    else { return }
    part("entry \(entry.header.sequence)") {
      try entry.plainBody.withUnsafeBytes { bytes in
        let body = try Body(bytes)
        if body.raw(.entries) != nil { namedErased += try body.ranges(.entries, atMost: .max) }
      }
    }
  }

  // MARK: Leaves and root

  private func checkLeaves() throws {
    var stack = SubtreeStack()
    var expected: SequenceNumber = 1
    var lastTime = Timestamp(milliseconds: 0)
    var completed: [(level: Int, index: UInt64, hash: TreeHash)] = []
    func push(_ hash: TreeHash, level: Int) {
      stack.push(hash, level: level) { completed.append(($0, $1, $2)) }
    }
    func noteRoot() {
      if !roots.isEmpty, roots[expected - 1] != nil { roots[expected - 1] = stack.root }
    }
    noteRoot()
    func skipGaps(to sequence: SequenceNumber) throws {
      while expected < sequence, let gap = try JournalTree(reader).gap(at: expected - 1) {
        guard (expected - 1) & (1 << UInt64(gap.level) - 1) == 0 else {
          return problem("the gap at sequence \(expected) is not aligned")
        }
        push(gap.hash, level: gap.level)
        expected += 1 << UInt64(gap.level)
        noteRoot()
      }
    }
    try reader.scanEntries(from: 1) { entry in
      let header = entry.header
      try skipGaps(to: header.sequence)
      if header.sequence != expected {
        problem("sequence \(expected) is missing before \(header.sequence)")
        return false
      }
      checkEntry(entry, after: lastTime)
      noteErasure(entry)
      lastTime = header.time
      push(header.leafHash, level: 0)
      expected += 1
      noteRoot()
      try checkNodes(&completed)
      return true
    }
    try skipGaps(to: reader.head.lastSequence + 1)
    try checkNodes(&completed)
    guard expected == reader.head.lastSequence + 1 else {
      return problem("sequence \(expected) is missing; the last is \(reader.head.lastSequence)")
    }
    report.root = stack.root
    if stack.root != reader.head.frontier.root || stack.hashes != reader.head.frontier.hashes {
      problem("the tree's root is \(stack.root), the head row says \(reader.head.frontier.root)")
    }
  }

  private func checkEntry(_ entry: StoredEntry, after lastTime: Timestamp) {
    let header = entry.header
    if header.time < lastTime { problem("entry \(header.sequence) is older than the one before") }
    if entry.encoding == StoredEntry.plainEncoding,
      entry.body.withUnsafeBytes({ entry.salt.commitment(to: $0) }) != header.commitment
    {
      problem("the body of entry \(header.sequence) does not match its commitment")
    }
    if header.sequence == 1, header.kind != .opened {
      problem("entry 1 is not `opened` but \(header.kind)")
    }
    if header.kind.hasRememberedID, reader.storage.holdsFold {
      heldEdits += 1
      part("entry \(header.sequence)") {
        try checkRemembered(header)
      }
    }
  }

  private func checkRemembered(_ header: EntryHeader) throws {
    guard let remembered = try reader.remembered(header.id),
      remembered.sequence == header.sequence
    else { return problem("the id of entry \(header.sequence) is not remembered at its sequence") }
    // What is kept as trimmed is told by the table's own check.
    let isSound =
      remembered.isTrimmed || remembered == RememberedID(header)
      || remembered == RememberedID(held: header.sequence)
    if !isSound {
      problem(
        "the id of entry \(header.sequence) is remembered with another recording time or verdict")
    }
  }

  private func checkNodes(
    _ completed: inout [(level: Int, index: UInt64, hash: TreeHash)]
  ) throws {
    guard reader.storage.holdsFold else { return completed.removeAll(keepingCapacity: true) }
    for node in completed where node.level > 0 && node.level % 8 == 0 {
      let stored = try JournalTree.nodeKeys(level: node.level, index: node.index).compactMap {
        try reader.storage.withValue(.tree, $0) { TreeHash(bytes: $0) }
      }
      if stored.isEmpty || stored.contains(where: { $0 != node.hash }) {
        problem("the stored tree node \(node.level)/\(node.index) is not the computed one")
      }
    }
    completed.removeAll(keepingCapacity: true)
  }

  // MARK: Ids, baseline, fold

  private func checkIDs() throws {
    var held: UInt64 = 0
    try reader.storage.scan(.ids, from: nil) { key, payload in
      let remembered = try RememberedID(payload)
      let sequence = remembered.sequence
      guard remembered.isTrimmed else {
        held += 1
        return true
      }
      if try reader.entry(sequence) != nil {
        problem("the id of entry \(sequence) is kept as trimmed though it is held")
      } else if sequence >= reader.horizon.sequence {
        problem("the id of entry \(sequence) is kept as trimmed, at or above the horizon")
      }
      if let id = EntryID(bytes: key) {
        part("id of entry \(sequence)") { _ = try remembered.trimmed(id) }
      }
      return report.problems.count < Self.problemLimit
    }
    if held != heldEdits { problem("\(held) ids are remembered for \(heldEdits) held edits") }
  }

  private func checkBaseline() throws {
    guard reader.horizon.entry != 0 else {
      try Baseline.scan(reader.storage, generation: reader.horizon.generation) { _, _, _ in
        problem("a baseline without a trim")
        return false
      }
      return
    }
    let digest = try Baseline.digest(of: reader)
    if digest != reader.horizon.baselineDigest {
      problem("the baseline's digest is \(digest), not \(reader.horizon.baselineDigest)")
    }
    let horizon = reader.horizon
    let named = horizon.digestEntry == 0 ? horizon.entry : horizon.digestEntry
    // An archive ends where its trim's horizon is; the entry that names the digest can stand above
    // that.
    guard named <= report.size || reader.storage.holdsFold else {
      if isAskedFromOutside {
        report.undecided.append(
          "the baseline is vouched for by an entry beyond this file's end; look into the journal, or "
            + "into what was archived later")
      }
      return
    }
    guard let entry = try reader.entry(named) else {
      return problem("the entry \(named), which names the baseline, is missing")
    }
    try entry.plainBody.withUnsafeBytes { bytes in
      if try Body(bytes).data(.baseline) != digest.bytes {
        problem("entry \(named) names another baseline")
      }
    }
  }

  private func checkFold() throws {
    let state = try Replay.fold(reader, through: reader.head.lastSequence, with: folder) {
      entry, outcome in
      if entry.previous != outcome.previous {
        problem(
          "entry \(entry.header.sequence) links to \(entry.previous), its record's entry before it "
            + "is \(outcome.previous)")
      }
    }
    guard reader.storage.holdsFold else { return }
    try compare(.records, state.records.count) { state.records[$0] }
    try compare(.edits, state.edits.count) { key in
      try key.withUnsafeBytes { state.edit(try JournalReader.sequence(ofKey: $0))?.encoded }
    }
    if try reader.counts() != state.counts { problem("the stored counts are not the folded ones") }
    let folded = try reader.metaRows(prefix: MetaKey.folded)
    if folded.count != state.metaRows.count
      || folded.contains(where: { state.metaRows[$0.key] != $0.payload })
    {
      problem("the stored remotes and cursors are not the folded ones")
    }
    let room = Self.problemLimit - report.problems.count
    for text in try folder.followerProblems(in: reader, limit: room) { problem(text) }
  }

  private func compare(
    _ table: Table, _ expectedCount: Int, _ expected: ([UInt8]) throws -> [UInt8]?
  ) throws {
    var count = 0
    try reader.storage.scan(table, from: nil) { key, payload in
      count += 1
      let folded = try expected([UInt8](key))
      if folded.map({ payload.elementsEqual($0) }) != true {
        problem("a row of `\(table.name)` is not the folded one: key \(Hex.encode(key))")
      }
      return report.problems.count < Self.problemLimit
    }
    if count != expectedCount, report.problems.count < Self.problemLimit {
      problem("`\(table.name)` has \(count) rows, the fold \(expectedCount)")
    }
  }
}
