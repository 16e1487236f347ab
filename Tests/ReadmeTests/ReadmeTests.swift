import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `The README's example` {
  @Test func `does what it says`() async throws {
    let scratch = try Scratch()
    #expect(try await keepNotes(at: scratch("Notes.journal"), server: nil) == ["n2"])
  }

  @Test func `follows records of a type, also those an older release has written`() async throws {
    let scratch = try Scratch()
    let older = try Store.create(at: scratch("Todos.journal"), label: "laptop")
    try await older.write { tx in
      try tx.create("todos", "t1", ["title": "Milk", "isDone": false])
    }
    older.close()
    #expect(try await firstTodo(at: scratch("Todos.journal"))?.title == "Milk")
  }

  @Test(arguments: ["Example.swift", "Records.swift"])
  func `is the text of these files`(name: String) throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let root = here.deletingLastPathComponent().deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let example = try String(
      contentsOf: here.appendingPathComponent(name), encoding: .utf8)
    #expect(readme.contains("```swift\n\(example)```"))
  }
}
