import Journal
import Testing

/// Each type has entry points of its own in Codable's containers: by name, where it may be missing, in
/// an array, and alone.
@Suite struct `Every type Codable knows` {
  struct Everywhere<T: Codable & Equatable>: Codable, Equatable {
    var named: T
    var optional: T?
    var missing: T?
    var list: [T]
    var alone: Alone
    var rows: [[T]]
    var byHand: ByHand

    struct Alone: Codable, Equatable {
      var value: T
      init(_ value: T) { self.value = value }
      init(from decoder: any Decoder) throws {
        value = try decoder.singleValueContainer().decode(T.self)
      }
      func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
      }
    }

    /// Elements decoded one by one, as a type with its own `init(from:)` does.
    struct ByHand: Codable, Equatable {
      var values: [T]
      init(_ values: [T]) { self.values = values }
      init(from decoder: any Decoder) throws {
        var outer = try decoder.unkeyedContainer()
        var inner = try outer.nestedUnkeyedContainer()
        values = []
        while !inner.isAtEnd { values.append(try inner.decode(T.self)) }
        #expect(inner.count == values.count)
      }
      func encode(to encoder: any Encoder) throws {
        var outer = encoder.unkeyedContainer()
        var inner = outer.nestedUnkeyedContainer()
        for value in values { try inner.encode(value) }
      }
    }
  }

  private func check<T: Codable & Equatable & Sendable>(_ values: T...) throws {
    for value in values {
      let whole = Everywhere(
        named: value, optional: value, missing: nil, list: values, alone: .init(value),
        rows: [values, []], byHand: .init(values))
      let fields = try FieldEncoder().encode(whole)
      #expect(try FieldDecoder().decode(Everywhere<T>.self, from: fields) == whole, "\(T.self)")
      #expect(fields["missing"] == nil)
    }
  }

  @Test func `comes back from every place it can stand in`() throws {
    try check(Int8.min, 0, .max)
    try check(Int16.min, 0, .max)
    try check(Int32.min, 0, .max)
    try check(Int64.min, 0, .max)
    try check(Int.min, 0, .max)
    try check(UInt8.min, .max)
    try check(UInt16.min, .max)
    try check(UInt32.min, .max)
    try check(UInt64.min, .max)
    try check(UInt.min, .max)
    try check(true, false)
    try check(0.5, -0.25, .greatestFiniteMagnitude)
    try check(Float(0.5), .greatestFiniteMagnitude)
    try check("", "text", "ä")
  }

  @Test func `is refused where its number does not fit, in every place`() throws {
    func refuses<T: Decodable>(_ type: T.Type, _ value: Value) {
      let error = #expect(throws: JournalError.self) {
        try FieldDecoder().decode([String: T].self, from: ["n": value])
      }
      #expect(error?.code == "type-mismatch")
      #expect(throws: JournalError.self) {
        try FieldDecoder().decode([String: [T]].self, from: ["n": [value]])
      }
      #expect(throws: JournalError.self) {
        try FieldDecoder().decode([String: T?].self, from: ["n": value])
      }
    }
    refuses(Int8.self, 128)
    refuses(Int16.self, -32_769)
    refuses(Int32.self, 2_147_483_648)
    refuses(Int64.self, .unsigned(.max))
    refuses(UInt8.self, -1)
    refuses(UInt16.self, 65_536)
    refuses(UInt32.self, -1)
    refuses(UInt64.self, -1)
    refuses(UInt.self, 0.5)
    refuses(Float.self, 1e300)
    refuses(Bool.self, 1)
    refuses(String.self, true)
    refuses(Double.self, "1")
  }
}
