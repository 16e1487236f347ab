import Journal

/// A filter made ready for many records: asked of their stored form, of which only numbers, arrays and objects
/// are decoded.
///
/// Means what ``Filter/matches(_:)`` means. All fields it names are found in one pass over a record, and what is
/// cheap to ask is asked first. Not safe for use by two threads at once.
struct PreparedFilter {
  private let finder: FieldFinder
  private let root: FilterTest

  init(_ filter: Filter) throws {
    var names: [[UInt8]] = []
    root = try Self.prepare(filter, &names)
    finder = FieldFinder(names)
  }

  /// Whether a record with these fields is meant.
  ///
  /// - Throws: `JournalError.damaged` for bytes that are no fields.
  func matches(_ fields: UnsafeRawBufferPointer) throws -> Bool {
    try finder.find(in: fields)
    return try root.matches(finder)
  }

  private static func prepare(_ filter: Filter, _ names: inout [[UInt8]]) throws -> FilterTest {
    func place(_ field: String) -> Int {
      names.append(Array(field.utf8))
      return names.count - 1
    }
    switch filter {
    case .compare(let condition): return try comparing(condition, place(condition.field))
    case .prefix(let field, let prefix): return PrefixTest(place(field), prefix)
    case .absent(let field): return AbsentTest(place(field))
    case .all(let filters):
      return JoinTest(try filters.map { try prepare($0, &names) }, endsWith: false)
    case .any(let filters):
      return JoinTest(try filters.map { try prepare($0, &names) }, endsWith: true)
    case .not(let filter): return NotTest(try prepare(filter, &names))
    }
  }

  private static func comparing(_ condition: Query.Condition, _ place: Int) throws -> FilterTest {
    if case .string(let text) = condition.value, let test = TextTest(place, condition, text) {
      return test
    }
    var values = [condition.value]
    switch condition.operator {
    case .equal, .notEqual: break
    case .in: values = if case .array(let elements) = condition.value { elements } else { [] }
    default: return ValueTest(place, condition)
    }
    guard values.allSatisfy(isPlain) else { return ValueTest(place, condition) }
    let stored = try values.map { value in
      var writer = CBORWriter(reserving: 32)
      try writer.value(value)
      return writer.bytes
    }
    return BytesTest(place, stored, isWanted: condition.operator != .notEqual)
  }

  /// Whether equal values have equal bytes.
  private static func isPlain(_ value: Value) -> Bool {
    switch value {
    case .null, .bool, .string, .bytes, .reference: true
    case .integer, .unsigned, .double, .array, .object: false
    }
  }
}
