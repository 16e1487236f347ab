import Testing

@testable import Journal

@Suite("Checkpoint")
struct CheckpointTests {
  static let root = TreeHash.empty

  func parse(_ text: String) throws(JournalError) -> Checkpoint {
    try Checkpoint(parsing: Array(text.utf8)[...])
  }

  @Test("the text is three lines and reads back")
  func text() throws {
    let checkpoint = try Checkpoint(origin: "example.com/log", size: 42, root: Self.root)
    #expect(
      checkpoint.text == "example.com/log\n42\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    #expect(try parse(checkpoint.text) == checkpoint)
  }

  @Test("origins compare as bytes, not as characters")
  func origins() throws {
    let composed = try Checkpoint(origin: "\u{E9}", size: 1, root: Self.root)
    let decomposed = try Checkpoint(origin: "e\u{301}", size: 1, root: Self.root)
    #expect(composed.origin == decomposed.origin)
    #expect(composed != decomposed)
    #expect(try parse(decomposed.text) == decomposed)
  }

  @Test("an origin has 1 to 1,024 bytes and no control characters")
  func badOrigins() throws {
    let long = String(repeating: "a", count: 1_024)
    #expect(try Checkpoint(origin: long, size: 1, root: Self.root).origin == long)
    for origin in ["", "a\nb", "a\tb", "\0", "\r\n", long + "a"] {
      #expect(throws: JournalError.self, "\(origin.debugDescription)") {
        try Checkpoint(origin: origin, size: 1, root: Self.root)
      }
    }
  }

  @Test("a tree without leaves has the empty root")
  func emptyTree() throws {
    #expect(try Checkpoint(origin: "o", size: 0, root: .empty).size == 0)
    #expect(throws: JournalError.self) {
      try Checkpoint(origin: "o", size: 0, root: NaiveTree.leaf(0))
    }
  }

  @Test("sizes have one spelling and stay below 2^64")
  func sizes() throws {
    #expect(try parse("o\n18446744073709551615\n\(Self.root)\n").size == .max)
    #expect(try parse("o\n0\n\(Self.root)\n").size == 0)
    let misspelt = [
      "", "00", "01", "-1", "+1", "1 ", " 1", "1.0", "1e3", "0x10", "١", "18446744073709551616",
      "18446744073709551620", "99999999999999999999999999",
    ]
    for size in misspelt {
      #expect(refusalCode { try parse("o\n\(size)\n\(Self.root)\n") } == "invalid-input", "\(size)")
    }
  }

  @Test("texts that are not three lines with a root are refused")
  func malformedTexts() {
    let root = Self.root.description
    let malformed = [
      "", "\n", "o", "o\n", "o\n1\n", "o\n1\n\(root)", "\n1\n\(root)\n", "o\n1\n\n",
      "o\n1\n\(root.dropLast())\n", "o\n1\n\(root) \n", "o\n1\nAAAA\n", "o\n\n1\n",
    ]
    for text in malformed {
      #expect(refusalCode { try parse(text) } == "invalid-input", "\(text.debugDescription)")
    }
    for text in ["o\n1\n\(root)\nextension\n", "o\n1\n\(root)\n\n"] {
      #expect(refusalCode { try parse(text) } == "unsupported", "\(text.debugDescription)")
    }
  }
}
