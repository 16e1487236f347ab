import Journal

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A filter made ready for many records: asked of their stored form, of which only numbers, arrays and objects
/// are decoded.
///
/// Means what ``Filter/matches(_:)`` means.
struct PreparedFilter {
  private indirect enum Node {
    case compare(Comparing)
    case prefix(name: [UInt8], [UInt8])
    case absent(name: [UInt8])
    case all([Node])
    case any([Node])
    case not(Node)
  }

  private struct Comparing {
    let name: [UInt8]
    let condition: Query.Condition
    /// The value as a record stores it; for ``Query/Condition/Operator/in`` one for each element.
    let stored: [[UInt8]]
    /// Whether equal values have equal bytes.
    let isPlain: Bool
    /// The bytes of a text.
    let text: [UInt8]?
  }

  private let root: Node

  init(_ filter: Filter) throws {
    root = try Self.prepare(filter)
  }

  private static func prepare(_ filter: Filter) throws -> Node {
    switch filter {
    case .compare(let condition): .compare(try comparing(condition))
    case .prefix(let field, let prefix): .prefix(name: Array(field.utf8), Array(prefix.utf8))
    case .absent(let field): .absent(name: Array(field.utf8))
    case .all(let filters): .all(try filters.map(prepare))
    case .any(let filters): .any(try filters.map(prepare))
    case .not(let filter): .not(try prepare(filter))
    }
  }

  private static func comparing(_ condition: Query.Condition) throws -> Comparing {
    var values = [condition.value]
    if condition.operator == .in {
      values = if case .array(let elements) = condition.value { elements } else { [] }
    }
    var text: [UInt8]?
    if case .string(let string) = condition.value { text = Array(string.utf8) }
    return Comparing(
      name: Array(condition.field.utf8), condition: condition,
      stored: try values.map { value in
        var writer = CBORWriter(reserving: 32)
        try writer.value(value)
        return writer.bytes
      },
      isPlain: values.allSatisfy(isPlain), text: text)
  }

  private static func isPlain(_ value: Value) -> Bool {
    switch value {
    case .null, .bool, .string, .bytes, .reference: true
    case .integer, .unsigned, .double, .array, .object: false
    }
  }

  /// Whether a record with these fields is meant.
  ///
  /// - Throws: `JournalError.damaged` for bytes that are no fields.
  func matches(_ fields: UnsafeRawBufferPointer) throws -> Bool {
    try Self.matches(root, fields)
  }

  private static func matches(_ node: Node, _ fields: UnsafeRawBufferPointer) throws -> Bool {
    switch node {
    case .compare(let comparing):
      guard let found = try value(comparing.name, fields) else {
        return comparing.condition.operator == .notEqual
      }
      return try matches(comparing, found)
    case .prefix(let name, let prefix):
      guard let text = try value(name, fields).flatMap(text) else { return false }
      return text.starts(with: prefix)
    case .absent(let name):
      guard let found = try value(name, fields) else { return true }
      var reader = CBORReader(found)
      return reader.skipNull()
    case .all(let nodes):
      for node in nodes where try !matches(node, fields) { return false }
      return true
    case .any(let nodes):
      for node in nodes where try matches(node, fields) { return true }
      return false
    case .not(let node):
      return try !matches(node, fields)
    }
  }

  private static func matches(
    _ comparing: Comparing, _ found: UnsafeRawBufferPointer
  ) throws -> Bool {
    switch comparing.condition.operator {
    case .equal where comparing.isPlain, .in where comparing.isPlain:
      return comparing.stored.contains { found.elementsEqual($0) }
    case .notEqual where comparing.isPlain:
      return !found.elementsEqual(comparing.stored[0])
    case .contains:
      guard let part = comparing.text, let whole = try text(found) else { break }
      return has(whole, part)
    case .less, .lessOrEqual, .greater, .greaterOrEqual:
      guard let bound = comparing.text else { break }
      guard let text = try text(found) else { return false }
      let order = Comparison.bytes(text, bound)
      switch comparing.condition.operator {
      case .less: return order < 0
      case .lessOrEqual: return order <= 0
      case .greater: return order > 0
      default: return order >= 0
      }
    default: break
    }
    var reader = CBORReader(found)
    return comparing.condition.matches(try reader.value(maxDepth: Limits.depth))
  }

  private static func value(
    _ name: [UInt8], _ fields: UnsafeRawBufferPointer
  ) throws -> UnsafeRawBufferPointer? {
    try name.withUnsafeBytes { name in
      try FieldMap.value(named: name, in: fields).map {
        UnsafeRawBufferPointer(rebasing: fields[$0])
      }
    }
  }

  /// The bytes of a text; nil of any other value.
  private static func text(_ value: UnsafeRawBufferPointer) throws -> UnsafeRawBufferPointer? {
    var reader = CBORReader(value)
    guard try reader.peekMajor() == 3 else { return nil }
    return UnsafeRawBufferPointer(rebasing: value[try reader.text()])
  }

  private static func has(_ whole: UnsafeRawBufferPointer, _ part: [UInt8]) -> Bool {
    guard let first = part.first else { return true }
    var rest = whole
    while part.count <= rest.count, let start = rest.baseAddress {
      // Where its first byte stands, looked for by the machine's own search.
      guard let found = memchr(start, Int32(first), rest.count - part.count + 1) else {
        return false
      }
      let offset = UnsafeRawPointer(found) - start
      if memcmp(found, part, part.count) == 0 { return true }
      rest = UnsafeRawBufferPointer(rebasing: rest[(offset + 1)...])
    }
    return false
  }
}
