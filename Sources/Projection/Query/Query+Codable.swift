import Journal

/// The form a query has wherever it is stored, in JSON or in a record. It stays readable by later
/// releases:
///
/// ```json
/// {"collection":"notes","limit":10,"offset":0,
///  "sort":[{"descending":true,"field":"rank"}],
///  "where":{"all":[{"compare":{"field":"done","operator":"=","value":{"bool":false}}}]}}
/// ```
///
/// `limit`, `offset` and `sort` may be left out: nil, 0 and none.
extension Query: Codable {
  private enum CodingKeys: String, CodingKey {
    case collection, sort, limit, offset
    case filter = "where"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(String.self, forKey: .collection),
      where: try container.decode(Filter.self, forKey: .filter),
      sort: try container.decodeIfPresent([Sort].self, forKey: .sort) ?? [],
      limit: try container.decodeIfPresent(Int.self, forKey: .limit),
      offset: try container.decodeIfPresent(Int.self, forKey: .offset) ?? 0)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(collection, forKey: .collection)
    try container.encode(filter, forKey: .filter)
    try container.encode(sort, forKey: .sort)
    try container.encodeIfPresent(limit, forKey: .limit)
    try container.encode(offset, forKey: .offset)
  }
}

extension Query.Sort: Codable {
  private enum CodingKeys: String, CodingKey {
    case field
    case isDescending = "descending"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(String.self, forKey: .field),
      descending: try container.decodeIfPresent(Bool.self, forKey: .isDescending) ?? false)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(field, forKey: .field)
    try container.encode(isDescending, forKey: .isDescending)
  }
}

extension Query.Condition.Operator: Codable {}

extension Query.Condition: Codable {
  private enum CodingKeys: String, CodingKey {
    case field, `operator`, value
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode(String.self, forKey: .field),
      try container.decode(Operator.self, forKey: .operator),
      try container.decode(TaggedValue.self, forKey: .value).value)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(field, forKey: .field)
    try container.encode(self.operator, forKey: .operator)
    try container.encode(TaggedValue(value: value), forKey: .value)
  }
}

extension Filter: Codable {
  private enum CodingKeys: String, CodingKey {
    case compare, prefix, absent, all, any, not
  }

  private struct Prefix: Codable {
    var field: String
    var text: String
  }

  /// - Throws: `DecodingError` for another form, or groups within groups over 60 deep.
  public init(from decoder: any Decoder) throws {
    try checkDepth(decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard container.allKeys.count == 1, let key = container.allKeys.first else {
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: "a filter is one of compare, prefix, absent, all, any and not"))
    }
    switch key {
    case .compare: self = .compare(try container.decode(Query.Condition.self, forKey: key))
    case .prefix:
      let prefix = try container.decode(Prefix.self, forKey: key)
      self = .prefix(field: prefix.field, prefix.text)
    case .absent: self = .absent(field: try container.decode(String.self, forKey: key))
    case .all: self = .all(try container.decode([Filter].self, forKey: key))
    case .any: self = .any(try container.decode([Filter].self, forKey: key))
    case .not: self = .not(try container.decode(Filter.self, forKey: key))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .compare(let condition): try container.encode(condition, forKey: .compare)
    case .prefix(let field, let text):
      try container.encode(Prefix(field: field, text: text), forKey: .prefix)
    case .absent(let field): try container.encode(field, forKey: .absent)
    case .all(let filters): try container.encode(filters, forKey: .all)
    case .any(let filters): try container.encode(filters, forKey: .any)
    case .not(let filter): try container.encode(filter, forKey: .not)
    }
  }
}

extension Filter {
  /// The comparisons of one field, however deep in groups they stand, in order; those within a
  /// ``not(_:)`` too.
  public func comparisons(of field: String) -> [Query.Condition] {
    switch self {
    case .compare(let condition):
      condition.field.utf8.elementsEqual(field.utf8) ? [condition] : []
    case .prefix, .absent: []
    case .all(let filters), .any(let filters): filters.flatMap { $0.comparisons(of: field) }
    case .not(let filter): filter.comparisons(of: field)
    }
  }
}

/// Input decides how deep it is, the stack how deep it may be.
private func checkDepth(_ decoder: any Decoder) throws {
  guard decoder.codingPath.count <= 128 else {
    throw DecodingError.dataCorrupted(
      .init(codingPath: decoder.codingPath, debugDescription: "it is nested too deep"))
  }
}

/// A value that names its type, so that 1 and 1.0 stay apart in formats that know one kind of number:
/// `{"integer":1}`, `{"string":"Milk"}`, `{"object":[{"name":"a","value":{"null":true}}]}`, …
private struct TaggedValue: Codable {
  var value: Value

  private enum CodingKeys: String, CodingKey {
    case null, bool, integer, unsigned, double, string, bytes, array, object, reference
  }

  private struct Member: Codable {
    var name: String
    var value: TaggedValue
  }

  init(value: Value) {
    self.value = value
  }

  init(from decoder: any Decoder) throws {
    try checkDepth(decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func corrupted(_ text: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: text))
    }
    guard container.allKeys.count == 1, let key = container.allKeys.first else {
      throw corrupted("a value names its one type")
    }
    switch key {
    case .null: value = .null
    case .bool: value = .bool(try container.decode(Bool.self, forKey: key))
    case .integer: value = .integer(try container.decode(Int64.self, forKey: key))
    case .unsigned: value = Value(try container.decode(UInt64.self, forKey: key))
    case .double: value = .double(try container.decode(Double.self, forKey: key))
    case .string: value = .string(try container.decode(String.self, forKey: key))
    case .bytes:
      guard let bytes = Base64.decode(try container.decode(String.self, forKey: key)) else {
        throw corrupted("bytes are base64")
      }
      value = .bytes(bytes)
    case .array:
      value = .array(try container.decode([TaggedValue].self, forKey: key).map(\.value))
    case .object:
      var fields = Fields()
      for member in try container.decode([Member].self, forKey: key) {
        guard fields[member.name] == nil else { throw corrupted("a member stands twice") }
        fields[member.name] = member.value.value
      }
      value = .object(fields)
    case .reference:
      let parts = try container.decode([String].self, forKey: key)
      guard parts.count == 2 else { throw corrupted("a reference is a collection and a key") }
      value = .reference(collection: parts[0], key: parts[1])
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    switch value {
    case .null: try container.encode(true, forKey: .null)
    case .bool(let value): try container.encode(value, forKey: .bool)
    case .integer(let value): try container.encode(value, forKey: .integer)
    case .unsigned(let value): try container.encode(value, forKey: .unsigned)
    case .double(let value): try container.encode(value, forKey: .double)
    case .string(let value): try container.encode(value, forKey: .string)
    case .bytes(let value): try container.encode(Base64.encode(value), forKey: .bytes)
    case .array(let values):
      try container.encode(values.map { TaggedValue(value: $0) }, forKey: .array)
    case .object(let fields):
      let members = fields.map { Member(name: $0.name, value: TaggedValue(value: $0.value)) }
      try container.encode(members, forKey: .object)
    case .reference(let collection, let key):
      try container.encode([collection, key], forKey: .reference)
    }
  }
}
