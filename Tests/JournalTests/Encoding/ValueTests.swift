import Journal
import Testing

@Suite("Values and fields")
struct ValueTests {
  @Test("equality is equality of what is stored")
  func equality() {
    #expect(Value.integer(1) != .double(1))
    #expect(Value.double(0) != .double(-0.0))
    #expect(Value.double(.nan) == .double(.nan))
    #expect(Value.string("\u{e9}") != .string("e\u{301}"))
    #expect(Value.string("a") != .bytes([0x61]))
    #expect(Value.unsigned(5) == .integer(5))
    #expect(Value.unsigned(.max) != .integer(-1))
    #expect(Value(5) == .integer(5))
    #expect(Value(UInt64.max) == .unsigned(.max))
    #expect(
      Value.reference(collection: "a", key: "b") != .reference(collection: "a", key: "c"))
    #expect(Set<Value>(["\u{e9}", "e\u{301}", .integer(5), .unsigned(5), nil]).count == 4)
  }

  @Test("fields keep unique names in the order of their bytes")
  func fields() {
    var fields: Fields = ["b": 1, "\u{e9}": 2, "e\u{301}": 3, "aa": nil, "b": 4]
    #expect(fields.count == 4)
    #expect(
      fields.names.map { Array($0.utf8) }
        == ["aa", "b", "e\u{301}", "\u{e9}"].map { Array($0.utf8) })
    #expect(fields["b"] == 4)
    #expect(fields["aa"] == .null)
    #expect(fields["a"] == nil)
    fields["b"] = nil
    fields["none"] = nil
    fields["e\u{301}"] = 5
    #expect(fields["\u{e9}"] == 2)
    #expect(fields == ["aa": .null, "e\u{301}": 5, "\u{e9}": 2])
    #expect(fields != ["aa": .null, "e\u{301}": 5])
    #expect(fields.map(\.value) == [nil, 5, 2])
    #expect(Fields().isEmpty)
  }

  @Test("literals make the value they look like")
  func literals() {
    let value: Value = ["a": [1, 1.5, "x", true, nil], "b": [:]]
    #expect("\(value)" == #"{"a":[1,1.5,"x",true,null],"b":{}}"#)
  }

  @Test("base64 is read in one spelling only")
  func base64() {
    for (bytes, text) in [
      ([], ""), ([0x66], "Zg=="), ([0x66, 0x6F], "Zm8="), ([0, 255, 62], "AP8+"),
    ]
      as [([UInt8], String)]
    {
      #expect(Base64.encode(bytes) == text)
      #expect(Base64.decode(text) == bytes)
    }
    for text in [
      "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "====", "Z===", "Zg=a", "Zm-_", "Zm8=\n", "AAA ",
    ] {
      #expect(Base64.decode(text) == nil, "\(text)")
    }
  }

  @Test("hex is read in either case, in pairs only")
  func hex() {
    #expect(Hex.encode([0, 0xAB]) == "00ab")
    #expect(Hex.decode("00aB") == [0, 0xAB])
    #expect(Hex.decode("") == [])
    #expect(Hex.decode("0") == nil)
    #expect(Hex.decode("0g") == nil)
  }
}
