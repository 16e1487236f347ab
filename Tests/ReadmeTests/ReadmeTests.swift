import Foundation
import TestKit
import Testing

@Suite struct `The README's example` {
  @Test func `does what it says`() async throws {
    let scratch = try Scratch()
    #expect(try await keepNotes(at: scratch("Notes.journal"), server: nil) == ["n2"])
  }

  @Test func `is this file's text`() throws {
    let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let root = here.deletingLastPathComponent().deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let example = try String(
      contentsOf: here.appendingPathComponent("Example.swift"), encoding: .utf8)
    #expect(readme.contains("```swift\n\(example)```"))
  }
}
