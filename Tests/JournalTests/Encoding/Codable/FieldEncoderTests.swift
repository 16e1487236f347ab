import Foundation
import Journal
import TestKit
import Testing

@Suite struct `Encoding a value of one's own` {
  @Test func `stores each type in the form that is documented`() throws {
    #expect(
      try FieldEncoder().encode(Everything.example) == [
        "text": "Milch & Brötchen 🥐", "small": -128, "negative": .integer(.min),
        "large": .unsigned(.max), "ratio": 0.1, "single": .double(Double(Float(1.1))),
        "isOpen": true, "given": 7, "date": "2013-08-04T20:12:55.123Z",
        "data": .bytes([0, 255, 128]), "uuid": "01020304-0506-0708-090a-0b0c0d0e0fff",
        "url": "file:///tmp/a%20b", "price": "19.99", "colour": "green", "level": -1,
        "place": ["street": "Ring", "position": [52.5, 13.0]],
        "formerPlaces": [["street": "Weg", "number": 3, "position": []]],
        "names": ["a", "", "é"], "counts": [1, -1, 1_099_511_627_776], "gaps": [1, nil, 3],
        "tags": ["a": "1", "b": "2", "long name": "3"], "scores": ["x": 1],
        "byNumber": ["9": false, "10": true],
      ])
  }

  @Test func `writes exactly the bytes the fields have`() throws {
    let encoder = FieldEncoder()
    let bytes = try encoder.encoded(Everything.example)
    var writer = CBORWriter()
    try writer.fields(try encoder.encode(Everything.example))
    #expect(bytes == writer.bytes)
    #expect(isAccepted(bytes))
  }

  @Test func `makes no field of nil and null of what is encoded as nil`() throws {
    struct Explicit: Encodable {
      enum CodingKeys: CodingKey { case a, b }
      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeNil(forKey: .a)
        try container.encodeIfPresent(Int?.none, forKey: .b)
      }
    }
    #expect(try stored(Explicit()) == #"{"a":null}"#)
    struct Empty: Codable {}
    #expect(try stored(Empty()) == "{}")
  }

  @Test func `writes dates of every year that has four digits`() throws {
    struct Times: Codable, Equatable { var times: [Date?] }
    let seconds = [-62_167_219_200, -1.001, -0.001, 0, 951_782_400, 253_402_300_799.999]
    let times = Times(times: seconds.map { Date(timeIntervalSince1970: $0) })
    let text = try stored(times)
    #expect(
      text == #"{"times":["0000-01-01T00:00:00.000Z","1969-12-31T23:59:58.999Z","#
        + #""1969-12-31T23:59:59.999Z","1970-01-01T00:00:00.000Z","2000-02-29T00:00:00.000Z","#
        + #""9999-12-31T23:59:59.999Z"]}"#)
    #expect(try stored(decoded(Times.self, text)) == text)
    for far in [-62_167_219_201, 253_402_300_800, .infinity, .nan] as [Double] {
      #expect(
        refusal { _ = try stored(["t": Date(timeIntervalSince1970: far)]) }
          .contains("field `t` of Dictionary<String, Date> cannot be stored"))
    }
  }

  @Test func `names the place of what a journal refuses`() throws {
    struct Inner: Codable { var values: [Double?] }
    struct Outer: Codable { var inner: [String: Inner] }
    let outer = Outer(inner: ["x": Inner(values: [1, nil, .nan])])
    #expect {
      try FieldEncoder().encode(outer)
    } throws: { error in
      error as? JournalError
        == .invalidInput(
          "field `inner.x.values.2` of Outer cannot be stored: nan is not a finite number")
    }
    #expect(refusal { _ = try stored(["p": Decimal.nan]) }.contains("field `p`"))
    #expect(refusal { _ = try stored(["d": [Double.infinity]]) }.contains("field `d`"))
  }

  @Test func `refuses names outside 1 to 128 bytes, of fields only`() throws {
    #expect(refusal { _ = try stored(["": 1]) }.contains("1 to 128"))
    #expect(refusal { _ = try stored([String(repeating: "é", count: 65): 1]) }.contains("130"))
    let name = String(repeating: "n", count: 128)
    #expect(try stored([name: 1]) == #"{"\#(name)":1}"#)
    #expect(try stored(["a": ["": 1]]) == #"{"a":{"":1}}"#)
  }

  @Test func `refuses what is nested more than 32 deep, and takes what is not`() throws {
    final class Nest: Codable {
      var inner: Nest?
      init(_ depth: Int) { inner = depth > 1 ? Nest(depth - 1) : nil }
    }
    let bytes = try FieldEncoder().encoded(Nest(32))
    #expect(isAccepted(bytes))
    #expect(refusal { _ = try stored(Nest(33)) }.contains("nested more than 32 deep"))
    #expect(refusal { _ = try stored(Nest(500)) }.contains("nested more than 32 deep"))
    _ = try bytes.withUnsafeBytes { try FieldDecoder().decode(Nest.self, from: $0) }
  }

  @Test func `refuses a record over 1 MiB and goes on with the next`() throws {
    let encoder = FieldEncoder()
    let large = ["a": String(repeating: "x", count: 1 << 20), "b": ""]
    #expect(refusal { _ = try encoder.encoded(large) }.contains("1 MiB"))
    #expect(try json(encoder.encoded(["a": 1])) == #"{"a":1}"#)
  }

  @Test func `refuses what is no object`() throws {
    #expect(refusal { _ = try stored([1, 2]) }.contains("a record is an object"))
    #expect(refusal { _ = try stored("text") }.contains("a record is an object"))
    #expect(refusal { _ = try stored(Date()) }.contains("a record is an object"))
    let nothing: Int? = nil
    #expect(refusal { _ = try stored(nothing) }.contains("a record is an object"))
  }

  @Test func `writes many members and elements under heads of every length`() throws {
    for count in [0, 1, 23, 24, 255, 256, 70_000] {
      let numbers = Array(repeating: true, count: count)
      #expect(
        try FieldEncoder().encode(["v": numbers]) == ["v": .array(numbers.map { .bool($0) })])
    }
    for count in [16, 17, 23, 24, 300] {
      let names = (0..<count).map { "\($0 * 7919 % 1000)" }
      let object = Dictionary(uniqueKeysWithValues: Set(names).map { ($0, $0) })
      let bytes = try FieldEncoder().encoded(object)
      #expect(isAccepted(bytes))
      #expect(try value(bytes) == .object(Fields(object.map { ($0, .string($1)) })))
    }
  }
}

@Suite struct `An encode(to:) of one's own` {
  enum Key: String, CodingKey { case z, a, bb }

  struct Custom: Encodable {
    var body: @Sendable (any Encoder) throws -> Void
    func encode(to encoder: any Encoder) throws { try body(encoder) }
  }

  @Test func `may open containers ahead and fill them in turn`() throws {
    let value = Custom { encoder in
      var outer = encoder.container(keyedBy: Key.self)
      var first = outer.nestedContainer(keyedBy: Key.self, forKey: .z)
      var list = outer.nestedUnkeyedContainer(forKey: .a)
      try first.encode(1, forKey: .z)
      try list.encode("x")
      var inner = list.nestedContainer(keyedBy: Key.self)
      try list.encode([Int]())
      try first.encode(2, forKey: .a)
      try inner.encode(3, forKey: .bb)
      var deep = list.nestedUnkeyedContainer()
      try outer.encode(true, forKey: .bb)
      try deep.encode(4)
      #expect(list.count == 4)
    }
    #expect(
      try stored(value) == #"{"a":["x",{"bb":3},[],[4]],"bb":true,"z":{"a":2,"z":1}}"#)
    #expect(isAccepted(try FieldEncoder().encoded(value)))
  }

  @Test func `may leave part of the work to its superclass`() throws {
    class Animal: Codable {
      var name = "Mia"
      init() {}
    }
    final class Dog: Animal {
      var age = 4
      enum CodingKeys: CodingKey { case age }
      override init() { super.init() }
      required init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try super.init(from: container.superDecoder())
        age = try container.decode(Int.self, forKey: .age)
      }
      override func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try super.encode(to: container.superEncoder())
        try container.encode(age, forKey: .age)
      }
    }
    let text = try stored(Dog())
    #expect(text == #"{"age":4,"super":{"name":"Mia"}}"#)
    let dog = try decoded(Dog.self, text)
    #expect(dog.name == "Mia" && dog.age == 4)
  }

  @Test func `may ask twice for the container of one value`() throws {
    let value = Custom { encoder in
      var one = encoder.container(keyedBy: Key.self)
      try one.encode(1, forKey: .z)
      var two = encoder.container(keyedBy: Key.self)
      try two.encode(2, forKey: .a)
      try one.encode(3, forKey: .bb)
    }
    #expect(try stored(value) == #"{"a":2,"bb":3,"z":1}"#)
  }

  @Test func `may catch the failure of one value and go on`() throws {
    let value = Custom { encoder in
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(1, forKey: .z)
      try? container.encode(Double.nan, forKey: .a)
      try? container.encode(["x": ["y": Double.nan]], forKey: .a)
      try container.encode([1.5], forKey: .a)
      var list = container.nestedUnkeyedContainer(forKey: .bb)
      try? list.encode(["x": Double.nan])
      try? list.encode(Double.infinity)
      try list.encode(2)
    }
    #expect(try stored(value) == #"{"a":[1.5],"bb":[2],"z":1}"#)
  }

  @Test func `is refused what would make two values of one`() throws {
    let twice = Custom { encoder in
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(1, forKey: .a)
      try container.encode(2, forKey: .a)
    }
    #expect(refusal { _ = try stored(twice) }.contains("`a` is encoded twice"))
    let mixed = Custom { encoder in
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(1, forKey: .a)
      var list = encoder.unkeyedContainer()
      try list.encode(2)
    }
    #expect(refusal { _ = try stored(mixed) }.contains("two forms"))
    let singles = Custom { encoder in
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(
        Custom { inner in
          var single = inner.singleValueContainer()
          try single.encode(1)
          try single.encode(2)
        }, forKey: .a)
    }
    #expect(refusal { _ = try stored(singles) }.contains("field `a`"))
  }

  @Test func `cannot write into a record by a container it kept`() throws {
    final class Kept: @unchecked Sendable {
      var container: KeyedEncodingContainer<Key>?
    }
    let kept = Kept()
    let encoder = FieldEncoder()
    _ = try encoder.encoded(Custom { kept.container = $0.container(keyedBy: Key.self) })
    let next = Custom { encoder in
      var container = encoder.container(keyedBy: Key.self)
      #expect(throws: EncodingError.self) { try kept.container?.encode(1, forKey: .a) }
      try container.encode(2, forKey: .bb)
    }
    #expect(try json(encoder.encoded(next)) == #"{"bb":2}"#)
    // One that belongs to a value around this one has to wait its turn.
    let outOfTurn = Custom { encoder in
      var outer = encoder.container(keyedBy: Key.self)
      kept.container = outer
      try outer.encode(
        Custom { inner in
          var container = inner.container(keyedBy: Key.self)
          #expect(throws: EncodingError.self) { try kept.container?.encode(1, forKey: .a) }
          try container.encode(3, forKey: .z)
        }, forKey: .bb)
    }
    #expect(try stored(outOfTurn) == #"{"bb":{"z":3}}"#)
  }

  @Test func `may encode another record with the same encoder`() throws {
    let encoder = FieldEncoder()
    struct Inner: Encodable {
      let encoder: Box
      func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Data(self.encoder.value.encoded(["n": 1])), forKey: .a)
      }
    }
    struct Box: @unchecked Sendable { let value: FieldEncoder }
    #expect(
      try encoder.encode(Inner(encoder: Box(value: encoder))) == [
        "a": .bytes([0xA1, 0x61, 0x6E, 0x01])
      ])
  }

  @Test func `has its own errors passed on`() throws {
    struct Own: Error {}
    #expect(throws: Own.self) { try FieldEncoder().encoded(Custom { _ in throw Own() }) }
  }
}
