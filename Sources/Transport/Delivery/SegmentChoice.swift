import Journal

/// Chooses the pending edits to send next, oldest first: a group is taken whole or left for later, what
/// cannot apply is set aside, and of a record nothing overtakes an edit that has to wait.
struct SegmentChoice {
  let ownership: Ownership
  let bodies: SentBodies
  let reader: JournalReader
  /// Edits that are not to be sent now.
  let skipping: Set<SequenceNumber>
  /// Most edits at once, and most bytes of them; a group that is larger goes whole.
  let limit: Int
  let maximumBytes: Int
  /// The last edit to look at.
  let through: SequenceNumber

  private(set) var dependents: Dependents
  /// What was chosen: what goes together, in the order it is sent.
  private(set) var units: [[SequenceNumber]] = []
  private var count = 0
  private var size = 0
  private var unit = Unit()
  /// Row keys of records whose edits wait for an earlier one.
  private var held: Set<[UInt8]> = []
  /// Row keys of records that no server has yet, and whose making waits for somebody's decision.
  private var unmade: Set<[UInt8]> = []
  private let context: AppendContext

  private struct Unit {
    var group: SequenceNumber = 0
    var edits: [SequenceNumber] = []
    var bytes = 0
    var records: [[UInt8]] = []
    var isHeld = false
    /// Whether it waits for somebody's decision, its own or one it follows.
    var isUndecided = false
    var cause: SequenceNumber?
  }

  init(
    _ ownership: Ownership, _ bodies: SentBodies, _ context: AppendContext,
    skipping: Set<SequenceNumber>, limit: Int, maximumBytes: Int, through: SequenceNumber
  ) throws {
    (self.ownership, self.bodies, self.skipping) = (ownership, bodies, skipping)
    (self.limit, self.maximumBytes, self.through) = (limit, maximumBytes, through)
    self.context = context
    reader = try context.reader()
    dependents = try Dependents(context)
  }

  mutating func choose() throws {
    var isFull = false
    try reader.scanEdits { sequence, state in
      guard sequence <= through else { return false }
      guard state.delivery == .pending else { return true }
      let (entry, edit) = try reader.decided(sequence, state)
      let group = entry.header.group
      if !unit.edits.isEmpty, group == 0 || group != unit.group, try !take() {
        isFull = true
        return false
      }
      try edit.body.withUnsafeBytes { bytes in
        let body = try Body(bytes)
        guard try ownership.owns(body) else { return }
        unit.group = group
        unit.edits.append(sequence)
        try add(entry.header, edit, body, isUndecided: state.isUndecided)
      }
      return true
    }
    if !isFull, !unit.edits.isEmpty { _ = try take() }
  }

  /// Adds an edit to the unit at hand.
  private mutating func add(
    _ header: EntryHeader, _ edit: DecidedEdit, _ body: Body, isUndecided: Bool
  ) throws {
    let key = try body.record().map { try currentKey($0.rowKey) }
    if let key { unit.records.append(key) }
    if skipping.contains(header.sequence) || key.map({ held.contains($0) }) ?? false {
      unit.isHeld = true
    }
    if try isUndecided || refersToUnmade(body) { (unit.isHeld, unit.isUndecided) = (true, true) }
    guard !unit.isHeld else { return }
    if unit.cause == nil { unit.cause = try dependents.cause(of: header, edit.kind, body) }
    unit.bytes += try SegmentSealer.sentBody(header.sequence, edit, bodies).count + 96
  }

  private func currentKey(_ rowKey: [UInt8]) throws -> [UInt8] {
    try context.folder.currentKey(rowKey, before: .max, in: context.transaction)
  }

  /// Whether an edit refers to a record that a server would not know.
  private func refersToUnmade(_ body: Body) throws -> Bool {
    guard !unmade.isEmpty else { return false }
    for item in [body.raw(.fields), body.raw(.set)].compactMap({ $0 }) {
      for record in try References.records(in: item) {
        if try unmade.contains(currentKey(record.rowKey)) { return true }
      }
    }
    return false
  }

  /// Takes the unit in; false when it does not fit any more.
  private mutating func take() throws -> Bool {
    defer { unit = Unit() }
    if unit.isHeld {
      held.formUnion(unit.records)
      guard unit.isUndecided else { return true }
      for key in unit.records {
        var isMade = false
        try context.folder.lendBase(of: key, in: context.transaction) { isMade = $0.isKnownThere }
        if !isMade { unmade.insert(key) }
      }
      return true
    }
    if let cause = unit.cause {
      try dependents.add(unit.edits, because: cause)
      return true
    }
    let fits =
      count + unit.edits.count <= min(limit, SegmentCodec.maximumChanges)
      && size + unit.bytes <= maximumBytes
    guard units.isEmpty || fits else { return false }
    units.append(unit.edits)
    count += unit.edits.count
    size += unit.bytes
    return true
  }
}
