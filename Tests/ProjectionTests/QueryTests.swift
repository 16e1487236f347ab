import Journal
import Projection
import TestKit
import Testing

@Suite struct `A query` {
  private func matches(
    _ fields: Fields, _ comparison: Query.Condition.Operator, _ value: Value
  ) -> Bool {
    Query.Condition("f", comparison, value).matches(fields)
  }

  @Test func `compares integers and doubles by value, exactly`() {
    #expect(matches(["f": 1], .equal, 1.0))
    #expect(matches(["f": 9_007_199_254_740_993], .greater, 9_007_199_254_740_992.0))
    #expect(matches(["f": .unsigned(.max)], .less, 18_446_744_073_709_551_616.0))
    #expect(matches(["f": -1], .less, -0.5))
    #expect(matches(["f": -1.5], .less, -1))
    #expect(matches(["f": .integer(.min)], .equal, -9_223_372_036_854_775_808.0))
  }

  @Test func `finds other mixes of types unequal and unordered`() {
    #expect(!matches(["f": "1"], .equal, 1))
    #expect(!matches(["f": "1"], .less, 2))
    #expect(matches(["f": "1"], .notEqual, 1))
    #expect(!matches(["f": nil], .equal, false))
  }

  @Test func `matches a missing field only with !=`() {
    for comparison in Query.Condition.Operator.allCases {
      #expect(matches([:], comparison, 1) == (comparison == .notEqual))
    }
  }

  @Test func `contains looks into strings and arrays, in into the value`() {
    #expect(matches(["f": "hello"], .contains, "ell"))
    #expect(matches(["f": ["a", 2]], .contains, 2.0))
    #expect(!matches(["f": "2"], .contains, 2))
    #expect(matches(["f": 2], .in, [1, 2.0]))
    #expect(!matches(["f": 2], .in, 2))
  }

  @Test func `sorts by type, then value, then id`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    let values: [Value] = [["x": 1], [1], "b", "a", 2.5, 2, true, false, nil]
    try await store.write { tx in
      for (index, value) in values.enumerated() {
        try tx.create("c", "r\(8 - index)", ["f": value])
      }
      try tx.create("c", "z", [:])
      try tx.create("c", "y", [:])
    }
    let up = try store.read { try $0.query(Query("c", sort: .init("f"))) }.map(\.key)
    #expect(up == ["y", "z", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8"])
    let down = try store.read {
      try $0.query(Query("c", sort: .init("f", descending: true), limit: 2, offset: 8))
    }.map(\.key)
    #expect(down == ["r0", "y"])
  }
}
