import ArgumentParser
import Journal
import Transport

/// What a server of plain records calls things.
struct RESTOptions: ParsableArguments {
  @Option(help: "The field that holds a record's version: milliseconds since 1970, or RFC 3339.")
  var versionField: String?
  @Option(help: "The field that holds a record's id (default: id).") var idField: String?
  @Option(help: "The query parameter that asks for what changed since a version (default: since).")
  var sinceParameter: String?
  @Option(help: "The field that is true in a deleted record (default: deleted).")
  var deletedField: String?
  @Option(help: "The member records and lists are wrapped in (default: none).")
  var envelope: String?
  @Option(help: "How records are created: post, post-with-id, put (default: post).")
  var creates: String?
  @Option(help: "The field that keeps the id a record had where it was made (default: none).")
  var clientIDField: String?
  @Option(help: "Seconds of the feed to read again each time (default: 120).")
  var overlap: UInt32?

  private var texts: [(name: String, text: String?)] {
    [
      ("versionField", versionField), ("idField", idField), ("sinceParameter", sinceParameter),
      ("deletedField", deletedField), ("envelope", envelope), ("clientIDField", clientIDField),
      ("creates", creates),
    ]
  }

  var isEmpty: Bool { texts.allSatisfy { $0.text == nil } && overlap == nil }

  func settings() throws -> RESTSettings {
    guard versionField != nil else {
      throw Finding.usage(
        "a remote of kind rest needs --version-field, the field that changes with a record")
    }
    var options = Fields()
    for (name, text) in texts where text != nil { options[name] = text.map { .string($0) } }
    if let overlap { options["overlapMilliseconds"] = .integer(Int64(overlap) * 1000) }
    return try RESTSettings(options)
  }
}
