/// Names in the form Swift's own have.
enum SwiftName {
  /// `pocket_change` and `pocket-change` as `pocketChange`.
  static func property(_ text: String) -> String {
    let words = words(of: text)
    guard let first = words.first else { return "" }
    let name = lowered(first) + words.dropFirst().map(capitalised).joined()
    return name.first?.isNumber == true ? "_" + name : name
  }

  /// `people` as `People`, `line-items` as `LineItems`.
  static func type(_ text: String) -> String {
    words(of: text).map(capitalised).joined()
  }

  /// As it is written in source.
  static func quoted(_ name: String) -> String {
    keywords.contains(name) ? "`\(name)`" : name
  }

  static func isIdentifier(_ name: String) -> Bool {
    guard let first = name.first, first.isLetter || first == "_" else { return false }
    return name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
  }

  private static func words(of text: String) -> [Substring] {
    text.split { !$0.isLetter && !$0.isNumber }
  }

  private static func capitalised(_ word: Substring) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  /// `URL` as `url`, `firstName` and `FirstName` as `firstName`.
  private static func lowered(_ word: Substring) -> String {
    word.allSatisfy { !$0.isLowercase }
      ? word.lowercased() : word.prefix(1).lowercased() + word.dropFirst()
  }

  private static let keywords: Set<String> = [
    "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer",
    "deinit",
    "do", "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func",
    "guard",
    "if", "import", "in", "init", "inout", "internal", "is", "let", "nil", "operator",
    "precedencegroup",
    "private", "protocol", "public", "repeat", "rethrows", "return", "self", "static", "struct",
    "subscript", "super", "switch", "throw", "throws", "true", "try", "typealias", "var", "where",
    "while", "Any", "Self", "Type",
  ]
}
