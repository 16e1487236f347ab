/// What `verify` found.
public struct VerifyReport: Sendable, Equatable {
  public var size: UInt64 = 0
  /// The root, recomputed from held leaves and the hashes kept for gaps.
  public var root = TreeHash.empty
  public var horizon: SequenceNumber = 1
  /// Every problem found, at most 100; empty means sound.
  public var problems: [String] = []

  public var isSound: Bool { problems.isEmpty }
}

/// Recomputes everything a journal's file claims, trusting no stored answer.
package final class Verifier {
  static let problemLimit = 100

  private let pages: PagedReader
  private let reader: JournalReader
  private let folder: any InlineFolder
  private var report = VerifyReport()
  /// Sequences of held edits, to be found again in `ids`.
  private var heldEdits: UInt64 = 0

  private init(_ pages: PagedReader, folder: any InlineFolder) throws {
    self.pages = pages
    self.folder = folder
    reader = try JournalReader(pages)
  }

  /// Verifies the journal in a directory, also while another process writes to it.
  ///
  /// Linear in time; memory holds the fold's rows.
  ///
  /// - Throws: ``JournalError`` only when the file cannot be read as a journal at all.
  package static func verify(
    directory: String, folder: any InlineFolder
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
    try verifier.run()
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

  private func run() throws {
    report.horizon = reader.horizon.sequence
    report.size = reader.head.frontier.size
    part("leaves") { try checkLeaves() }
    part("ids") { try checkIDs() }
    part("baseline") { try checkBaseline() }
    part("fold") { try checkFold() }
    if !reader.horizon.isTrimComplete, reader.horizon.nextToTrim < 1 {
      problem("the trim in progress has no position")
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
    func skipGaps(to sequence: SequenceNumber) throws {
      while expected < sequence, let gap = try JournalTree(reader).gap(at: expected - 1) {
        guard (expected - 1) & (1 << UInt64(gap.level) - 1) == 0 else {
          return problem("the gap at sequence \(expected) is not aligned")
        }
        push(gap.hash, level: gap.level)
        expected += 1 << UInt64(gap.level)
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
      lastTime = header.time
      push(header.leafHash, level: 0)
      expected += 1
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
    if header.kind.isEdit {
      heldEdits += 1
      part("entry \(header.sequence)") {
        let remembered = try reader.remembered(header.id)
        if remembered != RememberedID(sequence: header.sequence) {
          problem("the id of entry \(header.sequence) is not remembered at its sequence")
        }
      }
    }
  }

  private func checkNodes(
    _ completed: inout [(level: Int, index: UInt64, hash: TreeHash)]
  ) throws {
    for node in completed where node.level > 0 && node.level % 8 == 0 {
      let stored = try reader.storage.withValue(
        .tree, JournalTree.nodeKey(level: node.level, index: node.index),
        { TreeHash(bytes: $0) })
      if stored != .some(.some(node.hash)) {
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
      if remembered.trimmed == nil {
        held += 1
      } else if try reader.entry(remembered.sequence) != nil {
        problem("the id of entry \(remembered.sequence) is kept as trimmed though it is held")
      }
      return true
    }
    if held != heldEdits { problem("\(held) ids are remembered for \(heldEdits) held edits") }
  }

  private func checkBaseline() throws {
    guard reader.horizon.entry != 0 else {
      if try reader.storage.count(.baseline) != 0 { problem("a baseline without a trim") }
      return
    }
    let digest = try Baseline.digest(reader.storage)
    if digest != reader.horizon.baselineDigest {
      problem("the baseline's digest is \(digest), not \(reader.horizon.baselineDigest)")
    }
    guard let entry = try reader.entry(reader.horizon.entry) else {
      return problem("the `trimmed` entry \(reader.horizon.entry) is missing")
    }
    try entry.plainBody.withUnsafeBytes { bytes in
      if try Body(bytes).data(.baseline) != digest.bytes {
        problem("the `trimmed` entry \(reader.horizon.entry) names another baseline")
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
    try compare(.records, state.records.count) { state.records[$0] }
    try compare(.edits, state.edits.count) { key in
      try key.withUnsafeBytes { state.edits[try JournalReader.sequence(ofKey: $0)]?.encoded }
    }
    if try reader.counts() != state.counts { problem("the stored counts are not the folded ones") }
    let folded = try reader.metaRows(prefix: MetaKey.folded)
    if folded.count != state.metaRows.count
      || folded.contains(where: { state.metaRows[$0.key] != $0.payload })
    {
      problem("the stored remotes and cursors are not the folded ones")
    }
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

/// Complete subtrees from left to right, equal ones merged: a frontier that also takes subtrees.
struct SubtreeStack {
  private var subtrees: [(level: Int, index: UInt64, hash: TreeHash)] = []

  var hashes: [TreeHash] { subtrees.map(\.hash) }

  /// The root over everything pushed.
  var root: TreeHash {
    guard var root = subtrees.last?.hash else { return .empty }
    for subtree in subtrees.dropLast().reversed() { root = .node(subtree.hash, root) }
    return root
  }

  mutating func push(
    _ hash: TreeHash, level: Int, completed: (_ level: Int, _ index: UInt64, TreeHash) -> Void
  ) {
    let index =
      subtrees.last.map { last in
        (last.index + 1) << UInt64(max(0, last.level - level))
      } ?? 0
    var node = (level: level, index: index, hash: hash)
    completed(level, index, hash)
    while let last = subtrees.last, last.level == node.level, last.index + 1 == node.index,
      last.index & 1 == 0
    {
      subtrees.removeLast()
      node = (node.level + 1, last.index >> 1, .node(last.hash, node.hash))
      completed(node.level, node.index, node.hash)
    }
    subtrees.append(node)
  }
}
