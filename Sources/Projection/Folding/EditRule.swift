package import Journal

/// What an edit does to a record: the one table that holds on devices and on our server alike.
///
/// | edit | record lives | record is deleted or absent |
/// | --- | --- | --- |
/// | create | its fields are set | it comes to be with them |
/// | update | set and unset | no effect |
/// | put | replaced | it comes to be |
/// | delete | it is gone | no effect |
package enum EditRule {
  package struct Effect: Sendable {
    /// The fields afterwards; nil when the record does not exist.
    package var fields: [UInt8]?
    /// False for an update or delete of a record that is not there.
    package var hasEffect: Bool
  }

  /// What an edit leaves of a record's fields, copied only where they are put together anew.
  package enum Outcome {
    /// An update or delete of a record that is not there.
    case noEffect
    case gone
    /// The fields stand in the edit itself.
    case replaced(UnsafeRawBufferPointer)
    case merged([UInt8])
  }

  /// Applies one edit. Pure.
  package static func outcome(
    _ edit: EditContent, on fields: UnsafeRawBufferPointer?
  ) throws -> Outcome {
    switch edit.kind {
    case .create:
      let own = try required(edit)
      guard let fields else { return .replaced(own) }
      return .merged(try FieldMap.merge(base: fields, set: own, unset: []))
    case .update:
      guard let fields else { return .noEffect }
      let unset = try edit.unset.map { try names($0) } ?? []
      return .merged(try FieldMap.merge(base: fields, set: edit.fields, unset: unset))
    case .put:
      return .replaced(try required(edit))
    case .delete:
      return fields == nil ? .noEffect : .gone
    default:
      throw JournalError.damaged("\(edit.kind) is not an edit")
    }
  }

  /// Applies one edit to fields of one's own. Pure.
  package static func apply(
    _ kind: EntryKind, _ body: Body, to fields: [UInt8]?
  ) throws -> Effect {
    let edit = EditContent(kind, body)
    let outcome =
      if let fields {
        try fields.withUnsafeBytes { try Self.outcome(edit, on: $0) }
      } else {
        try Self.outcome(edit, on: nil)
      }
    switch outcome {
    case .noEffect: return Effect(fields: nil, hasEffect: false)
    case .gone: return Effect(fields: nil, hasEffect: true)
    case .replaced(let fields): return Effect(fields: [UInt8](fields), hasEffect: true)
    case .merged(let fields): return Effect(fields: fields, hasEffect: true)
    }
  }

  private static func required(_ edit: EditContent) throws -> UnsafeRawBufferPointer {
    guard let fields = edit.fields else {
      throw JournalError.damaged("an edit lacks its fields")
    }
    return fields
  }

  /// The names of the fields to unset, as raw UTF-8.
  package static func unset(_ body: Body) throws -> [UnsafeRawBufferPointer] {
    try body.raw(.unset).map { try names($0) } ?? []
  }

  private static func names(_ raw: UnsafeRawBufferPointer) throws -> [UnsafeRawBufferPointer] {
    var reader = CBORReader(raw)
    var names: [UnsafeRawBufferPointer] = []
    for _ in 0..<(try reader.arrayCount()) {
      names.append(UnsafeRawBufferPointer(rebasing: raw[try reader.text()]))
    }
    return names
  }

  /// The names of the fields an edit touches; nil when it touches the record as a whole.
  package static func touchedNames(_ kind: EntryKind, _ body: Body) throws -> Set<[UInt8]>? {
    guard kind == .create || kind == .update else { return nil }
    var names = Set(try unset(body).map { [UInt8]($0) })
    if let set = body.raw(kind == .create ? .fields : .set) {
      try FieldMap.members(of: set) { key, _, _ in names.insert([UInt8](set[key])) }
    }
    return names
  }
}
