public import Journal

/// What a server of plain records calls things.
///
/// The defaults are the commonest names; only the field that holds a record's version has none, for
/// without it nobody can tell which of two states is the newer one.
public struct RESTSettings: Sendable, Hashable {
  /// How a record that was made here comes to be at the server.
  public enum Creates: String, Sendable, Hashable, CaseIterable {
    /// `POST` to the collection without an id: the server gives one, and the record goes under it from
    /// then on.
    case post
    /// `POST` to the collection with the id it has here.
    case postWithID = "post-with-id"
    /// `PUT` under the id it has here. Repeating it harms nothing, whatever became of an answer.
    case put
  }

  /// The field of a record that changes with every change of it: milliseconds since 1970, or RFC 3339
  /// text with up to nine digits of a second. Stamps have to grow with every change of one record.
  public var versionField: String
  /// The field that holds a record's id.
  public var idField = "id"
  /// The query parameter that asks for what changed since a version.
  public var sinceParameter = "since"
  /// The field that is true in what is left of a deleted record.
  public var deletedField = "deleted"
  /// The member that records and lists are wrapped in, where they are.
  public var envelope: String?
  public var creates = Creates.post
  /// A field in which the server keeps the id a record had where it was made, and can be asked for by
  /// it. With ``Creates/post`` this is what tells whether a create whose answer was lost was carried out.
  public var clientIDField: String?
  /// How far the feed is read again behind the newest version known: at least as long as the server's
  /// transactions take, for some servers stamp before they commit.
  public var overlapMilliseconds: UInt64 = 120_000

  /// The defaults.
  public init(versionField: String) {
    self.versionField = versionField
  }

  /// As a remote's declaration holds them.
  ///
  /// - Throws: ``TransportError/invalidConfiguration(_:)`` for what is missing, empty or unknown.
  public init(_ options: Fields) throws(TransportError) {
    self.init(versionField: "")
    for (name, value) in options {
      switch (name, value) {
      case ("versionField", .string(let text)): versionField = text
      case ("idField", .string(let text)): idField = text
      case ("sinceParameter", .string(let text)): sinceParameter = text
      case ("deletedField", .string(let text)): deletedField = text
      case ("envelope", .string(let text)): envelope = text
      case ("clientIDField", .string(let text)): clientIDField = text
      case ("creates", .string(let text)):
        guard let creates = Creates(rawValue: text) else {
          throw .invalidConfiguration(
            "records are created by \(Creates.allCases.map(\.rawValue).joined(separator: ", ")), "
              + "not \"\(text)\"")
        }
        self.creates = creates
      case ("overlapMilliseconds", .integer(let number)) where number >= 0:
        overlapMilliseconds = UInt64(number)
      default: throw .invalidConfiguration("a remote of kind rest has no option \"\(name)\"")
      }
    }
    for (what, text) in [
      ("version", versionField), ("id", idField), ("since", sinceParameter),
      ("deleted", deletedField), ("envelope", envelope ?? "-"), ("client id", clientIDField ?? "-"),
    ] where text.isEmpty {
      throw .invalidConfiguration("a remote of kind rest needs a name for its \(what) field")
    }
  }

  /// For a remote's declaration.
  public var options: Fields {
    var options: Fields = [
      "versionField": .string(versionField), "idField": .string(idField),
      "sinceParameter": .string(sinceParameter), "deletedField": .string(deletedField),
      "creates": .string(creates.rawValue), "overlapMilliseconds": Value(overlapMilliseconds),
    ]
    if let envelope { options["envelope"] = .string(envelope) }
    if let clientIDField { options["clientIDField"] = .string(clientIDField) }
    return options
  }
}
