/// Why an item cannot be decoded as what was asked for, before the place is known.
enum ItemFault: Error {
  /// An item of another type; the text says of which, or what the type lacks.
  case mismatch(String)
  /// A null where there has to be a value.
  case null
  /// Bytes that are no well-formed item, or whose content the type does not allow.
  case corrupt(String)

  /// The error Codable has for it.
  func error(_ type: any Any.Type, _ path: @autoclosure () -> [any CodingKey]) -> DecodingError {
    switch self {
    case .mismatch(let text):
      .typeMismatch(type, .init(codingPath: path(), debugDescription: text))
    case .null:
      .valueNotFound(type, .init(codingPath: path(), debugDescription: "found null"))
    case .corrupt(let text):
      .dataCorrupted(.init(codingPath: path(), debugDescription: text))
    }
  }
}

/// The place of an element of an array. One word, so that no path has to allocate for it.
struct IndexKey: CodingKey {
  let index: Int

  init(_ index: Int) {
    self.index = index
  }

  init?(stringValue: String) {
    guard let index = Int(stringValue) else { return nil }
    self.index = index
  }

  init(intValue: Int) {
    index = intValue
  }

  var stringValue: String { "\(index)" }
  var intValue: Int? { index }
}

/// The place of what a class has for its superclass.
enum SuperKey: String, CodingKey {
  case `super`
}

/// A coding path as messages show it: names joined by dots.
func describe(_ path: [any CodingKey]) -> String {
  path.map(\.stringValue).joined(separator: ".")
}
