/// What was expected and is not so.
struct Unexpected: Error, CustomStringConvertible {
  let description: String
}

/// Prints a step of the story where it is as expected, and ends the program where it is not.
func expect(_ step: String, _ isSo: Bool) throws {
  guard isSo else { throw Unexpected(description: "not so: \(step)") }
  print("  ✓", step)
}
