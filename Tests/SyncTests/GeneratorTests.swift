import Foundation
import Journal
import Projection
import TestKit
import Testing

@testable import JournalTool

@Suite struct `The generator of record types` {
  private func source(
    _ json: String, path: String = "https://example.com/people", name: String? = nil,
    topLevelKey: String? = nil
  ) throws -> String {
    try RecordGenerator(path: path, name: name, topLevelKey: topLevelKey).source(of: json)
  }

  /// The lines that declare properties, beside the id.
  private func properties(_ source: String) -> [String] {
    source.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
      .filter { $0.hasPrefix("var ") && !$0.hasPrefix("var id") }
  }

  @Test func `S-BR-18 makes properties in order, in Swift's names and types`() throws {
    let one = try source(#"{"name":"Thomas","age":26,"pocket_change":1.05}"#)
    #expect(properties(one) == ["var age: Int", "var name: String", "var pocketChange: Double"])
    #expect(one.contains(#"case pocketChange = "pocket_change""#))
    #expect(one.contains("struct People: Record"))
    #expect(properties(try source(#"[{"name":"Thomas"}]"#)) == ["var name: String"])
    #expect(
      properties(try source(#"{"people":[{"name":"Thomas"}]}"#, topLevelKey: "people"))
        == ["var name: String"])
    #expect(
      properties(try source(#"{"from_snake_case":1,"from-kebab-case":2}"#))
        == ["var fromKebabCase: Int", "var fromSnakeCase: Int"])
    #expect(try source(#"{"a":1}"#, path: "line-items.json").contains("struct LineItems: Record"))
    #expect(
      try source(#"{"a":1}"#, path: "x.json", name: "person").contains("struct Person: Record"))
  }

  @Test func `S-BR-18 makes optional what is missing or null in some samples, whichever`() throws {
    #expect(
      properties(
        try source(#"[{"a":1,"b":1,"c":null},{"a":2.5,"c":"x"},{"a":3,"b":null,"d":[1]}]"#))
        == ["var a: Double", "var b: Int?", "var c: String?", "var d: [Int]?"])
    #expect(
      properties(try source(#"[{"a":[1,null],"b":{"c":1}},{"a":[],"b":{"d":true}}]"#))
        == ["var a: [Int?]", "var b: B", "var c: Int?", "var d: Bool?"])
  }

  @Test(arguments: [
    "[]", "[[]]", #"[[{"a":1}]]"#, "[1]", #""text""#, "3", "", "{", #"[{"a":1},{"a":"x"}]"#,
    #"{"a_b":1,"a-b":2}"#, #"{"!":1}"#, #"{"a":1,"a":2}"#,
  ])
  func `S-BR-18 refuses what shows no record with an error of its own`(json: String) {
    #expect { try source(json) } throws: { ($0 as? JournalError)?.code == "invalid-input" }
  }

  @Test func `S-BR-18 refuses a member that is not there and a name that is none`() {
    #expect(throws: JournalError.self) { try source("{}", topLevelKey: "people") }
    #expect(throws: JournalError.self) { try source("{}", path: "") }
    #expect(throws: JournalError.self) { try source("{}", path: "42.json") }
  }

  private static let sample = """
    [{"id":"7","name":"Thomas","age":26,"pocket_change":1.05,"from_snake_case":[1,2],"default":true,
      "address":{"city":"Bonn"}},
     {"name":null,"age":1,"pocket_change":2,"from_snake_case":[],"default":false,
      "from-kebab-case":18446744073709551615},
     {"age":2,"pocket_change":0.5,"from_snake_case":[3],"default":false,
      "address":{"city":"Ulm","street":"A"}}]
    """

  /// The expected text is a source file of these tests: the compiler has seen it.
  @Test func `S-BR-18 makes source that compiles, as its golden file has it`() throws {
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Generated/People.swift")
    #expect(try source(Self.sample) == String(contentsOf: golden, encoding: .utf8))
  }

  @Test func `S-BR-18 makes a type whose records can be kept`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [People.self])
    defer { store.close() }
    let person = People(
      id: "7", address: .init(city: "Bonn", street: nil), age: 26, default: true,
      fromKebabCase: .max, fromSnakeCase: [1, 2], name: nil, pocketChange: 1.05)
    try await store.write { try $0.create(person) }
    #expect(try store.fetch(People.self, "7") == person)
    #expect(try store.get("people", "7")?["pocket_change"] == 1.05)
    #expect(try store.problems() == [])
  }
}
