import Journal

/// Writes the source of types, two spaces to a level.
struct SourceWriter {
  private struct Property {
    var name: String
    var key: String
    var shape: Shape
  }

  private(set) var text = ""
  private var level = 0

  mutating func line(_ line: String) {
    text += line.isEmpty ? "\n" : String(repeating: "  ", count: level) + line + "\n"
  }

  /// - Parameter record: The collection, where the type is a record's.
  /// - Throws: `JournalError.invalidInput` for two members with one name in Swift, and one with none.
  mutating func declare(_ name: String, _ shape: ObjectShape, record collection: String?) throws {
    let properties = try properties(of: shape, isRecord: collection != nil)
    line("struct \(name): \(collection == nil ? "Codable, Sendable" : "Record"), Equatable {")
    level += 1
    if let collection {
      line("static let schema = Schema<\(name)>(\(JSONText.string(.string(collection))))")
      line("var id = RecordID<\(name)>()")
    }
    var nested: [(String, ObjectShape)] = []
    for property in properties {
      let (type, note) = try swiftType(of: property.shape, property.name, &nested)
      line("var \(SwiftName.quoted(property.name)): \(type)\(note)")
    }
    if properties.contains(where: { $0.name != $0.key }) {
      line("")
      line("enum CodingKeys: String, CodingKey {")
      level += 1
      if collection != nil { line("case id") }
      for property in properties {
        let name = SwiftName.quoted(property.name)
        let raw =
          property.name == property.key ? "" : " = \(JSONText.string(.string(property.key)))"
        line("case \(name)\(raw)")
      }
      level -= 1
      line("}")
    }
    for (name, shape) in nested {
      line("")
      try declare(name, shape, record: nil)
    }
    level -= 1
    line("}")
  }

  private func properties(of shape: ObjectShape, isRecord: Bool) throws -> [Property] {
    var keys: [String: String] = isRecord ? ["id": "id"] : [:]
    var properties: [Property] = []
    for (bytes, shape) in shape.members.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let key = String(decoding: bytes, as: UTF8.self)
      let name = SwiftName.property(key)
      guard SwiftName.isIdentifier(name) else {
        throw JournalError.invalidInput("field \"\(key)\" gives no name of a property")
      }
      if let other = keys.updateValue(key, forKey: name) {
        throw JournalError.invalidInput(
          "fields \"\(other)\" and \"\(key)\" would both be the property \(name)")
      }
      properties.append(Property(name: name, key: key, shape: shape))
    }
    return properties.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// A type, and what is to be said behind it.
  private func swiftType(
    of shape: Shape, _ name: String, _ nested: inout [(String, ObjectShape)]
  ) throws -> (type: String, note: String) {
    let mark = shape.isOptional ? "?" : ""
    switch shape.kind {
    case nil: return ("String?", "  // null in every sample: say its type")
    case .bool: return ("Bool" + mark, "")
    case .integer: return ("Int" + mark, "")
    case .unsigned: return ("UInt64" + mark, "")
    case .double: return ("Double" + mark, "")
    case .string: return ("String" + mark, "")
    case .array:
      guard let element = shape.elements.first else {
        return ("[String]" + mark, "  // empty in every sample: say its elements' type")
      }
      let (type, note) = try swiftType(of: element, name, &nested)
      return ("[\(type)]\(mark)", note)
    case .object(let object):
      let type = SwiftName.type(name)
      nested.append((type, object))
      return (type + mark, "")
    }
  }
}
