/// Why a value cannot be encoded, before the place is known.
enum EncodingFault: Error {
  case notFinite(Double)
  case tooDeep
  case tooLarge
  case name(Int)
  case twice(String)
  case noObject
  case twoForms
  case outOfTurn
  case unsupported(String)

  /// The error Codable has for it.
  func error(_ path: [any CodingKey]) -> EncodingError {
    .invalidValue(text, .init(codingPath: path, debugDescription: text))
  }

  private var text: String {
    switch self {
    case .notFinite(let value): "\(value) is not a finite number"
    case .tooDeep: "it is nested more than \(Limits.depth) deep"
    case .tooLarge: "it is over the limit of 1 MiB"
    case .name(let bytes): "a field's name has \(bytes) bytes; 1 to 128 are allowed"
    case .twice(let name): "`\(name)` is encoded twice"
    case .noObject: "a record is an object, not a single value or an array"
    case .twoForms: "it is encoded in two forms at once"
    case .outOfTurn: "a container was used after another value was begun"
    case .unsupported(let text): text
    }
  }
}
