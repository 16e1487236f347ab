public import Journal

extension SchemaPart {
  /// How a record of an older form becomes one of the next form, whenever it is read as the type.
  ///
  /// ```swift
  /// static let schema = Schema<Fighter>("fighters", version: 2,
  ///   .upcast(from: 1, replacing: "name") { fields in
  ///     fields["nickname"] = fields["name"]
  ///   })
  /// ```
  ///
  /// Nothing that is stored changes: entries and rows stay as they were written, the server gets edits
  /// as they were made, and reads without a type show the stored fields. An update through the type
  /// writes the new form.
  ///
  /// A record is what edits of several devices have made of it, so no number says which form it is in;
  /// its fields do. One that has a field of `old`, or lacks one of `new`, is brought forward; the
  /// fields of `old` are gone afterwards. With neither, the closure sees every record that is read and
  /// must leave alone what is in the new form already.
  ///
  /// - Parameters:
  ///   - version: The form it begins with, 1 or more and below the schema's version. The upcasts of a
  ///     schema run in this order.
  ///   - old: Fields that only older forms have.
  ///   - new: Fields that the closure adds to every record.
  ///   - change: Pure; reads throw what it throws.
  public static func upcast(
    from version: UInt32, replacing old: String..., adding new: String...,
    with change: @escaping @Sendable (inout Fields) throws -> Void
  ) -> SchemaPart {
    let upcast = Upcast(from: version, old: old, new: new, change: change)
    return SchemaPart(
      register: { schema in
        guard version > 0, version < schema.version else {
          throw JournalError.invalidInput(
            "\(R.self) has an upcast from version \(version), and its schema is version "
              + "\(schema.version); an upcast begins at 1 or above, and below the schema's version")
        }
        guard schema.upcasts.insert(version).inserted else {
          throw JournalError.invalidInput(
            "\(R.self) has two upcasts from version \(version); make one of them")
        }
      }, upcast: upcast)
  }
}

/// One step from an older form of a record to the next.
struct Upcast: Sendable {
  let from: UInt32
  let old: [String]
  let new: [String]
  let change: @Sendable (inout Fields) throws -> Void

  /// Whether a record is in the older form, by its fields; nil where only the closure knows.
  func isOlder(_ hasField: (String) throws -> Bool) rethrows -> Bool? {
    if old.isEmpty, new.isEmpty { return nil }
    return try old.contains(where: hasField) || !new.allSatisfy(hasField)
  }

  func run(_ fields: inout Fields, _ collection: String) throws {
    guard let isOlder = isOlder({ fields[$0] != nil }) else {
      return try runUnmarked(&fields, collection)
    }
    guard isOlder else { return }
    try change(&fields)
    for name in old { fields[name] = nil }
    for name in new where fields[name] == nil {
      throw JournalError.invalidInput(
        "the upcast of \(collection) from version \(from) is to add the field \"\(name)\" and has "
          + "not; set it in every case")
    }
  }

  /// Twice would be once too often, and nothing remembers that a record was brought forward.
  private func runUnmarked(_ fields: inout Fields, _ collection: String) throws {
    let before = fields
    try change(&fields)
    guard fields != before else { return }
    var again = fields
    try change(&again)
    guard again == fields else {
      throw JournalError.invalidInput(
        "the upcast of \(collection) from version \(from) changes again what it has brought forward; "
          + "let it look for a field that only the older form has")
    }
  }
}

/// The upcasts of one schema, from the oldest form on.
struct UpcastChain: Sendable {
  private let upcasts: [Upcast]

  init(_ upcasts: [Upcast]) {
    self.upcasts = upcasts.sorted { $0.from < $1.from }
  }

  var isEmpty: Bool { upcasts.isEmpty }

  /// The fields in the newest form; nil when they are already. Looks up a few names where that is so.
  func forward(_ fields: UnsafeRawBufferPointer, _ collection: String) throws -> [UInt8]? {
    let first = try upcasts.firstIndex { upcast in
      try upcast.isOlder { try FieldMap.value(named: $0, in: fields) != nil } ?? true
    }
    guard let first else { return nil }
    let before = try Snapshot.decode(fields)
    var after = before
    for upcast in upcasts[first...] { try upcast.run(&after, collection) }
    guard after != before else { return nil }
    var writer = CBORWriter(reserving: fields.count)
    try writer.fields(after)
    return writer.bytes
  }
}
