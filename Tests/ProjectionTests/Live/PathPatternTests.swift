import Journal
import Testing

@testable import Projection

@Suite struct `A path pattern` {
  private func means(_ pattern: PathPattern, _ path: String..., old: Value? = nil, new: Value? = 1)
    -> Bool
  {
    path.count == 2
      ? pattern.meansExistence(path[0], path[1])
      : pattern.means(path[0], path[1], FieldChange(name: path[2], before: old, after: new))
  }

  @Test func `takes a star for one segment and two for the rest`() {
    #expect(means("todos.*.title", "todos", "1", "title"))
    #expect(!means("todos.*.title", "todos", "1", "rank"))
    #expect(!means("todos.*.title", "lists", "1", "title"))
    #expect(!means("todos.*.title", "todos", "1"))
    #expect(means("todos.*", "todos", "1"))
    #expect(!means("todos.*", "todos", "1", "title"))
    for pattern in ["**", "todos.**", "todos.1.**", "*.*.**"] as [PathPattern] {
      #expect(means(pattern, "todos", "1"))
      #expect(means(pattern, "todos", "1", "title"))
    }
    #expect(!means("todos.2.**", "todos", "1", "title"))
    #expect(means("*.1.*", "todos", "1", "title"))
    #expect(!means("todos", "todos", "1"))
    // Only at the end it is more than one segment.
    #expect(means("**.1.title", "todos", "1", "title"))
    #expect(!means("**.title", "todos", "1", "title"))
  }

  @Test func `takes keys with dots as segments`() {
    let pattern = PathPattern("todos", "v1.2", .any)
    #expect(means(pattern, "todos", "v1.2", "title"))
    #expect(!means("todos.v1.2.*", "todos", "v1.2", "title"))
    #expect(means(PathPattern(["todos", "*", .rest]), "todos", "*"))
    #expect(!means(PathPattern(["todos", "*", .rest]), "todos", "1"))
  }

  @Test func `looks into objects and arrays`() {
    let old: Value = ["city": "Oslo", "lines": ["a", "b"]]
    let new: Value = ["city": "Oslo", "lines": ["a", "c"]]
    #expect(means("c.1.address", "c", "1", "address", old: old, new: new))
    #expect(means("c.1.address.lines.1", "c", "1", "address", old: old, new: new))
    #expect(means("c.1.address.*.*", "c", "1", "address", old: old, new: new))
    #expect(means("c.1.address.lines.**", "c", "1", "address", old: old, new: new))
    #expect(!means("c.1.address.city", "c", "1", "address", old: old, new: new))
    #expect(!means("c.1.address.lines.0", "c", "1", "address", old: old, new: new))
    #expect(means("c.1.address.city", "c", "1", "address", old: nil, new: new))
    #expect(!means("c.1.address.zip", "c", "1", "address", old: nil, new: new))
  }

  @Test func `compares names by their bytes`() {
    #expect(!means(PathPattern("caf\u{E9}", .rest), "cafe\u{301}", "1"))
    #expect(PathPattern("a", .any, .rest).description == "a.*.**")
  }
}
