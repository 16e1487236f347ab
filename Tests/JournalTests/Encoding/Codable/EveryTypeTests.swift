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
    try check(Array(repeating: UInt8(7), count: 70_000))
  }

  /// What the compiler makes for a type calls the entry points that name a type.
  struct Named: Codable, Equatable {
    var a = Int8.min
    var b = Int16.min
    var c = Int32.min
    var d = Int64.min
    var e = UInt8.max
    var f = UInt16.max
    var g = UInt32.max
    var h = UInt64.max
    var i = UInt.max
    var j = Float(0.5)
    var k: Int8? = .max
    var l: Int16? = .max
    var m: Int32? = .max
    var n: Int64? = .max
    var o: UInt8? = 0
    var p: UInt16? = 0
    var q: UInt32? = 0
    var r: UInt64? = 0
    var s: UInt? = 0
    var t: Float? = -1
    var u: Bool? = true
    var v: Double? = 2.5
  }

  struct InOrder: Codable, Equatable {
    var named = Named()

    init() {}

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      #expect(try list.decode(Bool.self) && list.decode(String.self) == "ä")
      #expect(try list.decode(Double.self) == 2.5)
      named.j = try list.decode(Float.self)
      named.a = try list.decode(Int8.self)
      named.b = try list.decode(Int16.self)
      named.c = try list.decode(Int32.self)
      named.d = try list.decode(Int64.self)
      named.e = try list.decode(UInt8.self)
      named.f = try list.decode(UInt16.self)
      named.g = try list.decode(UInt32.self)
      named.h = try list.decode(UInt64.self)
      named.i = try list.decode(UInt.self)
      #expect(try list.decode(Int.self) == -1)
      #expect(try list.decodeNil())
      let nested = try list.nestedContainer(keyedBy: Key.self)
      #expect(try nested.decode(Int.self, forKey: .x) == 7)
      #expect(try list.superDecoder().singleValueContainer().decode(Int.self) == 8)
      #expect(list.isAtEnd)
      #expect(throws: (any Error).self) { try list.decode(Int.self) }
    }

    func encode(to encoder: any Encoder) throws {
      var list = encoder.unkeyedContainer()
      try list.encode(true)
      try list.encode("ä")
      try list.encode(2.5)
      try list.encode(named.j)
      try list.encode(named.a)
      try list.encode(named.b)
      try list.encode(named.c)
      try list.encode(named.d)
      try list.encode(named.e)
      try list.encode(named.f)
      try list.encode(named.g)
      try list.encode(named.h)
      try list.encode(named.i)
      try list.encode(-1)
      try list.encodeNil()
      var nested = list.nestedContainer(keyedBy: Key.self)
      try nested.encode(7, forKey: .x)
      try 8.encode(to: list.superEncoder())
    }

    enum Key: CodingKey { case x }
  }

  @Test func `comes back through the containers' own entry points`() throws {
    let named = try FieldEncoder().encode(Named())
    #expect(try FieldDecoder().decode(Named.self, from: named) == Named())
    let list = try FieldEncoder().encode(["list": InOrder()])
    #expect(try FieldDecoder().decode([String: InOrder].self, from: list) == ["list": InOrder()])
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
