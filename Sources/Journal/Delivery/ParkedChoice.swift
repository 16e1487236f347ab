/// Which edits a retry or a discard is about: those that were named, with their groups.
struct ParkedChoice {
  enum Purpose {
    case retry
    case discard
  }

  private let reader: JournalReader
  private var chosen: Set<SequenceNumber> = []
  /// What goes together, each in ascending order; in the order it was added.
  private var units: [[SequenceNumber]] = []

  init(_ context: AppendContext) throws {
    reader = try context.reader()
  }

  /// Adds an edit with the open edits of its group.
  mutating func add(_ sequence: SequenceNumber, for purpose: Purpose) throws {
    if chosen.contains(sequence) { return }
    if sequence > 0, sequence <= reader.head.lastSequence, try reader.entry(sequence) == nil {
      throw JournalError.belowHorizon(
        "entry \(sequence) was trimmed, so that nothing is left to decide about it: what is trimmed was settled or "
          + "given up; \(try reader.archiveAdvice(for: sequence))")
    }
    let status = try reader.status(of: sequence)
    let isErasure = try reader.entry(sequence)?.header.kind == .erased
    switch (purpose, status) {
    case (.retry, .parked),
      (.discard, .parked) where !isErasure || purpose == .retry:
      break
    case (.discard, .pending) where !isErasure: break
    case (.discard, .inFlight), (.discard, .accepted): throw underWay(sequence)
    default: throw notParked(sequence, isErasure, status, purpose)
    }
    var unit: [SequenceNumber] = []
    for member in try group(of: sequence) {
      guard let edit = try reader.edit(member) else { continue }
      switch edit.delivery {
      case .parked: unit.append(member)
      case .pending: if purpose == .discard { unit.append(member) }
      case .inFlight, .accepted: if purpose == .discard { throw underWay(member) }
      }
    }
    chosen.formUnion(unit)
    units.append(unit)
  }

  /// Adds what was set aside because it does not apply without an edit that is chosen, and without those.
  mutating func addDependents() throws {
    // What depends on an edit was made after it.
    for edit in try reader.parkedEdits() {
      guard let cause = edit.dependsOn, chosen.contains(cause) else { continue }
      try add(edit.sequence, for: .retry)
    }
  }

  /// Appends what was decided, no more than 1,000 edits in an entry.
  func append(
    _ kind: EntryKind, because reason: String?, _ context: AppendContext
  ) throws -> [SequenceNumber] {
    var entries: [[SequenceNumber]] = [[]]
    for unit in units.sorted(by: { $0.first ?? 0 < $1.first ?? 0 }) {
      if entries[entries.count - 1].count + unit.count > Limits.groupEntries { entries.append([]) }
      entries[entries.count - 1] += unit
    }
    for edits in entries where !edits.isEmpty {
      var body = BodyBuilder()
      if let reason { body.add(.reason, text: reason) }
      body.add(.entries) { $0.ranges(edits.sorted()) }
      try context.append(Draft(kind, body: body.finish()))
    }
    return chosen.sorted()
  }

  /// The edits of the group an edit is part of, itself among them.
  private func group(of sequence: SequenceNumber) throws -> [SequenceNumber] {
    guard let group = try reader.entry(sequence)?.header.group, group != 0 else {
      return [sequence]
    }
    var members: [SequenceNumber] = []
    try reader.scanHeld(from: group) { entry in
      guard entry.header.group == group else { return false }
      if entry.header.kind.isEdit { members.append(entry.header.sequence) }
      return true
    }
    return members
  }

  private func underWay(_ sequence: SequenceNumber) -> JournalError {
    .underWay(
      "edit \(sequence) was sent, and a server may have it: sync, then make a new edit that undoes it"
    )
  }

  private func notParked(
    _ sequence: SequenceNumber, _ isErasure: Bool, _ status: EditStatus, _ purpose: Purpose
  ) -> JournalError {
    if isErasure, purpose == .discard {
      return .notParked(
        "entry \(sequence) is an erasure, which is not given up: what it took is gone here; retry it "
          + "once the server takes it")
    }
    let stands =
      switch status {
      case .pending: "pending: it is sent by the next sync"
      case .inFlight: "in flight: sync for its answer"
      case .accepted, .settled: "accepted by the server"
      case .parked: "set aside"
      case .discarded: "discarded"
      case .superseded: "superseded by a decision"
      case .local: "never sent"
      }
    return .notParked(
      "edit \(sequence) is \(stands); `journal parked` lists what is set aside")
  }
}
