import Crypto
import Journal

/// Finds what a remote change contests in the overlay and writes down the decision about it.
struct ConflictFinder {
  /// The name the default decider is recorded under.
  static let defaultDecider = "keep"

  /// The base's fields before the change, with what was accepted of this journal up to its version.
  let expected: [UInt8]?
  let after: RecordRow
  let change: Body
  let state: any FoldState

  /// The conflict entry, or nil when nothing is contested.
  ///
  /// Edits that are in flight or accepted can only be kept; the default decider keeps all: create
  /// and update merge field by field by their nature, put and delete stay whole, and what falls
  /// by it is kept in the entry.
  func draft(
    _ overlay: [Overlay.Member], cause: EntryHeader, version: ServerVersion
  ) throws -> Draft? {
    let touchesExistence = (expected == nil) != (after.baseFields == nil)
    let changed = try changedNames()
    // Its answer to the record's earlier edits is no news to those that put or delete it later.
    guard touchesExistence || !changed.isEmpty else { return nil }
    var contested: Set<[UInt8]>? = []
    var outcomes: [ConflictOutcome] = []
    for member in overlay {
      guard let names = try contestedNames(member, changed, touchesExistence) else { continue }
      outcomes.append(ConflictOutcome(sequence: member.sequence, decision: .keep))
      switch names {
      case .whole: contested = nil
      case .some(let names): contested?.formUnion(names)
      }
    }
    guard !outcomes.isEmpty else { return nil }
    return try draft(outcomes, contested, cause: cause, version: version)
  }

  private enum Contested {
    case whole
    case some(Set<[UInt8]>)
  }

  private func contestedNames(
    _ member: Overlay.Member, _ changed: Set<[UInt8]>, _ touchesExistence: Bool
  ) throws -> Contested? {
    guard let entry = try state.entry(member.sequence) else { return nil }
    let touched = try entry.plainBody.withUnsafeBytes {
      try EditRule.touchedNames(entry.header.kind, Body($0))
    }
    guard let touched, !touchesExistence else { return .whole }
    let both = touched.intersection(changed)
    return both.isEmpty ? nil : .some(both)
  }

  /// The fields the change touches: those the server names, else those that differ.
  private func changedNames() throws -> Set<[UInt8]> {
    if let raw = change.raw(.changed) {
      var reader = CBORReader(raw)
      var names: Set<[UInt8]> = []
      for _ in 0..<(try reader.arrayCount()) { names.insert([UInt8](raw[try reader.text()])) }
      return names
    }
    return try Self.differing(expected, after.baseFields)
  }

  private static func differing(_ left: [UInt8]?, _ right: [UInt8]?) throws -> Set<[UInt8]> {
    func names(_ left: UnsafeRawBufferPointer?, _ right: UnsafeRawBufferPointer?) throws
      -> Set<[UInt8]>
    {
      Set(try FieldMap.changedNames(from: left, to: right).map { [UInt8]($0.utf8) })
    }
    switch (left, right) {
    case (nil, nil): return []
    case (let left?, nil): return try left.withUnsafeBytes { try names($0, nil) }
    case (nil, let right?): return try right.withUnsafeBytes { try names(nil, $0) }
    case (let left?, let right?):
      return try left.withUnsafeBytes { left in
        try right.withUnsafeBytes { try names(left, $0) }
      }
    }
  }

  private func draft(
    _ outcomes: [ConflictOutcome], _ contested: Set<[UInt8]>?, cause: EntryHeader,
    version: ServerVersion
  ) throws -> Draft? {
    guard let collection = change.raw(.collection), let key = change.raw(.key) else { return nil }
    let names = try contested ?? Self.differing(after.baseFields, after.visible)
    var body = BodyBuilder()
    body.add(.collection, raw: collection)
    body.add(.key, raw: key)
    body.add(.version, version: version)
    body.add(.cause, unsigned: cause.sequence)
    body.add(.decider, text: Self.defaultDecider)
    body.add(.outcomes) { ConflictOutcome.write(outcomes, into: &$0) }
    if let mine = after.visible { body.add(.mine, raw: try Self.subset(mine, names)) }
    if let theirs = after.baseFields { body.add(.theirs, raw: try Self.subset(theirs, names)) }
    return try Self.derived(body.finish(), from: cause, ordinal: 0)
  }

  /// The conflict entry that keeps the fields of an edit which changed nothing on the server.
  static func lost(
    _ sequence: SequenceNumber, cause: EntryHeader, version: ServerVersion, ordinal: Int,
    _ state: any FoldState
  ) throws -> Draft? {
    guard let entry = try state.entry(sequence), entry.header.kind == .update else { return nil }
    return try entry.plainBody.withUnsafeBytes { bytes in
      let edit = try Body(bytes)
      guard let collection = edit.raw(.collection), let key = edit.raw(.key) else { return nil }
      var body = BodyBuilder()
      body.add(.collection, raw: collection)
      body.add(.key, raw: key)
      body.add(.version, version: version)
      body.add(.cause, unsigned: cause.sequence)
      body.add(.decider, text: "absorbed")
      body.add(.outcomes) {
        ConflictOutcome.write([ConflictOutcome(sequence: sequence, decision: .keep)], into: &$0)
      }
      if let set = edit.raw(.set) { body.add(.lost, raw: set) }
      return try derived(body.finish(), from: cause, ordinal: ordinal)
    }
  }

  private static func derived(
    _ body: [UInt8], from cause: EntryHeader, ordinal: Int
  ) throws -> Draft {
    var hash = SHA256()
    hash.update(data: cause.id.bytes)
    hash.update(data: [UInt8]("conflict".utf8))
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: ordinal).bigEndian) {
      hash.update(bufferPointer: $0)
    }
    return try Draft(.conflict, id: .computed([UInt8](hash.finalize())), body: body)
  }

  /// The members of a fields map with these names, as a map of its own.
  private static func subset(_ fields: [UInt8], _ names: Set<[UInt8]>) throws -> [UInt8] {
    try fields.withUnsafeBytes { bytes in
      var members: [(Range<Int>, Range<Int>)] = []
      try FieldMap.members(of: bytes) { key, keyItem, value in
        if names.contains([UInt8](bytes[key])) { members.append((keyItem, value)) }
      }
      var writer = CBORWriter()
      writer.map(count: members.count)
      for (key, value) in members {
        writer.raw(UnsafeRawBufferPointer(rebasing: bytes[key]))
        writer.raw(UnsafeRawBufferPointer(rebasing: bytes[value]))
      }
      return writer.bytes
    }
  }
}
