/// Which entries below the horizon have to stay: unsettled edits and what speaks of them.
struct Islands: Sendable {
  /// Edits open at the horizon, ascending.
  private let open: [SequenceNumber]
  private let openGroups: Set<SequenceNumber>

  /// No islands at all.
  init() {
    open = []
    openGroups = []
  }

  init(_ reader: JournalReader, open: [SequenceNumber]) throws {
    self.open = open
    var groups: Set<SequenceNumber> = []
    for sequence in open {
      let group = try reader.entry(sequence)?.header.group ?? 0
      if group != 0 { groups.insert(group) }
    }
    openGroups = groups
  }

  /// The edits a conflict's decision took out of the overlay.
  static func superseded(by body: Body) throws -> [SequenceNumber] {
    guard body.raw(.outcomes) != nil else { return [] }
    var reader = try body.reader(.outcomes)
    var superseded: [SequenceNumber] = []
    for _ in 0..<(try reader.arrayCount()) {
      let members = try reader.arrayCount()
      guard members == 3 || members == 4 else {
        throw JournalError.damaged("a decision's outcome is malformed")
      }
      let sequence = try reader.unsigned()
      if try reader.unsigned() == 2 { superseded.append(sequence) }
      for _ in 2..<members { _ = try reader.skip(maxDepth: Limits.depth) }
    }
    return superseded
  }

  func contains(_ entry: StoredEntry) throws -> Bool {
    if open.isEmpty { return false }
    // What an erased entry said is gone, and nothing waits for it.
    if entry.encoding == StoredEntry.erasedEncoding { return false }
    let header = entry.header
    if header.group != 0, openGroups.contains(header.group) { return true }
    switch header.kind {
    case .create, .update, .put, .delete, .erased:
      return isOpen(header.sequence...header.sequence)
    case .sent, .retried, .parked, .discarded, .accepted, .refused, .conflict, .idAssigned:
      return try entry.plainBody.withUnsafeBytes { bytes in
        try Self.edits(of: header.kind, Body(bytes)).contains { isOpen($0) }
      }
    default:
      return false
    }
  }

  private func isOpen(_ range: ClosedRange<SequenceNumber>) -> Bool {
    var low = 0
    var high = open.count
    while low < high {
      let middle = (low + high) / 2
      if open[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
    }
    return low < open.count && open[low] <= range.upperBound
  }

  /// The edits that a delivery, assignment or conflict entry speaks of.
  static func edits(
    of kind: EntryKind, _ body: Body
  ) throws -> [ClosedRange<SequenceNumber>] {
    var edits: [ClosedRange<SequenceNumber>] = []
    switch kind {
    case .sent, .retried, .parked, .discarded, .idAssigned: return try body.ranges(.entries)
    default: break
    }
    if kind == .accepted {
      var lines = try AcceptanceReader(body)
      while let line = try lines.next() { edits.append(line.sequence...line.sequence) }
      return edits
    }
    var reader = try body.reader(kind == .refused ? .refusals : .outcomes)
    for _ in 0..<(try reader.arrayCount()) {
      let members = try reader.arrayCount()
      guard members > 0 else { throw JournalError.damaged("an answer names no edit") }
      let sequence = try reader.unsigned()
      for _ in 1..<members { _ = try reader.skip(maxDepth: Limits.depth) }
      edits.append(sequence...sequence)
    }
    return edits
  }
}
