import Foundation
import Journal
import Projection
import Testing
import Transport

/// The code of the article on servers of plain records, as it stands there.
func syncTodos(store: Store, token: String) async throws -> SyncReport {
  var settings = RESTSettings(versionField: "updated_at")
  settings.creates = .put
  try await store.journal.declare(
    RemoteDeclaration(
      name: "main", kind: "rest", url: "https://example.com/api", collections: ["todos"],
      options: settings.options))
  let report = try await HTTPExchanges.withDefault { exchange in
    let server = try RESTServer(
      url: "https://example.com/api", collections: ["todos"], settings: settings,
      exchange: exchange, authorization: { token })
    return try await SyncEngine(journal: store.journal, remote: "main", over: server).sync()
  }
  return report
}

@Suite struct `The article on servers of plain records` {
  @Test func `shows code that compiles`() throws {
    let here = URL(fileURLWithPath: #filePath)
    let root = (0..<4).reduce(here) { path, _ in path.deletingLastPathComponent() }
    func lines(_ text: String) -> [String] {
      text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    let article = try String(
      contentsOf: root.appendingPathComponent("Sources/Transport/Transport.docc/PlainRecords.md"),
      encoding: .utf8)
    let code = try #require(
      article.components(separatedBy: "```swift\n").dropFirst().first?
        .components(separatedBy: "```").first)
    let own = lines(try String(contentsOf: here, encoding: .utf8)).joined(separator: "\n")
    #expect(own.contains(lines(code).joined(separator: "\n")))
  }
}
