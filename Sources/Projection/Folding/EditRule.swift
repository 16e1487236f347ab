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

  /// Applies one edit. Pure.
  package static func apply(
    _ kind: EntryKind, _ body: Body, to fields: [UInt8]?
  ) throws -> Effect {
    switch kind {
    case .create:
      let own = try required(.fields, body)
      guard let fields else { return Effect(fields: [UInt8](own), hasEffect: true) }
      return Effect(fields: try merge(fields, set: own, unset: []), hasEffect: true)
    case .update:
      guard let fields else { return Effect(fields: nil, hasEffect: false) }
      return Effect(
        fields: try merge(fields, set: body.raw(.set), unset: unset(body)), hasEffect: true)
    case .put:
      return Effect(fields: [UInt8](try required(.fields, body)), hasEffect: true)
    case .delete:
      return Effect(fields: nil, hasEffect: fields != nil)
    default:
      throw JournalError.damaged("\(kind) is not an edit")
    }
  }

  /// The names of the fields to unset, as raw UTF-8.
  package static func unset(_ body: Body) throws -> [UnsafeRawBufferPointer] {
    guard let raw = body.raw(.unset) else { return [] }
    var reader = CBORReader(raw)
    var names: [UnsafeRawBufferPointer] = []
    for _ in 0..<(try reader.arrayCount()) {
      names.append(UnsafeRawBufferPointer(rebasing: raw[try reader.text()]))
    }
    return names
  }

  private static func required(_ key: BodyKey, _ body: Body) throws -> UnsafeRawBufferPointer {
    guard let raw = body.raw(key) else {
      throw JournalError.damaged("an edit lacks its \(key)")
    }
    return raw
  }

  private static func merge(
    _ fields: [UInt8], set: UnsafeRawBufferPointer?, unset: [UnsafeRawBufferPointer]
  ) throws -> [UInt8] {
    try fields.withUnsafeBytes { try FieldMap.merge(base: $0, set: set, unset: unset) }
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
