import Journal

/// Finds what a remote change contests in the overlay.
struct ConflictFinder {
  /// The base's fields before the change, with what was accepted of this journal up to its version.
  let expected: [UInt8]?
  let after: RecordRow
  let change: Body
  let state: any FoldState

  /// What is contested; nil when nothing is.
  func contest(_ overlay: [Overlay.Member]) throws -> Contest? {
    let touchesExistence = (expected == nil) != (after.baseFields == nil)
    let changed = try changedNames()
    // Its answer to the record's earlier edits is no news to those that put or delete it later.
    guard touchesExistence || !changed.isEmpty else { return nil }
    var contest = Contest()
    for member in overlay {
      try contest.add(
        member, try Contest.touchedNames(member, state), touchesExistence ? nil : changed)
    }
    return contest.members.isEmpty ? nil : contest
  }

  /// The fields the change touches: those the server names, else those that differ.
  private func changedNames() throws -> Set<[UInt8]> {
    if let raw = change.raw(.changed) {
      var reader = CBORReader(raw)
      var names: Set<[UInt8]> = []
      for _ in 0..<(try reader.arrayCount()) { names.insert([UInt8](raw[try reader.text()])) }
      return names
    }
    return try FieldSet.differing(expected, after.baseFields)
  }
}

/// The open edits that a change of the server's contests, and what of their record.
struct Contest {
  /// Each with the names it shares with the change; nil is the whole record.
  private(set) var members: [(member: Overlay.Member, names: Set<[UInt8]>?)] = []
  /// What is contested in all; nil is the whole record.
  private(set) var names: Set<[UInt8]>? = []

  /// Adds an edit, where it and the change have something in common; nil is the whole record.
  mutating func add(
    _ member: Overlay.Member, _ touched: Set<[UInt8]>?, _ changed: Set<[UInt8]>?
  ) throws {
    guard let touched, let changed else {
      members.append((member, nil))
      names = nil
      return
    }
    let both = touched.intersection(changed)
    guard !both.isEmpty else { return }
    members.append((member, both))
    names?.formUnion(both)
  }

  /// The names an edit touches by now; nil is the whole record.
  static func touchedNames(
    _ member: Overlay.Member, _ state: any FoldState
  ) throws -> Set<[UInt8]>? {
    let edit = try Overlay.decided(member, state).edit
    return try edit.body.withUnsafeBytes { try EditRule.touchedNames(edit.kind, Body($0)) }
  }
}

/// Names of fields, and maps of some of them.
enum FieldSet {
  /// The names whose values differ, or that one side alone has.
  static func differing(_ left: [UInt8]?, _ right: [UInt8]?) throws -> Set<[UInt8]> {
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

  /// The members of a fields map with these names, as a map of its own.
  static func subset(_ fields: [UInt8], _ names: Set<[UInt8]>) throws -> [UInt8] {
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
