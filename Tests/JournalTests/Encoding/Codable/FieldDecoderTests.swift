import Foundation
import Journal
import TestKit
import Testing

@Suite struct `Decoding a value of one's own` {
  struct Note: Codable, Equatable {
    var title: String
    var count: Int
    var rating: Double?
  }

  enum NoteKey: CodingKey { case title, count }

  @Test func `brings back what was encoded`() throws {
    let fields = try FieldEncoder().encode(Everything.example)
    #expect(try FieldDecoder().decode(Everything.self, from: fields) == .example)
  }

  @Test func `ignores fields it does not know, wherever they stand`() throws {
    let note = try decoded(
      Note.self,
      #"{"a":[1,{"x":[]}],"count":2,"title":"t","zz":{"deep":[[null,1.5,"x"]]},"zzzzzzzzzz":-9}"#)
    #expect(note == Note(title: "t", count: 2, rating: nil))
  }

  @Test func `reads a missing field and null as nil`() throws {
    #expect(try decoded(Note.self, #"{"count":2,"rating":null,"title":"t"}"#).rating == nil)
    #expect(try decoded(Note.self, #"{"count":2,"title":"t"}"#).rating == nil)
    struct Optionals: Codable, Equatable {
      var a: Everything.Place?
      var b: Date?
      var c: [String]?
      var d: UInt8?
      var e: Bool?
      var f: Float?
    }
    let none = Optionals()
    #expect(try decoded(Optionals.self, "{}") == none)
    #expect(
      try decoded(Optionals.self, #"{"a":null,"b":null,"c":null,"d":null,"e":null,"f":null}"#)
        == none)
  }

  @Test func `takes a double from an integer that is one, and no other way round`() throws {
    #expect(try decoded([String: Double].self, #"{"a":-3}"#) == ["a": -3])
    #expect(
      try decoded([String: Double].self, #"{"a":9007199254740992}"#) == ["a": 0x1p53])
    #expect(
      refusal { _ = try decoded([String: Double].self, #"{"a":9007199254740993}"#) }
        .contains("no double exactly"))
    #expect(
      refusal { _ = try decoded(Note.self, #"{"count":1.0,"title":""}"#) }
        .contains("expected an integer, found a double"))
  }

  @Test func `names the field that does not fit, and what it found`() throws {
    struct Outer: Codable { var inner: [String: [Note]] }
    func message(_ text: String) -> String {
      refusal { _ = try decoded(Outer.self, text) }
    }
    #expect(
      message(#"{"inner":{"x":[{"count":1,"title":"t"},{"count":"1","title":"t"}]}}"#)
        == "field `inner.x.1.count` does not fit Outer: expected an integer, found a text; change "
        + "the type to what is stored, or the record to what the type expects")
    #expect(message(#"{"inner":{"x":[{"count":1}]}}"#).contains("`inner.x.0.title` does not fit"))
    #expect(message(#"{"inner":{"x":[{"count":1,"title":null}]}}"#).contains("found null"))
    #expect(message(#"{"inner":[]}"#).contains("expected an object, found an array"))
    #expect(message("{}").contains("field `inner`"))
    #expect {
      try FieldDecoder().decode(Note.self, from: ["title": 1, "count": 2])
    } throws: { error in (error as? JournalError)?.code == "type-mismatch" }
  }

  @Test(arguments: [
    #"{"v":128}"#, #"{"v":-129}"#, #"{"v":18446744073709551615}"#, #"{"v":true}"#, #"{"v":[1]}"#,
  ]) func `refuses a number that the type does not hold`(_ text: String) {
    #expect(refusal { _ = try decoded([String: Int8].self, text) }.contains("field `v`"))
  }

  @Test func `refuses texts that are no date, UUID, decimal number or raw value`() {
    func refuses<T: Decodable>(_ type: T.Type, _ text: String) -> Bool {
      refusal { _ = try decoded([String: T].self, #"{"v":"\#(text)"}"#) }.contains("field `v`")
    }
    #expect(refuses(Date.self, "2013-08-04"))
    #expect(refuses(Date.self, "2013-02-30T00:00:00Z"))
    #expect(refuses(UUID.self, "01020304-0506-0708-090a-0b0c0d0e0ff"))
    #expect(refuses(Decimal.self, "1,5"))
    #expect(refuses(Decimal.self, "12x"))
    #expect(refuses(Decimal.self, ""))
    #expect(refuses(Decimal.self, "1.2.3"))
    #expect(refuses(Decimal.self, String(repeating: "1", count: 39)))
    #expect(refuses(Everything.Colour.self, "pink"))
    #expect(refuses(Data.self, "text"))
  }

  @Test func `reads dates as RFC 3339 has them and decimals from numbers`() throws {
    struct Forms: Codable { var date: Date, price: Decimal }
    let forms = try decoded(
      Forms.self, #"{"date":"2013-08-04t22:12:55+02:00","price":-12.5}"#)
    #expect(forms.date == Date(timeIntervalSince1970: 1_375_647_175))
    #expect(forms.price == Decimal(sign: .minus, exponent: -1, significand: 125))
    for (text, number) in [
      ("3", Decimal(3)), ("-7", Decimal(-7)), ("18446744073709551615", Decimal(UInt64.max)),
      (#""1e3""#, Decimal(1000)),
      (#""-0.001""#, Decimal(sign: .minus, exponent: -3, significand: 1)),
    ] {
      #expect(try decoded([String: Decimal].self, #"{"v":\#(text)}"#) == ["v": number])
    }
  }

  @Test func `refuses two names that a dictionary takes for one`() throws {
    let fields: Fields = ["v": ["e\u{301}": "1", "\u{E9}": "2"]]
    #expect(
      refusal { _ = try FieldDecoder().decode([String: [String: String]].self, from: fields) }
        .contains("the same to a dictionary"))
  }

  @Test func `finds fields among any number`() throws {
    for count in [15, 16, 17, 18, 40, 500] {
      var fields = Fields()
      for index in 0..<count { fields["n\(index * 31 % 997)"] = .integer(Int64(index)) }
      fields["count"] = -1
      fields["title"] = "t"
      fields["a name that is longer than eight bytes 1"] = 1
      fields["a name that is longer than eight bytes 2"] = 2
      #expect(try FieldDecoder().decode(Note.self, from: fields).count == -1)
      let all = try FieldDecoder().decode(Longs.self, from: fields)
      #expect(all.first == 1 && all.second == 2)
      #expect(all.none == nil)
    }
  }

  struct Longs: Decodable {
    enum CodingKeys: String, CodingKey {
      case first = "a name that is longer than eight bytes 1"
      case second = "a name that is longer than eight bytes 2"
      case none = "a name that is longer than eight bytes 3"
    }
    var first: Int
    var second: Int
    var none: Int?
  }

  @Test func `reads nothing by a decoder that was kept`() throws {
    struct Lazy: Decodable {
      let decoder: any Decoder
      let container: KeyedDecodingContainer<NoteKey>
      init(from decoder: any Decoder) throws {
        self.decoder = decoder
        container = try decoder.container(keyedBy: NoteKey.self)
      }
      var fails: Bool {
        (try? decoder.container(keyedBy: NoteKey.self)) == nil
          && (try? container.decode(Int.self, forKey: .count)) == nil
          && (try? decoder.unkeyedContainer()) == nil && container.allKeys.isEmpty
      }
    }
    let decoder = FieldDecoder()
    let lazy = try decoder.decode(Lazy.self, from: ["count": 1])
    #expect(lazy.fails)
    _ = try decoder.decode(Note.self, from: ["count": 2, "title": ""])
    #expect(lazy.fails)
  }

  @Test func `lets a type look at its value in more than one way`() throws {
    struct Either: Decodable, Equatable {
      var text: String?
      var number: Int?
      var list: [Int?]
      init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        number = try? container.decode(Int.self, forKey: .v)
        text = try? container.decode(String.self, forKey: .v)
        var elements = try container.nestedUnkeyedContainer(forKey: .list)
        let nested = try container.nestedContainer(keyedBy: Key.self, forKey: .nested)
        list = []
        while !elements.isAtEnd {
          list.append(try elements.decodeNil() ? nil : elements.decode(Int.self))
        }
        list.append(try nested.decode(Int.self, forKey: .v))
        #expect(throws: DecodingError.self) { try elements.decode(Int.self) }
        #expect(throws: DecodingError.self) { try elements.decodeNil() }
      }
      enum Key: CodingKey { case v, list, nested }
    }
    let one = try decoded(Either.self, #"{"list":[1,null],"nested":{"v":5},"v":"t"}"#)
    #expect(one.text == "t" && one.number == nil && one.list == [1, nil, 5])
    let other = try decoded(Either.self, #"{"list":[],"nested":{"v":6},"v":3}"#)
    #expect(other.text == nil && other.number == 3 && other.list == [6])
  }
}

@Suite struct `Hostile bytes decoded as a value` {
  @Test func `are an error and never anything worse`() throws {
    let seed = testSeed(or: 20_261_121)
    print("seed \(seed)")
    var random = SeededRandom(seed: seed)
    let good = try FieldEncoder().encoded(Everything.example)
    let decoder = FieldDecoder()
    var refused = 0
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let index = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[index] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0..<40, using: &random)))
        case 2: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default: bytes[index] = [0x1B, 0x3B, 0x5B, 0x7B, 0x9B, 0xBB, 0xDB, 0xFF][index % 8]
        }
      }
      do {
        let value = try bytes.withUnsafeBytes { try decoder.decode(Everything.self, from: $0) }
        _ = try FieldEncoder().encoded(value)
      } catch let error as JournalError {
        #expect(["type-mismatch", "invalid-input"].contains(error.code))
        refused += 1
      }
    }
    #expect(refused > 10_000)
    let whole = try good.withUnsafeBytes { try decoder.decode(Everything.self, from: $0) }
    #expect(whole == .example)
  }

  @Test func `are refused where names stand twice or out of order`() {
    let twice: [UInt8] = [0xA2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02]
    let unordered: [UInt8] = [0xA2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x02]
    for bytes in [twice, unordered] {
      #expect(
        refusal {
          _ = try bytes.withUnsafeBytes {
            try FieldDecoder().decode([String: Int].self, from: $0)
          }
        }.contains("twice or out of order"))
    }
  }

  @Test func `cannot exhaust the stack or memory`() {
    struct Tree: Decodable {
      var v: [Tree]?
      init(from decoder: any Decoder) throws {
        v = try decoder.container(keyedBy: Key.self).decodeIfPresent([Tree].self, forKey: .v)
      }
      enum Key: CodingKey { case v }
    }
    let deep: [UInt8] = [0xA1, 0x61, 0x76, 0x81]
    let bytes = Array(repeatElement(deep, count: 2_000).joined()) + [0xA0]
    #expect(
      refusal { _ = try bytes.withUnsafeBytes { try FieldDecoder().decode(Tree.self, from: $0) } }
        .contains("nested more than 32 deep"))
    let claim: [UInt8] = [0xA1, 0x61, 0x76, 0x9B, 0, 0, 0, 1, 0, 0, 0, 0]
    #expect(
      refusal {
        _ = try claim.withUnsafeBytes { try FieldDecoder().decode([String: [Int]].self, from: $0) }
      }.contains("the bytes end inside an item"))
  }
}
