extension CBORWriter {
  /// Writes a value with everything in it.
  ///
  /// - Throws: ``JournalError/invalidInput(_:)`` for a double that is not finite and for
  ///   containers nested more than `maxDepth` deep; what was appended until then stays.
  package mutating func value(_ value: Value, maxDepth: Int = 32) throws(JournalError) {
    switch value {
    case .null: null()
    case .bool(let value): bool(value)
    case .integer(let value): integer(value)
    case .unsigned(let value): unsigned(value)
    case .double(let value): try double(value)
    case .string(let value): text(value)
    case .bytes(let value): data(value)
    case .array(let values):
      try Self.check(maxDepth)
      array(count: values.count)
      for value in values { try self.value(value, maxDepth: maxDepth - 1) }
    case .object(let fields):
      try self.fields(fields, maxDepth: maxDepth)
    case .reference(let collection, let key):
      try Self.check(maxDepth)
      reference(collection: collection, key: key)
    }
  }

  /// Writes fields as a map with text keys.
  ///
  /// - Throws: as ``value(_:maxDepth:)`` does.
  package mutating func fields(_ fields: Fields, maxDepth: Int = 32) throws(JournalError) {
    try Self.check(maxDepth)
    map(count: fields.count)
    // The fields are in the order of their bytes: taking them by length makes that CBOR's order.
    guard fields.count <= 16 else {
      for (name, value) in fields.sorted(by: { $0.name.utf8.count < $1.name.utf8.count }) {
        text(name)
        try self.value(value, maxDepth: maxDepth - 1)
      }
      return
    }
    var length = -1
    while let next = Self.length(after: length, in: fields) {
      for (name, value) in fields where name.utf8.count == next {
        text(name)
        try self.value(value, maxDepth: maxDepth - 1)
      }
      length = next
    }
  }

  /// The shortest length of a name above `length`; nil when there is none.
  private static func length(after length: Int, in fields: Fields) -> Int? {
    var next: Int?
    for field in fields where field.name.utf8.count > length {
      next = min(next ?? .max, field.name.utf8.count)
    }
    return next
  }

  /// Writes a reference to a record.
  package mutating func reference(collection: String, key: String) {
    head(CBORMajor.tag, CBORMajor.referenceTag)
    array(count: 2)
    text(collection)
    text(key)
  }

  private static func check(_ depth: Int) throws(JournalError) {
    guard depth > 0 else { throw .invalidInput("a value is nested too deep") }
  }
}
