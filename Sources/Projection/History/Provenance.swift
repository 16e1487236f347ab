import Journal

/// Who gave a record's visible fields their values, kept up to date from step to step.
///
/// A value that stays the same keeps its entry. One that changes gets the entry it was taken from: of
/// the base or of the overlay's edit that stands on top, as the fold itself puts them together.
struct Provenance {
  /// Where a value comes from; nil lies below the horizon.
  struct Mark: Equatable {
    /// The entry that holds the value.
    var source: SequenceNumber?
    /// The entry since which the value is visible without a break.
    var since: SequenceNumber?
  }

  /// A value with the entry that holds it.
  private struct Sourced {
    var value: [UInt8]
    var source: SequenceNumber?
  }

  /// A state of the record, put together from entries.
  private struct Sourcing {
    var existence: SequenceNumber??
    var fields: [[UInt8]: Sourced] = [:]
  }

  /// Fields by the bytes of their names.
  private(set) var fields: [[UInt8]: (value: [UInt8], mark: Mark)] = [:]
  /// The entry that made the record exist; nil when it does not exist.
  private(set) var existence: Mark?
  private var base = Sourcing()

  /// What is known of a record at the horizon: of its base nothing, of open edits themselves.
  init(_ row: RecordRow?, _ state: any FoldState) throws {
    guard let row else { return }
    if let fields = row.baseFields {
      base.existence = .some(nil)
      base.fields = try Self.values(fields).mapValues { Sourced(value: $0, source: nil) }
    }
    let sourcing = try sourcing(row, state)
    guard let visible = row.visible else { return }
    existence = Mark(source: sourcing.existence ?? nil, since: nil)
    for (name, value) in try Self.values(visible) {
      let found = sourcing.fields[name].flatMap { $0.value == value ? $0.source : nil }
      fields[name] = (value, Mark(source: found, since: nil))
    }
  }

  /// Follows one step of the record's story.
  mutating func follow(
    _ sequence: SequenceNumber, before: RecordRow?, after: RecordRow, _ state: any FoldState
  ) throws {
    if before?.baseFields != after.baseFields {
      try moveBase(sequence, to: after.baseFields)
    }
    let sourcing = try sourcing(after, state)
    let shown = try after.visible.map { try Self.values($0) }
    var moved: [[UInt8]: (value: [UInt8], mark: Mark)] = [:]
    for (name, value) in shown ?? [:] {
      if let known = fields[name], known.value == value {
        moved[name] = known
      } else if let found = sourcing.fields[name], found.value == value {
        moved[name] = (value, Mark(source: found.source, since: sequence))
      } else {
        moved[name] = (value, Mark(source: sequence, since: sequence))
      }
    }
    fields = moved
    if shown == nil {
      existence = nil
    } else if existence == nil {
      existence = Mark(source: sourcing.existence ?? sequence, since: sequence)
    }
    // Nothing lies on top: what is visible is the base.
    guard after.openCount == 0 else { return }
    base = Sourcing(
      existence: existence.map(\.source),
      fields: fields.mapValues { Sourced(value: $0.value, source: $0.mark.source) })
  }

  /// The base's values that stay keep their entry; those that were visible before came from here, and
  /// the server shows them back.
  private mutating func moveBase(_ sequence: SequenceNumber, to fields: [UInt8]?) throws {
    guard let fields else {
      base = Sourcing()
      return
    }
    if base.existence == nil { base.existence = existence.map(\.source) ?? sequence }
    var moved: [[UInt8]: Sourced] = [:]
    for (name, value) in try Self.values(fields) {
      if let known = base.fields[name], known.value == value {
        moved[name] = known
      } else if let shown = self.fields[name], shown.value == value {
        moved[name] = Sourced(value: value, source: shown.mark.source)
      } else {
        moved[name] = Sourced(value: value, source: sequence)
      }
    }
    base.fields = moved
  }

  /// The overlay on top of the base, as ``Overlay/store(in:_:)`` folds it.
  private func sourcing(_ row: RecordRow, _ state: any FoldState) throws -> Sourcing {
    var sourcing = base
    guard row.openCount > 0 else { return sourcing }
    for member in try Overlay(row, state).members {
      try Self.apply(member, to: &sourcing, state)
    }
    return sourcing
  }

  private static func apply(
    _ member: Overlay.Member, to sourcing: inout Sourcing, _ state: any FoldState
  ) throws {
    func set(_ fields: UnsafeRawBufferPointer, from source: SequenceNumber) throws {
      for (name, value) in try values(fields) {
        sourcing.fields[name] = Sourced(value: value, source: source)
      }
    }
    let (decided, isReplaced) = (
      try Overlay.decided(member, state), member.state.decision != 0
    )
    let source = isReplaced ? member.state.decision : member.sequence
    let kind = decided.edit.kind
    try decided.edit.body.withUnsafeBytes { bytes in
      let body = try Body(bytes)
      let edit = EditContent(kind, body)
      switch kind {
      case .update where sourcing.existence == nil: return
      case .delete: sourcing = Sourcing()
      default:
        if kind == .put { sourcing.fields = [:] }
        if sourcing.existence == nil { sourcing = Sourcing(existence: .some(member.sequence)) }
        if let fields = edit.fields { try set(fields, from: source) }
        for name in try EditRule.unset(body) { sourcing.fields[[UInt8](name)] = nil }
      }
    }
  }

  private static func values(_ fields: [UInt8]) throws -> [[UInt8]: [UInt8]] {
    try fields.withUnsafeBytes { try values($0) }
  }

  private static func values(_ fields: UnsafeRawBufferPointer) throws -> [[UInt8]: [UInt8]] {
    var values: [[UInt8]: [UInt8]] = [:]
    try FieldMap.members(of: fields) { key, _, value in
      values[[UInt8](fields[key])] = [UInt8](fields[value])
    }
    return values
  }
}
