import Journal
import Testing

@Suite("JSON text")
struct JSONTextTests {
  @Test("members are in the order of their bytes at every level, where CBOR puts short names first")
  func order() throws {
    let source = #"{"b":1,"aa":{"z":1,"yy":2},"é":3,"Z":[{"b":1,"ab":2}],"":0}"#
    let sorted = #"{"":0,"Z":[{"ab":2,"b":1}],"aa":{"yy":2,"z":1},"b":1,"é":3}"#
    #expect(JSONText.string(try JSONText.parse(source)) == sorted)
    #expect(try json(try cbor(source)) == sorted)
    #expect(Hex.encode(try cbor(#"{"b":1,"aa":2,"":3}"#)) == "a36003616201626161" + "02")
  }

  @Test("strings carry only the escapes they must")
  func escapes() {
    let text = "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}\u{2028}é😀"
    #expect(
      JSONText.string(.string(text))
        == #""\"\\/\b\f\n\r\t\u0000\u001f"# + "\u{7f}\u{2028}é😀\"")
  }

  @Test(
    "doubles have a point or an exponent, integers have not",
    arguments: [
      (Value.double(1), "1.0"), (.double(-0.0), "-0.0"), (.double(0.1), "0.1"),
      (.double(1e300), "1e+300"), (.double(0x1p-1074), "5e-324"),
      (.integer(.min), "-9223372036854775808"),
      (.unsigned(.max), "18446744073709551615"), (.double(51.8598089), "51.8598089"),
    ])
  func numbers(_ value: Value, _ text: String) throws {
    #expect(JSONText.string(value) == text)
    #expect(try json(try cbor(value)) == text)
  }

  @Test("bytes and references are written in their own forms, which read as plain objects")
  func ownForms() throws {
    let value: Value = ["b": .bytes([0, 255]), "r": .reference(collection: "c", key: "\"")]
    let text = #"{"b":{"$bytes":"AP8="},"r":{"$ref":["c","\""]}}"#
    #expect(JSONText.string(value) == text)
    #expect(try json(try cbor(value)) == text)
    #expect(
      try JSONText.parse(text) == ["b": ["$bytes": "AP8="], "r": ["$ref": ["c", "\""]]])
  }

  @Test("empty containers and literals", arguments: ["{}", "[]", "[{},[]]", "[null,true,false]"])
  func literals(_ text: String) throws {
    #expect(JSONText.string(try JSONText.parse(text)) == text)
    #expect(try json(try cbor(text)) == text)
  }

  @Test("containers of any size have the right head", arguments: [0, 1, 23, 24, 255, 256, 70_000])
  func sizes(_ count: Int) throws {
    let text = "[\((0..<count).map { "\($0 % 10)" }.joined(separator: ","))]"
    let bytes = try cbor(text)
    #expect(isAccepted(bytes))
    #expect(try json(bytes) == text)
    let string = "\"\\n\(String(repeating: "x", count: count))\""
    #expect(isAccepted(try cbor(string)))
    #expect(try json(try cbor(string)) == string)
  }

  @Test("a map without text keys has no JSON text")
  func integerKeys() {
    #expect(refusal { _ = try json([0xA1, 0x01, 0x02]) }.contains("expected a text"))
    #expect(refusal { _ = try json([0x01, 0x02]) }.contains("bytes follow"))
  }
}
