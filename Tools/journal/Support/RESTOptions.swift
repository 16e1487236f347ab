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
  @Option(help: "Seconds of the feed to read again each time (default: 120; for kind kinto 10).")
  var overlap: UInt32?

  @Option(help: "How a list is asked for what changed: param, header, none (default: param).")
  var since: String?
  @Option(help: "How a list goes on: none, link, member, page, offset (default: none).")
  var paging: String?
  @Option(help: "Records to a page (default: 100).") var pageSize: Int?
  @Option(help: "The query parameter for the page or offset (default: page, offset).")
  var pageParameter: String?
  @Option(help: "The query parameter for the page size (default: per_page, limit).")
  var pageSizeParameter: String?
  @Option(help: "The member that names the next page, such as links.next.") var nextMember: String?
  @Option(help: "The member lists are wrapped in, where it is another one.")
  var listEnvelope: String?
  @Flag(help: "Ask with If-None-Match: for servers that make ETags from the content.")
  var etags = false
  @Option(help: "How updates are sent: patch, put (default: patch).") var updates: String?
  @Option(help: "Which answers may leave fields out: none, answers, all (default: none).")
  var partial: String?
  @Option(help: "What is compared before an edit: none, version, etag (default: none).")
  var preconditions: String?
  @Flag(help: "What a list does not show is gone; needs --since none.") var completeLists = false
  @Option(help: "A status that means: come back later.") var laterStatus: [Int] = []

  private var texts: [(name: String, text: String?)] {
    [
      ("versionField", versionField), ("idField", idField), ("sinceParameter", sinceParameter),
      ("deletedField", deletedField), ("envelope", envelope), ("clientIDField", clientIDField),
      ("creates", creates), ("differential", since), ("paging", paging),
      ("pageParameter", pageParameter), ("pageSizeParameter", pageSizeParameter),
      ("nextMember", nextMember), ("listEnvelope", listEnvelope), ("updates", updates),
      ("partial", partial), ("preconditions", preconditions),
    ]
  }

  /// Whether nothing is said but what kind kinto has as well.
  var onlyOverlap: Bool {
    texts.allSatisfy { $0.text == nil } && pageSize == nil && !etags && !completeLists
      && laterStatus.isEmpty
  }

  var isEmpty: Bool { onlyOverlap && overlap == nil }

  func settings() throws -> RESTSettings {
    guard versionField != nil else {
      throw Finding.usage(
        "a remote of kind rest needs --version-field, the field that changes with a record")
    }
    var options = Fields()
    for (name, text) in texts where text != nil { options[name] = text.map { .string($0) } }
    if let overlap { options["overlapMilliseconds"] = .integer(Int64(overlap) * 1000) }
    if let pageSize { options["pageSize"] = .integer(Int64(pageSize)) }
    if etags { options["usesETags"] = true }
    if completeLists { options["completeLists"] = true }
    if !laterStatus.isEmpty {
      options["laterStatuses"] = .array(laterStatus.map { .integer(Int64($0)) })
    }
    return try RESTSettings(options)
  }
}
