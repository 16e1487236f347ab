import Journal

/// The Swift source of a record's type, made from samples of its JSON.
///
/// Pure: the same text gives the same source. All elements of an array are looked at, not the first one
/// alone, so that what is missing or null in one of them is optional.
struct RecordGenerator {
  /// The type's name.
  var typeName: String
  /// The collection its records are in.
  var collection: String
  /// The member of the sample under which the records stand; nil takes the sample itself.
  var topLevelKey: String?

  /// - Parameter path: Where the sample comes from: its last segment, without an extension, names the
  ///   collection and, in capitals and small letters, the type.
  /// - Throws: `JournalError.invalidInput` when that is no name.
  init(path: String, name: String? = nil, topLevelKey: String? = nil) throws {
    let segment = path.split(separator: "/").last ?? ""
    let stem = segment.first == "." ? segment : segment.prefix { $0 != "." }
    collection = stem.isEmpty ? name.map { SwiftName.property($0) } ?? "" : String(stem)
    typeName = SwiftName.type(name ?? String(stem))
    self.topLevelKey = topLevelKey
    guard SwiftName.isIdentifier(typeName), !collection.isEmpty else {
      throw JournalError.invalidInput(
        "\"\(name ?? String(stem))\" gives no name of a type; give one with --name")
    }
  }

  /// The source for a sample: one object, or an array of some.
  ///
  /// - Throws: `JournalError.invalidInput` for text that is no JSON, an empty or nested array, anything
  ///   that is no object, and fields whose values fit no one type.
  func source(of json: String) throws -> String {
    var value = try JSONText.parse(json)
    if let topLevelKey {
      guard case .object(let members) = value, let member = members[topLevelKey] else {
        throw JournalError.invalidInput("the sample has no member \"\(topLevelKey)\"")
      }
      value = member
    }
    var shape = ObjectShape()
    switch value {
    case .object(let fields): try shape.add(fields, "")
    case .array(let elements):
      guard !elements.isEmpty else {
        throw JournalError.invalidInput(
          "the sample is an empty array, which shows no field; take one with a record in it")
      }
      for (index, element) in elements.enumerated() {
        guard case .object(let fields) = element else {
          throw JournalError.invalidInput(
            "element \(index) of the sample is no object; a record is one")
        }
        try shape.add(fields, "")
      }
    default:
      throw JournalError.invalidInput("the sample is neither an object nor an array of some")
    }
    // The key of a record is its `id`, and no field.
    shape.members[Array("id".utf8)] = nil
    var writer = SourceWriter()
    writer.line("import Projection")
    writer.line("")
    writer.line("/// A record of `\(collection)`, as \(shape.count) of them showed it.")
    try writer.declare(typeName, shape, record: collection)
    return writer.text
  }
}

/// What values under one name have in common.
struct Shape {
  enum Kind {
    case bool, integer, unsigned, double, string
    case array
    case object(ObjectShape)
  }

  var kind: Kind?
  /// Whether it was null or missing somewhere.
  var isOptional = false
  /// Of an array's elements.
  var elements: [Shape] = []

  /// - Throws: `JournalError.invalidInput` for values that fit no one type.
  mutating func add(_ value: Value, _ path: String) throws {
    switch (kind, value) {
    case (_, .null): isOptional = true
    case (nil, .object(let fields)), (.object?, .object(let fields)):
      var shape = ObjectShape()
      if case .object(let known)? = kind { shape = known }
      try shape.add(fields, path + ".")
      kind = .object(shape)
    case (nil, .array(let values)), (.array?, .array(let values)):
      kind = .array
      for value in values {
        if elements.isEmpty { elements.append(Shape()) }
        try elements[0].add(value, path + "[]")
      }
    case (nil, .bool), (.bool?, .bool): kind = .bool
    case (nil, .string), (.string?, .string): kind = .string
    case (nil, .integer), (.integer?, .integer): kind = .integer
    case (nil, .unsigned), (.unsigned?, .unsigned): kind = .unsigned
    case (.integer?, .unsigned), (.unsigned?, .integer):
      throw JournalError.invalidInput(
        "field \(path) has values beyond both Int and UInt64; no one type holds them")
    case (nil, .double), (.double?, .double), (.integer?, .double), (.double?, .integer):
      kind = .double
    default:
      throw JournalError.invalidInput(
        "field \(path) has values of several types; no one type of Swift holds them")
    }
  }
}

/// What objects have in common: their members, and how many of them there were.
struct ObjectShape {
  /// By the bytes of their names.
  var members: [[UInt8]: Shape] = [:]
  var count = 0

  mutating func add(_ fields: Fields, _ path: String) throws {
    for (name, value) in fields {
      var shape = members[Array(name.utf8)] ?? Shape(isOptional: count > 0)
      try shape.add(value, path + name)
      members[Array(name.utf8)] = shape
    }
    for name in members.keys where fields[String(decoding: name, as: UTF8.self)] == nil {
      members[name]?.isOptional = true
    }
    count += 1
  }
}
