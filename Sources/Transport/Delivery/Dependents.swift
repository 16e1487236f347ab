import Journal

/// Finds edits that do not apply without one that is set aside: updates and deletes of a record whose
/// create was, and whatever refers to such a record.
///
/// Edits are shown to it in their order. Costs the parked edits once, then a look at each edit shown while
/// any record is missing for that reason.
struct Dependents {
  private let context: AppendContext
  /// Edits set aside that would bring a record into being, ascending, by its row key.
  private var makers: [[UInt8]: [SequenceNumber]] = [:]
  /// Found by this one, and still in their records' overlays.
  private var left: Set<SequenceNumber> = []
  private var found: [(cause: SequenceNumber, edits: [SequenceNumber])] = []

  init(_ context: AppendContext) throws {
    self.context = context
    let reader = try context.reader()
    guard try reader.counts().parked > 0 else { return }
    try reader.scanEdits { sequence, state in
      guard case .parked = state.delivery, let entry = try reader.entry(sequence) else {
        return true
      }
      try entry.plainBody.withUnsafeBytes { try noteParked(entry.header, Body($0)) }
      return true
    }
  }

  var isEmpty: Bool { found.isEmpty }

  /// The edit without which this one does not apply; nil where it does.
  ///
  /// - Parameter kind: What it does by now.
  mutating func cause(
    of header: EntryHeader, _ kind: EntryKind, _ body: Body
  ) throws -> SequenceNumber? {
    guard !makers.isEmpty, kind.isEdit else { return nil }
    if let named = try body.record()?.rowKey {
      let key = try currentKey(named)
      let cause = try cause(header.sequence, key)
      // From here on the record is there, or gone, by this edit.
      switch kind {
      case .create, .put: forget(key, before: header.sequence)
      default: if let cause { return cause }
      }
    }
    for item in [body.raw(.fields), body.raw(.set)] {
      guard let item else { continue }
      for record in try References.records(in: item) {
        if let cause = try cause(header.sequence, currentKey(record.rowKey)) { return cause }
      }
    }
    return nil
  }

  /// Notes edits that go together as ones to set aside.
  mutating func add(_ edits: [SequenceNumber], because cause: SequenceNumber) throws {
    found.append((cause, edits))
    left.formUnion(edits)
    let reader = try context.reader()
    for sequence in edits {
      guard let entry = try reader.entry(sequence) else { continue }
      try entry.plainBody.withUnsafeBytes { try noteParked(entry.header, Body($0)) }
    }
  }

  /// Sets aside what was found, in the caller's transaction.
  func append() throws {
    var causes: [SequenceNumber] = []
    var edits: [SequenceNumber: [SequenceNumber]] = [:]
    for (cause, unit) in found {
      if edits[cause] == nil { causes.append(cause) }
      edits[cause, default: []] += unit
    }
    for cause in causes {
      var rest = edits[cause, default: []][...]
      while !rest.isEmpty {
        try context.append(.parking(Array(rest.prefix(1_000)), dependingOn: cause))
        rest = rest.dropFirst(1_000)
      }
    }
  }

  private mutating func noteParked(_ header: EntryHeader, _ body: Body) throws {
    guard header.kind.isEdit, let named = try body.record()?.rowKey else { return }
    let key = try currentKey(named)
    switch header.kind {
    case .create, .put: makers[key, default: []].append(header.sequence)
    // With it the record is gone as well.
    case .delete: forget(key, before: header.sequence)
    default: break
    }
  }

  /// The first parked edit that would make the record, where without it there is none before `limit`.
  private mutating func cause(
    _ limit: SequenceNumber, _ key: [UInt8]
  ) throws -> SequenceNumber? {
    guard let cause = makers[key]?.first, cause < limit else { return nil }
    let exists = try context.folder.exists(
      key, before: limit, without: left, in: context.state)
    guard exists else { return cause }
    forget(key, before: limit)
    return nil
  }

  private mutating func forget(_ key: [UInt8], before limit: SequenceNumber) {
    guard let later = makers[key]?.filter({ $0 >= limit }) else { return }
    makers[key] = later.isEmpty ? nil : later
  }

  private func currentKey(_ rowKey: [UInt8]) throws -> [UInt8] {
    try context.folder.currentKey(rowKey, before: .max, in: context.transaction)
  }
}
