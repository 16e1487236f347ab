import Foundation
import Journal
import Projection
import TestKit
import Testing

@Suite struct `The form of a query` {
  private static let query = Query(
    "notes",
    where: .all([
      .compare(.init("done", .equal, false)),
      .any([.not(.absent(field: "rank")), .prefix(field: "title", "Mi")]),
    ]), sort: [.init("rank", descending: true), .init("title")], limit: 10, offset: 5)

  private func roundTrip<T: Codable>(_ value: T) throws -> T {
    try JSONDecoder().decode(T.self, from: JSONEncoder().encode(value))
  }

  @Test func `S-BR-16 is equal by where, limit and offset, and different by any value or key`() {
    let query = Self.query
    var same = query
    #expect(same == query)
    #expect(same.hashValue == query.hashValue)
    same.limit = 11
    #expect(same != query)
    same = query
    same.offset = 0
    #expect(same != query)
    same = query
    same.collection = "todos"
    #expect(same != query)
    same = query
    same.sort = []
    #expect(same != query)
    func found(_ field: String, _ comparison: Query.Condition.Operator, _ value: Value) -> Query {
      Query("notes", where: [.init(field, comparison, value)])
    }
    let one = found("a", .equal, 1)
    #expect(one == found("a", .equal, 1))
    // What is stored decides: 1 and 1.0 are found by both and are different queries.
    for other in [
      found("a", .equal, 2), found("a", .equal, 1.0), found("b", .equal, 1), found("a", .less, 1),
      found("a", .equal, nil),
    ] {
      #expect(one != other)
    }
    #expect(found("\u{E9}", .equal, "\u{E9}") != found("\u{E9}", .equal, "e\u{301}"))
  }

  /// Brick reads a limit of 0 as none; here nil means that, and 0 is 0 records.
  @Test func `S-BR-16 takes nil for no limit and 0 for nothing`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop")
    defer { store.close() }
    try await store.write { tx in
      for number in 0..<3 { try tx.create("c", "r\(number)", ["n": .integer(Int64(number))]) }
    }
    #expect(try store.query(Query("c")).count == 3)
    #expect(try store.query(Query("c", limit: 0)).isEmpty)
    #expect(try store.query(Query("c", sort: .init("n"), limit: 0)).isEmpty)
    #expect(try store.query(Query("c", limit: 2, offset: 2)).map(\.key) == ["r2"])
    #expect(Query("c", limit: -1) == Query("c", limit: 0))
    #expect(Query("c", limit: nil) != Query("c", limit: 0))
  }

  @Test func `S-BR-16 finds the comparisons of a field within nested groups`() {
    let filter = Filter.all([
      .compare(.init("a", .equal, 1)),
      .any([.compare(.init("b", .equal, 2)), .not(.all([.compare(.init("id", .equal, "x"))]))]),
    ])
    #expect(filter.comparisons(of: "id") == [.init("id", .equal, "x")])
    #expect(filter.comparisons(of: "a").count == 1)
    #expect(filter.comparisons(of: "c").isEmpty)
  }

  @Test func `S-BR-16 comes back equal from JSON`() throws {
    #expect(try roundTrip(Self.query) == Self.query)
    let values: [Value] = [
      nil, true, false, 0, 1, 1.0, -0.0, 1e300, .integer(.min), .unsigned(.max), "", "\u{E9}",
      "e\u{301}", .bytes([0, 255]), .array([1, 1.0, ["a": nil]]), ["b": ["c": [2.5]]],
      .reference(collection: "people", key: "p1"),
    ]
    for value in values {
      for comparison in Query.Condition.Operator.allCases {
        let query = Query("c", where: [.init("f", comparison, value)])
        #expect(try roundTrip(query) == query, "\(value)")
      }
    }
    #expect(try roundTrip(Filter.all([])) == .all([]))
    #expect(try roundTrip(Query("c")) == Query("c"))
  }

  /// Stored filters are read for ever: this text is of the first release that wrote any.
  @Test func `S-BR-16 is this JSON`() throws {
    let json = #"""
      {"collection":"notes","limit":10,"offset":5,"sort":[{"descending":true,"field":"rank"},\#
      {"descending":false,"field":"title"}],"where":{"all":[{"compare":{"field":"done",\#
      "operator":"=","value":{"bool":false}}},{"any":[{"not":{"absent":"rank"}},\#
      {"prefix":{"field":"title","text":"Mi"}}]}]}}
      """#
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    #expect(String(decoding: try encoder.encode(Self.query), as: UTF8.self) == json)
    #expect(try JSONDecoder().decode(Query.self, from: Data(json.utf8)) == Self.query)
    let short = #"{"collection":"notes","where":{"all":[]}}"#
    #expect(try JSONDecoder().decode(Query.self, from: Data(short.utf8)) == Query("notes"))
  }

  @Test func `S-BR-16 of other JSON is an error, however deep it is`() {
    let deep = String(repeating: #"{"not":"#, count: 400) + "1" + String(repeating: "}", count: 400)
    for json in [
      "{}", #"{"all":[],"any":[]}"#,
      #"{"compare":{"field":"a","operator":"~","value":{"null":true}}}"#,
      #"{"compare":{"field":"a","operator":"=","value":1}}"#, #"{"other":1}"#, deep,
      #"{"compare":{"field":"a","operator":"=","value":{"bytes":"*"}}}"#,
      #"{"compare":{"field":"a","operator":"=","value":{"reference":["c"]}}}"#,
    ] {
      #expect(throws: DecodingError.self, "\(json.prefix(60))") {
        try JSONDecoder().decode(Filter.self, from: Data(json.utf8))
      }
    }
  }

  struct Saved: Record, Equatable {
    static let schema = Schema<Saved>("searches")
    var id: RecordID<Saved>
    var query: Query
  }

  @Test func `can be kept in a record`() async throws {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Saved.self])
    defer { store.close() }
    let saved = Saved(id: "s1", query: Self.query)
    try await store.write { try $0.create(saved) }
    #expect(try store.fetch(Saved.self, "s1") == saved)
  }
}

@Suite struct `Pages of a request` {
  struct Row: Record, Equatable {
    static let schema = Schema<Row>("rows")
    var id: RecordID<Row>
    var number: Int
  }

  private func pages(
    of count: Int, _ request: Request<Row>, size: Int
  ) async throws -> [[Row]] {
    let scratch = try Scratch()
    let store = try Store.create(at: scratch("j"), label: "laptop", records: [Row.self])
    defer { store.close() }
    try await store.write { tx in
      for number in 0..<count { try tx.create(Row(id: RecordID("r\(number)"), number: number)) }
    }
    var pages: [[Row]] = []
    for try await page in store.pages(of: request, size: size) { pages.append(page) }
    return pages
  }

  @Test func `S-BR-12 of 120 rows by 50 are 50, 50 and 20, each row once`() async throws {
    for request in [Request<Row>(), Row.sorted(by: .descending(\.number))] {
      let pages = try await pages(of: 120, request, size: 50)
      #expect(pages.map(\.count) == [50, 50, 20])
      #expect(Set(pages.joined().map(\.number)) == Set(0..<120))
    }
  }

  @Test func `S-BR-12 of 100 rows by 50 are two, and no empty one behind them`() async throws {
    for request in [Request<Row>(), Row.sorted(by: .ascending(\.number))] {
      let pages = try await pages(of: 100, request, size: 50)
      #expect(pages.map(\.count) == [50, 50])
      #expect(Set(pages.joined().map(\.number)) == Set(0..<100))
    }
    #expect(try await pages(of: 0, Request<Row>(), size: 50).isEmpty)
  }
}
