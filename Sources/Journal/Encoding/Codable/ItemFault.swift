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

/// The place of an element of an array, or of what a class has for its superclass.
struct PlaceKey: CodingKey {
  let stringValue: String
  let intValue: Int?

  init(index: Int) {
    stringValue = "\(index)"
    intValue = index
  }

  init(stringValue: String) {
    self.stringValue = stringValue
    intValue = nil
  }

  init(intValue: Int) {
    self.init(index: intValue)
  }

  static let `super` = PlaceKey(stringValue: "super")
}

/// A coding path as messages show it: names joined by dots.
func describe(_ path: [any CodingKey]) -> String {
  path.map(\.stringValue).joined(separator: ".")
}
